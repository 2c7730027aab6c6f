#!/usr/bin/env python3
"""embdb and its peers: the same vectors, the same queries, one recall, one run. See README.md; started by search-peers."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from peers import PEERS, unit

# Beam lengths of embdb.
LADDER = (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 896)
TARGETS = (0.95, 0.99)
# A pass is repeated for so many seconds at least, and the best one counts: the machine may do other work.
LEAST_SECONDS = 0.3
# embdb's passes are three a call, some 20 ms each: so many calls are about as long.
CALLS = 5
# A ladder is left when its next step would take longer.
LONGEST_PASS = 10.0
ADDED_AT_ONCE = 1000


# What is searched.

def masks(labels: np.ndarray | None, count: int) -> dict[str, np.ndarray]:
    """Who may be a neighbor: shares of all that know nothing of the vectors, and the cells of one type."""
    draw = np.random.default_rng(7).random(count)
    chosen = {"10 %": draw < 0.1, "1 %": draw < 0.01}
    if labels is not None:
        types, counts = np.unique(labels, return_counts=True)
        # A type of ordinary size: some are most of a tissue, others a few cells.
        chosen["one type"] = labels == types[np.argmin(np.abs(counts - count / len(types)))]
    return chosen


def truth(vectors: np.ndarray, queries: np.ndarray, k: int, mask: np.ndarray | None = None) -> np.ndarray:
    """The k nearest rows of each query by cosine [queries, k], ties by row; −1 where there are fewer."""
    rows = np.arange(len(vectors)) if mask is None else np.flatnonzero(mask)
    base, wanted = unit(vectors[rows]), unit(queries)
    nearest = np.full((len(queries), k), -1, np.int64)
    k = min(k, len(rows))
    for start in range(0, len(queries), 100):
        scores = wanted[start:start + 100] @ base.T
        best = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
        nearest[start:start + 100, :k] = rows[np.take_along_axis(best, order, 1)]
    return nearest


def recall(found: np.ndarray, nearest: np.ndarray) -> float:
    """The share of the true k nearest that were found."""
    wanted = nearest[:len(found)]
    hits = sum(np.isin(row[row >= 0], answer).sum() for row, answer in zip(wanted, found))
    return float(hits / (wanted >= 0).sum())


def speed_at(target: float, curve: list[dict]) -> float | None:
    """Queries a second at a recall, between the two settings around it: log of speed against log of what is missed."""
    points = sorted((point["recall"], point["qps"]) for point in curve)
    # Of settings that are slower and no better than another, none is taken.
    points = [(r, q) for r, q in points if all(q >= other for better, other in points if better >= r)]
    above = [point for point in points if point[0] >= target]
    below = [point for point in points if point[0] < target]
    if not above:
        return None
    (r1, q1) = above[0]
    if not below:
        return q1
    (r0, q0) = below[-1]
    missed = np.log([max(1 - r, 1e-5) for r in (r0, target, r1)])
    share = (missed[0] - missed[1]) / (missed[0] - missed[2])
    return float(np.exp((1 - share) * np.log(q0) + share * np.log(q1)))


# Peers, each step in a process of its own.

def timed(body):
    start = time.perf_counter()
    result = body()
    return result, time.perf_counter() - start


def ladder(efforts, count, search, nearest) -> list[dict]:
    curve = []
    for effort in efforts:
        found, best = timed(lambda: search(effort))
        spent = best
        while spent < LEAST_SECONDS:
            _, seconds = timed(lambda: search(effort))
            best, spent = min(best, seconds), spent + seconds
        curve.append({"effort": effort, "recall": recall(found, nearest), "qps": count / best})
        if curve[-1]["recall"] > 0.995 or spent > LONGEST_PASS:
            break
    return curve


def step(name: str, what: str, work: Path, threads: int) -> dict:
    peer = PEERS[name]()
    path = work / (name.replace(" ", "_") + ".index")
    vectors = np.load(work / "vectors.npy", mmap_mode="r")
    dimension = vectors.shape[1]
    if what == "build":
        # Some save into a folder, which must not be there from a former run.
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        loaded = np.ascontiguousarray(vectors)
        _, seconds = timed(lambda: peer.build(loaded, threads))
        peer.save(path)
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        return {"build_seconds": seconds, "bytes": sum(file.stat().st_size for file in files)}
    queries = np.load(work / "queries.npy")
    if what == "add":
        if not peer.can_add or not (work / "added.npy").exists():
            return {}
        added = np.load(work / "added.npy")
        peer.open_to_add(path, dimension)
        done, spent = 0, 0.0
        while done < len(added) and spent < 5:
            part = added[done:done + ADDED_AT_ONCE]
            _, seconds = timed(lambda: peer.add(part))
            done, spent = done + len(part), spent + seconds
        return {"added_per_second": done / spent}
    # What is imported is not what is measured.
    __import__({"hnswlib": "hnswlib", "faiss-cpu": "faiss", "usearch": "usearch.index", "rabitqlib": "rabitqlib",
                "scalable-vs": "svs"}[peer.package.split("==")[0]])

    def first():
        peer.open(path, dimension)
        peer.search(queries[:1], 10, 64)

    result = {"open_ms": 1000 * timed(first)[1]}
    nearest = np.load(work / "truth.npz")
    for k in (10, 100):
        result[f"k{k}"] = ladder(
            [e for e in peer.efforts if k == 10 or e >= k or max(peer.efforts) < 200], len(queries),
            lambda effort: peer.search(queries, k, effort), nearest["all"][:, :k])
    if peer.can_filter:
        some = queries[:peer.filtered_queries]
        for mask in np.load(work / "masks.npz").items():
            result[mask[0]] = ladder(
                peer.efforts, len(some), lambda effort: peer.search_among(some, 10, effort, mask[1]),
                nearest[mask[0]])
    return result


# Everything.

def environment(threads: int) -> dict[str, str]:
    """One thread, or two; what others set for OpenBLAS is not ours."""
    values = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        values[name] = str(threads)
    return values


def run(arguments: list[str], cpus: list[int]) -> str:
    """Runs a program on these CPUs alone; returns what it prints."""
    done = subprocess.run(
        arguments, env=environment(len(cpus)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if done.returncode != 0:
        reason = f"signal {-done.returncode}" if done.returncode < 0 else (done.stderr.strip().splitlines() or ["?"])[-1]
        raise RuntimeError(reason)
    return done.stdout


def measure_embdb(embdb: str, work: Path, cpus: list[int]) -> dict:
    database = work / "embdb.embdb"
    database.unlink(missing_ok=True)
    (work / "embdb.embdb-lock").unlink(missing_ok=True)

    def bench(cpus, k, efs, *more):
        return json.loads(run(
            [embdb, "bench", "search", "--vectors", str(work / "vectors.npy"), "--queries", str(work / "queries.npy"),
             "-k", str(k), "--ef", ",".join(map(str, efs)), "--threads", str(len(cpus)), "--database", str(database),
             "--format", "json", "--quiet", *more], cpus))

    def curve(calls):
        """The best of the calls at each ef; they answer the same."""
        best = [max(rows, key=lambda row: row["queries_per_second"]) for rows in zip(*calls)]
        return [{"effort": row["ef"], "recall": row["recall"], "qps": row["queries_per_second"]} for row in best]

    built = bench(cpus, 10, LADDER[:1])
    result = {
        "build_seconds": built["build_seconds"], "bytes": built["index_bytes"], "simd_level": built["simd_level"],
    }
    names = list(np.load(work / "masks.npz").keys())
    files = []
    for name, mask in np.load(work / "masks.npz").items():
        files.append(work / f"mask-{len(files)}.npy")
        np.save(files[-1], mask)
    out = work / "embdb-ids.npy"
    keeping = [part for file in files for part in ("--keep", str(file))]
    calls = [bench(cpus[:1], 10, LADDER, "--out", str(out), *keeping) for _ in range(CALLS)]
    searched = calls[-1]
    # embdb measures its own recall; here is whether it means the same.
    own, ours = searched["results"][-1]["recall"], recall(np.load(out), np.load(work / "truth.npz")["all"][:, :10])
    if abs(own - ours) > 0.002:
        print(f"embdb counts recall {own:.4f} where this script counts {ours:.4f}", file=sys.stderr)
    result["open_ms"] = 1000 * searched["open_seconds"]
    result["k10"] = curve([call["results"] for call in calls])
    for place, name in enumerate(names):
        result[name] = curve([call["filters"][place]["results"] for call in calls])
    result["k100"] = curve(
        [bench(cpus[:1], 100, [100, 128, 160, 200, 256, 384, 512, 768])["results"] for _ in range(CALLS)])
    if (work / "added.npy").exists():
        added = bench(cpus[:1], 10, LADDER[:1], "--add", str(work / "added.npy"))["added"]
        result["added_per_second"] = added["rows_per_second"]
    return result


def measure_peer(name: str, work: Path, cpus: list[int]) -> dict:
    result = {}
    for what, on in (("build", cpus), ("search", cpus[:1]), ("add", cpus[:1])):
        result |= json.loads(run(
            [sys.executable, __file__, "--step", what, "--peer", name, "--work", str(work)], on))
    return result


def table(results: dict[str, dict], filters: list[str]) -> str:
    columns = [("QPS 0.95", "k10", 0.95), ("QPS 0.99", "k10", 0.99), ("k=100 0.99", "k100", 0.99)]
    columns += [(f"{name}, 0.95", name, 0.95) for name in filters] + [
        (f"{name}, 0.99", name, 0.99) for name in filters if name == "one type"]
    rows = [[""] + [title for title, _, _ in columns] + ["build s", "file MB", "open ms", "added/s"]]
    for name, result in results.items():
        if "error" in result:
            rows.append([name] + ["-"] * (len(rows[0]) - 1))
            continue
        cells = [name]
        for _, key, target in columns:
            if key not in result:
                cells.append("cannot")
                continue
            speed = speed_at(target, result[key])
            cells.append("not reached" if speed is None else f"{speed:,.0f}")
        cells += [f"{result['build_seconds']:.1f}", f"{result['bytes'] / 1e6:.0f}", f"{result['open_ms']:.1f}"]
        cells.append(f"{result['added_per_second']:,.0f}" if "added_per_second" in result else "cannot")
        rows.append(cells)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]) for row in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embdb", help="the built binary")
    parser.add_argument("--work", type=Path, required=True, help="folder for data and indexes")
    parser.add_argument("--rows", type=int, default=200_000, help="vectors that are made")
    parser.add_argument("--dimension", type=int, default=256, help="of vectors that are made")
    parser.add_argument("--vectors", type=Path, help="your own, .npy float32 [vectors, dimension]")
    parser.add_argument("--queries", type=Path, help="with --vectors: .npy float32 [queries, dimension]")
    parser.add_argument("--labels", type=Path, help="with --vectors: .npy of whole numbers [vectors], for the filter by type")
    parser.add_argument("--peers", default=",".join(PEERS), help="names, separated by commas")
    parser.add_argument("--out", type=Path, help="write all that was measured to this .json")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    work = options.work
    if options.step:
        print(json.dumps(step(options.peer, options.step, work, len(os.sched_getaffinity(0)))))
        return
    unknown = [name for name in options.peers.split(",") if name and name not in PEERS]
    if unknown or (options.vectors is None) != (options.queries is None):
        parser.error(f"no peer is called {unknown[0]}: {', '.join(PEERS)}" if unknown
                     else "--vectors and --queries go together")

    work.mkdir(parents=True, exist_ok=True)
    if options.vectors:
        (work / "added.npy").unlink(missing_ok=True)
        np.save(work / "vectors.npy", np.load(options.vectors).astype(np.float32))
        np.save(work / "queries.npy", np.load(options.queries).astype(np.float32))
    else:
        import make_cells
        make_cells.write(work, options.rows, options.dimension, 1000, seed=1)
    vectors, queries = np.load(work / "vectors.npy"), np.load(work / "queries.npy")
    labels_file = options.labels if options.vectors else work / "labels.npy"
    chosen = masks(np.load(labels_file) if labels_file else None, len(vectors))
    np.savez(work / "masks.npz", **chosen)
    np.savez(work / "truth.npz", all=truth(vectors, queries, 100),
             **{name: truth(vectors, queries, 10, mask) for name, mask in chosen.items()})

    cpus = sorted(os.sched_getaffinity(0))[-2:]
    results = {}
    for name in ["embdb"] + [name for name in options.peers.split(",") if name]:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            results[name] = (
                measure_embdb(options.embdb, work, cpus) if name == "embdb" else measure_peer(name, work, cpus))
        except RuntimeError as error:
            print(f"skipped: {name} does not run here: {error}", file=sys.stderr)
            results[name] = {"error": str(error)}
    kept = ", ".join(f"{name}: {mask.sum():,}" for name, mask in chosen.items())
    print(f"{len(vectors):,} vectors of {vectors.shape[1]} dimensions, {len(queries):,} queries, cosine, k = 10 where nothing "
          f"else is said; one thread (build: {len(cpus)}).\nFilters keep {kept}. "
          f"embdb's kernels: {results['embdb'].get('simd_level', 'unknown')}.\n")
    print(table(results, list(chosen)))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
