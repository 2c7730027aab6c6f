#!/usr/bin/env python3
"""Losses and speed of masked-gene learning, embdb beside PyTorch; see README.md; started by train-peers."""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

PAD, MASK, NOTHING = 0, 1, -100
# Learning curves are smoothed over so many steps.
WINDOW = 20
CURVES = [("embdb", "#d1495b"), ("PyTorch", "#00798c"), ("PyTorch, start perturbed", "#edae49")]


# Cells.

def drawn_cells(count: int, genes: int, length: int, random: np.random.Generator) -> list[np.ndarray]:
    """Cells of eight types: a gene's level is that of all cells, changed by the type and by chance; a cell has its highest genes, in order."""
    everywhere = random.normal(0, 1.5, genes)
    of_type = random.normal(0, 1.5, (8, genes)) * (random.random((8, genes)) < 0.1)
    cells = []
    for _ in range(count):
        level = everywhere + of_type[random.integers(8)] + random.normal(0, 0.3, genes)
        cells.append((2 + np.argsort(-level)[:random.integers(length // 2, length + 1)]).astype(np.int32))
    return cells


def real_cells(path: Path, count: int, length: int, random: np.random.Generator) -> list[np.ndarray]:
    """Cells of `embdb export --tokens`, in an order by chance, as often as needed."""
    with np.load(path) as file:
        places, tokens = file["indptr"], file["tokens"].astype(np.int32)
    cells = [tokens[a:b][:length] for a, b in zip(places[:-1], places[1:]) if b > a]
    order = np.concatenate([random.permutation(len(cells)) for _ in range(-(-count // len(cells)))])[:count]
    return [cells[index] for index in order]


def masked(cells: list[np.ndarray], vocabulary: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (-1 behind the end) and labels: 15 % of the genes are to be found, of which 80 % are hidden, 10 % replaced, 10 % left."""
    length = max(map(len, cells))
    inputs, labels = np.full((len(cells), length), -1, np.int32), np.full((len(cells), length), NOTHING, np.int32)
    for row, cell in enumerate(cells):
        chosen = random.random(len(cell)) < 0.15
        chosen[random.integers(len(cell))] |= not chosen.any()
        what = random.random(len(cell))
        shown = np.where(what < 0.8, MASK, np.where(what < 0.9, random.integers(0, vocabulary, len(cell)), cell))
        inputs[row, :len(cell)] = np.where(chosen, shown, cell)
        labels[row, :len(cell)] = np.where(chosen, cell, NOTHING)
    return inputs, labels


# The three that learn.

def start(arguments, vocabulary: int, length: int, perturbed: bool) -> Path:
    """A folder with random weights, which both sides load; perturbed: each weight changed by a millionth of it."""
    import torch
    from transformers import BertConfig, BertForMaskedLM
    from transformers.utils.logging import disable_progress_bar
    disable_progress_bar()
    folder = arguments.work / ("perturbed" if perturbed else "start")
    torch.manual_seed(arguments.seed)
    model = BertForMaskedLM(BertConfig(
        vocab_size=vocabulary, hidden_size=arguments.hidden, num_hidden_layers=arguments.layers, num_attention_heads=arguments.heads,
        intermediate_size=2 * arguments.hidden, max_position_embeddings=length, hidden_act="relu", pad_token_id=PAD,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    if perturbed:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter *= 1 + 1e-6 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return folder


def embdb(arguments, folder: Path, data: str, threads: int) -> dict:
    command = [arguments.embdb, "bench", "train", "--model", folder, "--inputs", arguments.work / f"{data}_inputs.npy",
               "--labels", arguments.work / f"{data}_labels.npy", "--batch", arguments.batch, "--learning-rate", arguments.learning_rate,
               "--warmup", arguments.warmup, "--weight-decay", arguments.weight_decay, "--dropout", 0, "--threads", threads,
               "--quiet", "--format", "json"]
    return json.loads(subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE).stdout)


def torch_peer(arguments) -> dict:
    """One training by PyTorch; started in a process of its own."""
    import torch
    from transformers import BertForMaskedLM
    torch.set_num_threads(arguments.threads)
    model = BertForMaskedLM.from_pretrained(arguments.folder, attn_implementation="sdpa").train()
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW([
        {"params": [parameter for _, parameter in named if parameter.ndim == 2], "weight_decay": arguments.weight_decay},
        {"params": [parameter for _, parameter in named if parameter.ndim != 2], "weight_decay": 0.0}],
        lr=arguments.learning_rate, betas=(0.9, 0.999), eps=1e-8)
    inputs = np.load(arguments.work / f"{arguments.data}_inputs.npy")
    labels = np.load(arguments.work / f"{arguments.data}_labels.npy")
    steps = -(-len(inputs) // arguments.batch)
    rising = int(arguments.warmup * steps + 0.5)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: s / max(1, rising) if s < rising else (steps - s) / max(1, steps - rising))
    losses, seconds = [], 0.0
    for step in range(steps):
        rows = slice(step * arguments.batch, (step + 1) * arguments.batch)
        longest = int((inputs[rows] >= 0).sum(1).max())
        tokens = torch.from_numpy(inputs[rows, :longest].astype(np.int64))
        wanted = torch.from_numpy(labels[rows, :longest].astype(np.int64))
        begin = time.perf_counter()
        mask = (tokens >= 0).long()
        tokens = torch.where(tokens >= 0, tokens, PAD)
        if arguments.all_logits:
            loss = model(input_ids=tokens, attention_mask=mask, labels=wanted).loss
        else:
            # The head for the genes that are to be found alone, as embdb has it.
            hidden = model.bert(input_ids=tokens, attention_mask=mask).last_hidden_state
            is_wanted = wanted >= 0
            loss = torch.nn.functional.cross_entropy(model.cls(hidden[is_wanted]), wanted[is_wanted])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        seconds += time.perf_counter() - begin
    return dict(losses=losses, seconds=seconds, cells_per_second=len(inputs) / seconds)


def pytorch(arguments, folder: Path, data: str, threads: int, all_logits: bool = True) -> dict:
    command = [sys.executable, __file__, "--peer", "--folder", folder, "--data", data, "--threads", threads, "--work", arguments.work]
    for name in ("batch", "learning_rate", "warmup", "weight_decay"):
        command += ["--" + name.replace("_", "-"), getattr(arguments, name)]
    command += ["--all-logits"] if all_logits else []
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


# What is said of them.

def smoothed(losses: list[float]) -> np.ndarray:
    """The mean of the last steps, of as many as there are at the start."""
    sums = np.concatenate([[0.0], np.cumsum(losses)])
    ends = np.arange(1, len(losses) + 1)
    begins = np.maximum(0, ends - WINDOW)
    return (sums[ends] - sums[begins]) / (ends - begins)


def table(curves: dict[str, np.ndarray]) -> str:
    steps = len(next(iter(curves.values())))
    shown = sorted({step for step in [1, 10, *range(100, steps, 100), steps] if step <= steps})
    lines = ["| step | " + " | ".join(curves) + " | embdb − PyTorch | perturbed − PyTorch |", "|--:|" + "--:|" * (len(curves) + 2)]
    for step in shown:
        values = [curve[step - 1] for curve in curves.values()]
        lines.append(f"| {step} | " + " | ".join(f"{value:.4f}" for value in values)
                     + f" | {values[0] - values[1]:+.1e} | {values[2] - values[1]:+.1e} |")
    return "\n".join(lines)


def svg(curves: dict[str, np.ndarray]) -> str:
    width, height, left, top = 720, 400, 56, 16
    steps = len(next(iter(curves.values())))
    low, high = min(curve.min() for curve in curves.values()), max(curve.max() for curve in curves.values())

    def x(step: float) -> float:
        return left + (width - left - 16) * step / steps

    def y(loss: float) -> float:
        return top + (height - top - 44) * (high - loss) / max(1e-9, high - low)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for part in range(6):
        step, loss = steps * part / 5, low + (high - low) * part / 5
        parts += [f'<line x1="{left}" x2="{width - 16}" y1="{y(loss):.1f}" y2="{y(loss):.1f}" stroke="#ddd"/>',
                  f'<text x="{left - 6}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss:.2f}</text>',
                  f'<text x="{x(step):.1f}" y="{height - 26}" text-anchor="middle">{step:.0f}</text>']
    parts.append(f'<text x="{(left + width) / 2}" y="{height - 8}" text-anchor="middle">step; loss in nats, mean of {WINDOW} steps</text>')
    # They lie on each other: the first ones wide below the last.
    for number, (name, color) in enumerate(reversed(CURVES)):
        points = " ".join(f"{x(step + 1):.1f},{y(loss):.1f}" for step, loss in enumerate(curves[name]))
        parts += [f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{5 - 1.8 * number:.1f}"/>',
                  f'<text x="{width - 200}" y="{top + 20 + 18 * number}" fill="{color}">{name}</text>']
    return "\n".join(parts + ["</svg>"]) + "\n"


def speeds(arguments, folder: Path) -> None:
    """Cells a second, all in turn; of all rounds the fastest counts."""
    peers = [("embdb", lambda threads: embdb(arguments, folder, "speed", threads)),
             ("PyTorch, logits of hidden genes", lambda threads: pytorch(arguments, folder, "speed", threads, all_logits=False)),
             ("PyTorch, transformers as it is", lambda threads: pytorch(arguments, folder, "speed", threads))]
    print("\n| threads | " + " | ".join(f"{name}, cells/s" for name, _ in peers) + " | embdb / the first | embdb / the second |")
    print("|--:|" + "--:|" * (len(peers) + 2))
    everywhere = sorted(os.sched_getaffinity(0))
    for threads in [count for count in arguments.speed_threads if count <= len(everywhere)]:
        # The same cores for everybody; children inherit them.
        os.sched_setaffinity(0, everywhere[-threads:])
        best = dict.fromkeys((name for name, _ in peers), 0.0)
        for _ in range(arguments.rounds):
            for name, run in peers:
                best[name] = max(best[name], run(threads)["cells_per_second"])
        rates = list(best.values())
        print(f"| {threads} | " + " | ".join(f"{rate:.1f}" for rate in rates)
              + f" | {rates[0] / rates[1]:.2f} | {rates[0] / rates[2]:.2f} |")
    os.sched_setaffinity(0, everywhere)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--embdb")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--tokens", type=Path, help="cells of `embdb export --tokens` (default: drawn)")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=96, help="tokens of the longest cell")
    parser.add_argument("--genes", type=int, default=3000, help="of drawn cells")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--warmup", type=float, default=0.05)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of the curves")
    parser.add_argument("--speed-threads", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2])
    parser.add_argument("--speed-steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3, help="all are timed so many times in turn, and the best counts")
    parser.add_argument("--out", type=Path, help="draw the curves as an SVG")
    for name in ("--peer", "--all-logits"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    for name in ("--folder", "--data"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        print(json.dumps(torch_peer(arguments)))
        return

    arguments.work.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(arguments.seed)
    count = arguments.steps * arguments.batch
    if arguments.tokens:
        cells = real_cells(arguments.tokens, count, arguments.length, random)
        vocabulary = max(int(cell.max()) for cell in cells) + 1
    else:
        cells, vocabulary = drawn_cells(count, arguments.genes, arguments.length, random), arguments.genes + 2
    # For the speed all are of one length, so that nobody pads.
    full = [random.permutation(np.arange(2, vocabulary, dtype=np.int32))[:arguments.length] for _ in range(arguments.speed_steps * arguments.batch)]
    for name, some in (("curve", cells), ("speed", full)):
        for kind, values in zip(("inputs", "labels"), masked(some, vocabulary, random)):
            np.save(arguments.work / f"{name}_{kind}.npy", values)
    folder = start(arguments, vocabulary, arguments.length, perturbed=False)
    other = start(arguments, vocabulary, arguments.length, perturbed=True)

    own = embdb(arguments, folder, "curve", arguments.threads)
    results = [own, pytorch(arguments, folder, "curve", arguments.threads), pytorch(arguments, other, "curve", arguments.threads)]
    curves = {name: smoothed(result["losses"]) for (name, _), result in zip(CURVES, results)}
    ours, theirs, noise = curves.values()
    print(f"{arguments.layers} layers of {arguments.hidden}, {vocabulary} tokens, {arguments.batch} cells a step of up to {arguments.length} genes, "
          f"{sum(map(len, cells)) / len(cells):.0f} in the mean, {'of ' + arguments.tokens.name if arguments.tokens else 'drawn'}; "
          f"SIMD level {own['simd_level']}, BLAS kernel {own['blas_kernel']}; losses are means of up to {WINDOW} steps\n")
    print(table(curves))
    print(f"\nlargest difference of the smoothed curves: embdb and PyTorch {np.abs(ours - theirs).max():.2e}, "
          f"PyTorch and PyTorch perturbed by a millionth {np.abs(noise - theirs).max():.2e}")
    first = [abs(a - b) for a, b in zip(own["losses"][:10], results[1]["losses"])]
    print(f"largest difference of the first ten losses: embdb and PyTorch {max(first):.2e}")
    if arguments.rounds:
        speeds(arguments, folder)
    if arguments.out:
        arguments.out.write_text(svg(curves))


main()
