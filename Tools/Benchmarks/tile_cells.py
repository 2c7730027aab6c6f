#!/usr/bin/env python3
"""Many vectors from few real ones, for benchmarks of search.

usage: tile_cells.py CELLS.npy FOLDER [--rows 200000] [--queries 1000] [--seed 1]

Writes vectors.npy and queries.npy (float32), added.npy (5 % more) and labels.npy (which cell each vector is made from, int32). Each
vector is a cell moved towards some of its 10 nearest cells and a little aside, so that the vectors fill the same sheets as the cells:
noise in all directions alone would make all copies of a cell equally far from one another.
"""
import argparse
from pathlib import Path

import numpy as np

NEAREST = 10
TOWARDS = 3
ASIDE = 0.1


def tile(cells: np.ndarray, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [count, dimension] and the cells that they are made from."""
    squares = (cells**2).sum(1)
    distances = squares[:, None] - 2 * cells @ cells.T + squares
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :NEAREST]
    spacing = np.sqrt(np.take_along_axis(distances, nearest, 1).mean(1).clip(0))
    origin = np.resize(random.permutation(len(cells)), count).astype(np.int32)
    vectors = np.empty((count, cells.shape[1]), np.float32)
    for start in range(0, count, 10_000):
        own = origin[start : start + 10_000]
        part = cells[own].copy()
        for _ in range(TOWARDS):
            other = nearest[own, random.integers(0, NEAREST, len(own))]
            part += random.normal(0, 0.5, (len(own), 1)) * (cells[other] - cells[own])
        aside = random.normal(0, ASIDE / cells.shape[1] ** 0.5, part.shape)
        vectors[start : start + 10_000] = part + spacing[own, None] * aside
    return vectors, origin


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    cells = np.load(options.cells).astype(np.float32)
    random = np.random.default_rng(options.seed)
    vectors, origin = tile(cells, options.rows, random)
    np.save(options.folder / "vectors.npy", vectors)
    np.save(options.folder / "labels.npy", origin)
    np.save(options.folder / "queries.npy", tile(cells, options.queries, random)[0])
    np.save(options.folder / "added.npy", tile(cells, max(1, options.rows // 20), random)[0])
