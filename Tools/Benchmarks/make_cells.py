#!/usr/bin/env python3
"""Vectors as encoders of cells make them, for benchmarks of search.

usage: make_cells.py FOLDER [--rows 200000] [--dimension 256] [--queries 1000] [--seed 1]

Writes vectors.npy and queries.npy (float32, not normalised), added.npy (5 % more of the kind) and labels.npy (the cell type of each
vector, int32). Embeddings of cells are no cloud of independent normals: they come in types of very different sizes, each type is a
sheet of few dimensions bent into the space, some cells lie between two types, all of them share a common direction, and their
lengths vary. Searching independent normals says nothing about them.
"""
import argparse
from pathlib import Path

import numpy as np

TYPES = 50
LATENT = 20
HIDDEN = 160


class CellSource:
    """Draws cells of one tissue: the same seed gives the same tissue."""

    def __init__(self, dimension: int, seed: int):
        self.random = np.random.default_rng(seed)
        r = self.random
        self.dimension = dimension
        sizes = r.pareto(1.2, TYPES) + 0.2
        self.sizes = sizes / sizes.sum()
        # Types of one lineage lie near each other.
        self.lineage = r.integers(0, 10, TYPES)
        self.centres = r.normal(0, 1, (10, LATENT))[self.lineage] + r.normal(0, 0.9, (TYPES, LATENT))
        # How far the cells of a type spread: much along a few axes, little along the others.
        self.spread = 0.5 * (1 + np.arange(LATENT)) ** -0.4
        self.axes = np.stack([np.linalg.qr(r.normal(size=(LATENT, LATENT)))[0] for _ in range(TYPES)])
        # A fixed smooth map bends the sheets into the space of the embeddings.
        self.first = r.normal(0, LATENT**-0.5, (LATENT, HIDDEN))
        self.second = r.normal(0, 1.5 * HIDDEN**-0.5, (HIDDEN, dimension))
        self.common = r.normal(0, 0.08, dimension)

    def draw(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Vectors [count, dimension] and their types [count]."""
        r = self.random
        labels = r.choice(TYPES, count, p=self.sizes).astype(np.int32)
        places = self._places(labels)
        # One cell of 16 is on its way to another type of its lineage.
        for cell in np.flatnonzero(r.random(count) < 1 / 16):
            kin = np.flatnonzero(self.lineage == self.lineage[labels[cell]])
            other = self._places(r.choice(kin, 1))[0]
            places[cell] += r.random() * (other - places[cell])
        vectors = np.empty((count, self.dimension), np.float32)
        for start in range(0, count, 10_000):
            part = slice(start, min(count, start + 10_000))
            bent = np.tanh(np.tanh(places[part] @ self.first) @ self.second) + self.common
            length = r.lognormal(0, 0.15, (len(bent), 1))
            vectors[part] = length * bent + r.normal(0, 0.03, bent.shape)
        return vectors, labels

    def _places(self, labels: np.ndarray) -> np.ndarray:
        steps = self.random.normal(size=(len(labels), LATENT)) * self.spread
        return self.centres[labels] + np.einsum("ni,nij->nj", steps, self.axes[labels])


def write(folder: Path, rows: int, dimension: int, queries: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    source = CellSource(dimension, seed)
    vectors, labels = source.draw(rows)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "labels.npy", labels)
    np.save(folder / "queries.npy", source.draw(queries)[0])
    np.save(folder / "added.npy", source.draw(max(1, rows // 20))[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write(options.folder, options.rows, options.dimension, options.queries, options.seed)
