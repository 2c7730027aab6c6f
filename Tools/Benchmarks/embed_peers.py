#!/usr/bin/env python3
"""Cells a second through models of Geneformer's shapes with random weights; see README.md; started by embed-peers."""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

MODELS = {
    "V1": dict(hidden_size=256, num_hidden_layers=6, num_attention_heads=4, intermediate_size=512, vocab_size=25426,
               max_position_embeddings=2048, hidden_act="relu", pad_token_id=0, layer_norm_eps=1e-12),
    "V2": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=20275,
               max_position_embeddings=4096, hidden_act="relu", pad_token_id=0, layer_norm_eps=1e-12),
}
PEERS = {"torch": ["torch sdpa f32"], "onnxruntime": ["ONNX Runtime f32"], "openvino": ["OpenVINO f32", "OpenVINO bf16"]}
OWN = [("embdb f32", "f32", "all"), ("embdb bf16", "bf16", "all"), ("embdb f32, needed layers", "f32", "needed"), ("embdb bf16, needed layers", "bf16", "needed")]
# A measurement lasts so many seconds, or one forward; the best forward counts.
SECONDS = 3.0


def operations(model: dict, length: int) -> int:
    """Of the linear layers and the attention products of all layers; a multiplication and an addition are two."""
    h, f = model["hidden_size"], model["intermediate_size"]
    return model["num_hidden_layers"] * (2 * length * (4 * h * h + 2 * h * f) + 4 * length * length * h)


# One peer in a process of its own: nothing of another library's threads or memory is beside it.

def encoder(model: dict, attention: str):
    import torch
    from transformers import BertConfig, BertModel

    class Encoder(torch.nn.Module):
        """The last hidden state and the mean of the second-to-last one, which is what embeddings are made of."""

        def __init__(self):
            super().__init__()
            config = BertConfig(**model, attn_implementation=attention)
            torch.manual_seed(0)
            self.bert = BertModel(config, add_pooling_layer=False).eval()

        def forward(self, input_ids, attention_mask):
            output = self.bert(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
            return output.hidden_states[-2].mean(1), output.last_hidden_state

    return Encoder().eval()


def peer(name: str, model: dict, length: int, threads: int, work: Path) -> float:
    import numpy as np
    import torch
    torch.set_num_threads(threads)
    ids = torch.randint(2, model["vocab_size"], (1, length), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    if name.startswith("torch"):
        net = encoder(model, "sdpa")

        def run():
            with torch.inference_mode():
                net(ids, mask)
    elif name.startswith("ONNX"):
        import onnxruntime
        path = work / f"{model['hidden_size']}.onnx"
        if not path.exists():
            with torch.no_grad():
                torch.onnx.export(encoder(model, "eager"), (ids[:, :64], mask[:, :64]), str(path), dynamo=False,
                                  input_names=["ids", "mask"], output_names=["embedding", "last"], opset_version=17,
                                  dynamic_axes={"ids": {0: "b", 1: "l"}, "mask": {0: "b", 1: "l"}})
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = {i.name for i in session.get_inputs()}
        feed = {n: v.numpy() for n, v in (("ids", ids), ("mask", mask)) if n in names}

        def run():
            session.run(None, feed)
    else:
        import openvino
        core = openvino.Core()
        converted = openvino.convert_model(encoder(model, "sdpa"), example_input=(ids[:, :64], mask[:, :64]))
        compiled = core.compile_model(converted, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": name.split()[-1]})
        inputs = [ids.numpy(), mask.numpy()]

        def run():
            compiled(inputs)
    run()
    best, end = float("inf"), time.perf_counter() + SECONDS
    while best == float("inf") or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return 1 / best


def folder(name: str, arguments) -> Path:
    """A model that embdb draws from a seed: a configuration and a vocabulary."""
    path = arguments.work / name
    path.mkdir(parents=True, exist_ok=True)
    config = dict(MODELS[name], model_type="bert", embdb_seed=1)
    (path / "config.json").write_text(json.dumps(config))
    lines = arguments.vocabulary.read_text().splitlines()
    (path / "vocabulary.tsv").write_text("\n".join(lines[:1 + MODELS[name]["vocab_size"]]) + "\n")
    return path


def embdb(arguments, name: str, length: int, precision: str, layers: str) -> dict:
    command = [arguments.embdb, "bench", "embed", "--model", folder(name, arguments), "--length", length, "--layers", layers,
               "--precision", precision, "--threads", arguments.threads, "--format", "json"]
    return json.loads(subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL).stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--embdb", required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--shapes", default="V1-2048,V1-512,V2-2048,V2-512")
    parser.add_argument("--peers", default="torch,onnxruntime,openvino")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2, help="all are measured so many times in turn, and the best counts")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    if arguments.peer:
        name, length = arguments.shapes.split("-")
        print(json.dumps(peer(arguments.peer, MODELS[name], int(length), arguments.threads, arguments.work)))
        return

    # The same cores for everybody, and children inherit them.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-arguments.threads:])
    has_bf16 = "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    names = [p for peer in arguments.peers.split(",") for p in PEERS.get(peer, []) if has_bf16 or "bf16" not in p]
    results, simd = {}, "?"
    for round in range(arguments.rounds):
        for shape in arguments.shapes.split(","):
            model, length = shape.split("-")
            found = results.setdefault(shape, {})
            for label, precision, layers in OWN:
                answer = embdb(arguments, model, int(length), precision, layers)
                simd = answer["simd_level"]
                # On a CPU without the instructions it is f32 that runs.
                if answer["precision"] == precision:
                    found[label] = max(found.get(label, 0), answer["cells_per_second"])
            for name in names:
                command = [sys.executable, __file__, "--peer", name, "--shapes", shape, "--threads", str(arguments.threads),
                           "--embdb", "", "--vocabulary", arguments.vocabulary, "--work", arguments.work]
                done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                if done.returncode:
                    found.setdefault(name, None)
                    print(f"{name}, {shape}: {(done.stderr.strip() or '?').splitlines()[-1]}", file=sys.stderr)
                else:
                    found[name] = max(found.get(name) or 0, json.loads(done.stdout.splitlines()[-1]))
    print(f"cells/s (GFLOP/s), {arguments.threads} thread(s), SIMD level {simd}")
    columns = [c for c in [label for label, _, _ in OWN] + names if any(c in found for found in results.values())]
    print("| shape, tokens | " + " | ".join(columns) + " | embdb / best peer, f32 | bf16 |")
    print("|---|" + "--:|" * (len(columns) + 2))
    for shape, found in results.items():
        model, length = shape.split("-")
        work = operations(MODELS[model], int(length)) * 1e-9
        layers = MODELS[model]["num_hidden_layers"]
        # One layer less is one layer's operations less.
        cells = [f"{found[c]:.3g} ({found[c] * work * (1 - ('needed' in c) / layers):.0f})" if found.get(c) else "–" for c in columns]
        for precision in ("f32", "bf16"):
            best = max((found[c] for c in names if found.get(c) and c.endswith(precision)), default=None)
            own = found.get("embdb " + precision)
            cells.append(f"{own / best:.2f}" if best and own else "–")
        print(f"| {shape} | " + " | ".join(cells) + " |")
    if arguments.out:
        arguments.out.write_text(json.dumps(dict(threads=arguments.threads, simd_level=simd, cells_per_second=results), indent=1))


if __name__ == "__main__":
    main()
