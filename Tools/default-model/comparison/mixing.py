"""Whether the neighbors of a cell come from other batches, and of which cell types they are."""
import numpy as np
from sklearn.neighbors import NearestNeighbors

NEIGHBORS = 30
FEWEST = 30
"""Cells of a type that a batch needs to be counted."""


def neighbors(vectors, metric):
    """The 30 nearest of every cell, itself not among them."""
    search = NearestNeighbors(n_neighbors=min(NEIGHBORS, len(vectors) - 1), metric=metric, algorithm="brute")
    return search.fit(vectors).kneighbors(return_distance=False)


def inverse_simpson(vectors, metric, groups):
    """The effective number of groups among the 30 nearest, mean over cells: 1 / sum of squared shares (LISI of Korsunsky et
    al. 2019 with equal weights in place of a perplexity)."""
    names, group = np.unique(groups.astype(str), return_inverse=True)
    near = group[neighbors(vectors, metric)]
    shares = np.stack([(near == index).mean(axis=1) for index in range(len(names))])
    return float((1 / (shares**2).sum(axis=0)).mean())


def shared_types(types, batches):
    """Types with at least 30 cells in each of at least two batches -> rows of the cells in these batches."""
    rows = {}
    for kind in np.unique(types.astype(str)):
        here = [np.flatnonzero((types == kind) & (batches == batch)) for batch in np.unique(batches.astype(str))]
        here = [cells for cells in here if len(cells) >= FEWEST]
        if len(here) >= 2:
            rows[kind] = np.sort(np.concatenate(here))
    return rows


def foreign_share(vectors, metric, batches, rows_of_type):
    """Share of neighbors from another batch among the 30 nearest of the same type, divided by what it would be if batches did
    not matter: over all cells, and the mean over types. 1 is perfect mixing, 0 none."""
    found, expected = [], []
    for rows in rows_of_type.values():
        batch = batches[rows]
        found.append((batch[neighbors(vectors[rows], metric)] != batch[:, None]).mean(axis=1))
        expected.append(np.array([(batch != own).sum() / (len(batch) - 1) for own in batch]))
    over_types = np.mean([a.mean() / b.mean() for a, b in zip(found, expected)])
    return float(np.concatenate(found).mean() / np.concatenate(expected).mean()), float(over_types)
