"""Spaces in which cells are near each other: principal components of the counts, and embeddings.

A space gives, for rows of reference cells and rows of query cells, the vectors of both. Only the reference is learned from.
"""
from dataclasses import dataclass
from typing import Callable

import numpy as np
from sklearn.decomposition import PCA

COMPONENTS = 50
VARIABLE_GENES = 2000
BINS = 20


@dataclass(frozen=True)
class Space:
    name: str
    metric: str
    """euclidean or cosine."""
    vectors: Callable
    """(rows of reference cells, rows of queries) -> two matrices."""

    def all(self, rows):
        """The vectors of these cells, learned from all of them."""
        return self.vectors(rows, rows)[0]

    def centred_by(self, groups):
        """The same with every group of cells (a value of `groups` by row) around its own mean: the simplest correction of a
        batch. It looks at the queries too, but at no label."""
        def vectors(reference, queries):
            parts = self.vectors(reference, queries)
            both, group = np.vstack(parts), groups[np.concatenate([reference, queries])]
            for value in np.unique(group):
                both[group == value] -= both[group == value].mean(axis=0)
            return both[: len(reference)], both[len(reference) :]

        return Space(f"{self.name}, each batch centred", self.metric, vectors)


def embedding_spaces(name, vectors):
    """As they are, and around the mean of the reference: embeddings of a transformer share one direction."""
    def centred(reference, queries):
        mean = vectors[reference].mean(axis=0)
        return vectors[reference] - mean, vectors[queries] - mean

    return [
        Space(name, "cosine", lambda reference, queries: (vectors[reference], vectors[queries])),
        Space(f"{name}, centred", "cosine", centred),
    ]


def expression_spaces(expression):
    """Principal components of log(1 + counts per 10,000), of all genes and of the most variable ones."""
    spaces = []
    for genes, count in [("all genes", None), (f"{VARIABLE_GENES:,} variable genes", VARIABLE_GENES)]:
        vectors = Remembered(lambda reference, queries, count=count: components(expression, reference, queries, count))
        spaces += [Space(f"PCA, {genes}, {metric}", metric, vectors) for metric in ("euclidean", "cosine")]
    return spaces


def components(expression, reference, queries, variable=None):
    """50 principal components of the reference, and the queries projected on them."""
    known, new = expression[reference], expression[queries]
    if variable:
        genes = most_variable(known, variable)
        known, new = known[:, genes], new[:, genes]
    size = min(COMPONENTS, known.shape[0] - 1, known.shape[1] - 1)
    pca = PCA(size, svd_solver="arpack", random_state=0).fit(known)
    return pca.transform(known), pca.transform(new)


def most_variable(expression, count):
    """The genes of the highest dispersion of counts per 10,000 among genes of a similar mean (Satija et al. 2015; scanpy's
    highly_variable_genes with flavor "seurat")."""
    scaled = expression.expm1()
    mean = np.asarray(scaled.mean(axis=0)).ravel()
    cells = scaled.shape[0]
    variance = (np.asarray(scaled.power(2).mean(axis=0)).ravel() - mean**2) * cells / (cells - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        dispersion = np.where(variance > 0, np.log(variance / mean), np.nan)
    level = np.log1p(mean)
    edges = np.linspace(level.min(), level.max(), BINS + 1)
    score = np.full(len(mean), -np.inf)
    for bin in range(BINS):
        members = (level <= edges[bin + 1]) & ((level > edges[bin]) | (bin == 0)) & ~np.isnan(dispersion)
        score[members] = standardised(dispersion[members])
    return np.sort(np.argsort(-score, kind="stable")[:count])


def standardised(values):
    """A bin of one gene: 1, as scanpy has it."""
    if len(values) < 2:
        return np.ones(len(values))
    return (values - values.mean()) / max(values.std(ddof=1), 1e-12)


class Remembered:
    """Calls `function` once for the same rows in a row: two metrics share one PCA."""

    def __init__(self, function):
        self.function, self.key, self.answer = function, None, None

    def __call__(self, reference, queries):
        key = (reference.tobytes(), queries.tobytes())
        if key != self.key:
            self.key, self.answer = key, self.function(reference, queries)
        return self.answer
