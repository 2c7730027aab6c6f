#!/usr/bin/env python3
"""Seconds for all deletions of one cell, with random weights; see README.md; started by knockout-peers."""
import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from embed_peers import MODELS, folder

# Deletions that go through PyTorch together.
BATCH = 8


def geneformer(model: dict, length: int, threads: int, sample: int) -> float:
    """Seconds a deletion, as Geneformer's perturber computes it: BertForMaskedLM in f32, all hidden states and the logits."""
    import torch
    from transformers import BertConfig, BertForMaskedLM
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = BertForMaskedLM(BertConfig(**model, attn_implementation="sdpa")).eval()
    cell = torch.randperm(model["vocab_size"] - 2, generator=torch.Generator().manual_seed(1))[:length] + 2
    places = [index * length // sample for index in range(sample)]
    variants = torch.stack([torch.cat([cell[:place], cell[place + 1:]]) for place in places])
    with torch.inference_mode():
        # A whole batch, so that its memory is there.
        net(variants[:BATCH], output_hidden_states=True)
        start = time.perf_counter()
        for first in range(0, sample, BATCH):
            net(variants[first:first + BATCH], attention_mask=torch.ones_like(variants[first:first + BATCH]), output_hidden_states=True)
        return (time.perf_counter() - start) / sample


def own(arguments, precision: str) -> dict:
    command = [arguments.embdb, "bench", "knockouts", "--model", folder(arguments.shape, arguments), "--length", arguments.length,
               "--precision", precision, "--verify", arguments.sample, "--threads", arguments.threads, "--format", "json"]
    return json.loads(subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--embdb", required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--shape", choices=MODELS, default="V1")
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sample", type=int, default=32, help="deletions that are timed; all are extrapolated from them")
    arguments = parser.parse_args()
    # In turn, so that no side has the machine at another time of the day alone.
    peer = [geneformer(MODELS[arguments.shape], arguments.length, arguments.threads, arguments.sample)]
    results = {precision: own(arguments, precision) for precision in ("f32", "bf16")}
    peer.append(geneformer(MODELS[arguments.shape], arguments.length, arguments.threads, arguments.sample))
    theirs = min(peer) * arguments.length
    some = results["f32"]
    print(f"{arguments.shape}, a cell of {arguments.length} tokens, {arguments.threads} thread(s), BLAS kernel {some['blas_kernel']}, SIMD level {some['simd_level']}")
    print(f"{'what':44}{'seconds':>12}{'ratio':>9}")
    print(f"{'Geneformer in PyTorch f32 (' + str(arguments.sample) + ' deletions timed)':44}{theirs:12.1f}{1:9.2f}")
    for precision, result in results.items():
        ran = result["precision"]
        if ran != precision:
            print(f"{'embdb ' + precision:44}{'this CPU has it not':>21}")
            continue
        print(f"{f'embdb {ran}, exact':44}{result['exact_seconds']:12.1f}{theirs / result['exact_seconds']:9.2f}")
        print(f"{f'embdb {ran}, estimated':44}{result['screen_seconds']:12.2f}{theirs / result['screen_seconds']:9.1f}")


if __name__ == "__main__":
    sys.exit(main())
