#!/usr/bin/env python3
"""Writes the .h5ad files of Tests/EmbDBTests/Fixtures. Needs numpy, scipy, pandas, h5py and anndata.

The genes are those of the tests' vocabulary: ENSG00000000001 … ENSG00000000060, symbols GENE1 … GENE60. What a cell
expresses depends on its `state`, so that neighbors and shifts mean something.
"""
import os
import sys
import tempfile

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

# Texts as plain objects also with pandas 3.
pd.set_option("future.infer_string", False)

GENES = 60


def ensembl(numbers):
    return [f"ENSG{number:011d}" for number in numbers]


def counts(random, states, genes, mean):
    """Poisson counts: every state has ten genes that it expresses more."""
    rates = random.gamma(0.6, mean, size=genes)
    matrix = np.zeros((len(states), genes), dtype=np.uint8)
    for row, state in enumerate(states):
        own = rates.copy()
        own[state * 10:state * 10 + 10] += 2 * mean
        matrix[row] = np.minimum(random.poisson(own), 255)
        if not matrix[row].any():
            matrix[row, state * 10] = 1
    return matrix


def write(path, matrix, obs, var, layers=None):
    data = anndata.AnnData(
        X=sp.csr_matrix(matrix), obs=obs, var=var,
        layers={name: sp.csr_matrix(layer) for name, layer in (layers or {}).items()})
    with tempfile.TemporaryDirectory() as folder:
        plain = os.path.join(folder, "plain.h5ad")
        data.write_h5ad(plain, compression="gzip", compression_opts=9)
        with h5py.File(plain) as source, h5py.File(path, "w", libver=("v110", "v110")) as target:
            copy(source, target)


def copy(source, target):
    """Copies a group in the smallest form: the newest file format, fixed-length texts, one chunk a dataset."""
    for name, value in source.attrs.items():
        target.attrs[name] = value
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            copy(item, target.create_group(name))
            continue
        value = item[()]
        if value.dtype == object:
            value = np.array([text if isinstance(text, bytes) else text.encode() for text in value],
                             dtype=None if len(value) else "S1")
        if value.nbytes > 512:
            made = target.create_dataset(name, data=value, chunks=value.shape, compression="gzip", compression_opts=9,
                                         shuffle=value.dtype.kind != "S")
        else:
            made = target.create_dataset(name, data=value)
        for key, attribute in item.attrs.items():
            made.attrs[key] = attribute


def small(folder):
    random = np.random.default_rng(1)
    n = 48
    states = random.integers(0, 3, n)
    matrix = counts(random, states, GENES + 4, 0.8)
    score = random.normal(size=n).round(3)
    score[::7] = np.nan
    obs = pd.DataFrame({
        "state": pd.Categorical([["healthy", "sick", "between"][s] for s in states]),
        "donor": pd.Categorical([f"d{d}" for d in random.integers(0, 5, n)]),
        "n_genes": (matrix > 0).sum(1).astype(np.int64),
        "score": score,
        "flag": random.integers(0, 2, n).astype(bool),
        "note": pd.array([None if i % 5 == 0 else f"note {i % 3}" for i in range(n)], dtype=object),
    }, index=[f"cell-{i}" for i in range(n)])
    obs.loc[obs.index[3], "donor"] = np.nan
    # Four genes are not in the vocabulary; one id has a version.
    ids = ensembl(list(range(1, GENES + 1)) + [90001, 90002, 90003, 90004])
    ids[0] += ".2"
    matrix[5] = 0
    matrix[5, GENES:] = 3  # a cell without a known gene
    write(os.path.join(folder, "small.h5ad"), matrix, obs, pd.DataFrame(index=ids))


def other(folder):
    random = np.random.default_rng(2)
    n = 30
    states = random.integers(0, 3, n)
    matrix = counts(random, states, GENES, 0.8)
    order = random.permutation(GENES)[:50]
    matrix = matrix[:, order]
    matrix[matrix.sum(1) == 0, 0] = 1
    obs = pd.DataFrame({
        "state": pd.Categorical([["healthy", "sick", "new"][s] for s in states]),
        "batch": pd.Categorical([f"b{i % 2}" for i in range(n)]),
        "score": random.normal(size=n).round(3),
        "barcode": [f"bar-{i}" for i in range(n)],
    }, index=[f"cell-{i}" for i in range(36, 36 + n)])  # cell-36 … cell-47 are in small.h5ad too
    var = pd.DataFrame({"feature_name": [f"GENE{g + 1}" for g in order]}, index=[f"row{g}" for g in range(50)])
    write(os.path.join(folder, "other.h5ad"), matrix, obs, var)


def typed(folder):
    """n_genes as text, where small.h5ad has whole numbers."""
    matrix = np.ones((4, 5), dtype=np.uint8)
    obs = pd.DataFrame({"n_genes": ["a", "b", "c", "d"]}, index=[f"t{i}" for i in range(4)])
    write(os.path.join(folder, "typed.h5ad"), matrix, obs, pd.DataFrame(index=ensembl(range(1, 6))))


def floats(folder):
    """n_genes as pandas has it where a value is missing: floats."""
    matrix = np.eye(4, 5, dtype=np.uint8)
    obs = pd.DataFrame({"n_genes": [25.0, np.nan, 25.5, -0.0]}, index=[f"f{i}" for i in range(4)])
    write(os.path.join(folder, "floats.h5ad"), matrix, obs, pd.DataFrame(index=ensembl(range(1, 6))))


def broken(folder):
    """A count of 1.5 in row 200 of layers/broken; X is whole."""
    random = np.random.default_rng(3)
    n = 260
    matrix = np.zeros((n, GENES), dtype=np.float32)
    for row in range(n):
        matrix[row, random.choice(GENES, 8, replace=False)] = random.integers(1, 4, 8)
    bad = matrix.copy()
    bad[200, np.flatnonzero(bad[200])[3]] = 1.5
    obs = pd.DataFrame({"batch": pd.Categorical([f"x{i % 3}" for i in range(n)])}, index=[f"b{i}" for i in range(n)])
    write(os.path.join(folder, "broken.h5ad"), matrix, obs, pd.DataFrame(index=ensembl(range(1, GENES + 1))),
          {"broken": bad})


def large(folder):
    """2,500 cells in three parts of 1,200, 200 and 1,100."""
    random = np.random.default_rng(4)
    n = 2500
    matrix = np.zeros((n, GENES), dtype=np.uint8)
    for row in range(n):
        center = random.integers(0, 12)
        genes = np.unique((center * 5 + np.abs(random.normal(0, 6, 9)).astype(int)) % GENES)
        matrix[row, genes] = random.integers(1, 4, len(genes))
    part = np.array(["one"] * 1200 + ["tail"] * 200 + ["two"] * 1100)
    obs = pd.DataFrame({
        "part": pd.Categorical(part),
        "group": pd.Categorical([f"g{i}" for i in random.integers(0, 4, n)]),
    }, index=[str(i) for i in range(n)])
    write(os.path.join(folder, "large.h5ad"), matrix, obs, pd.DataFrame(index=ensembl(range(1, GENES + 1))))


def groups(folder):
    """201 cells; obs columns of 201 and of 200 values."""
    random = np.random.default_rng(6)
    n = 201
    matrix = np.zeros((n, GENES), dtype=np.uint8)
    for row in range(n):
        matrix[row, random.choice(GENES, 5, replace=False)] = random.integers(1, 4, 5)
    obs = pd.DataFrame({"well": np.arange(n), "plate": pd.Categorical([f"p{min(i, 199)}" for i in range(n)])},
                       index=[f"w{i}" for i in range(n)])
    write(os.path.join(folder, "groups.h5ad"), matrix, obs, pd.DataFrame(index=ensembl(range(1, GENES + 1))))


def labelled(folder):
    """250 cells for classifiers, of six donors. `state` is told by the genes 1 to 20: 120 cells are healthy (11 to 20), 120
    sick (1 to 10), 3 rare (both), 7 have no value. Of the others, the cells have much of the even genes and little of the odd
    ones. `chance` is `state` dealt out anew."""
    random = np.random.default_rng(7)
    n = 250
    states = random.permutation(np.repeat([0, 1, 2, 3], [120, 120, 3, 7]))
    rates = np.where(np.arange(1, GENES + 1) % 2 == 0, 2.5, 0.35) * np.ones((n, 1))
    rates[:, :20] = 0.2
    rates[states != 0, :10] = 2.2
    rates[(states == 0) | (states == 2), 10:20] = 2.2
    matrix = np.minimum(random.poisson(rates), 255).astype(np.uint8)
    state = np.array(["healthy", "sick", "rare", None], dtype=object)[states]
    score = random.normal(size=n).round(3)
    flag = states != 0
    obs = pd.DataFrame({
        "state": pd.Categorical(state),
        "chance": pd.Categorical(random.permutation(state)),
        "donor": pd.Categorical([f"d{d}" for d in random.integers(1, 7, n)]),
        "stage": np.where(flag, 10, 9).astype(np.int64),
        "flag": flag,
        "score": score,
        "tissue": pd.Categorical(["heart"] * n),
        "well": np.arange(n).astype(np.int64),
    }, index=[f"c{i}" for i in range(n)])
    write(os.path.join(folder, "labelled.h5ad"), matrix, obs, pd.DataFrame(index=ensembl(range(1, GENES + 1))))


def embedding(n, dimension):
    """Numbers that the tests compute too, exact in float32."""
    row, column = np.arange(n)[:, None], np.arange(dimension)[None, :]
    return ((((row + 1) * (column + 3) * 31 + row * row) % 101 - 50) / 8).astype(np.float32)


def vectors(folder):
    """120 cells without counts; obsm has embeddings, whole ones and broken ones. Cells v100 and v101 have the same."""
    n = 120
    full = embedding(n, 12)
    full[101] = full[100]
    nan, zero, infinite = full.copy(), full.copy(), full.copy()
    nan[70, 3] = np.nan
    zero[30] = 0
    infinite[9, 11] = -np.inf
    kinds = np.array(["beta", "alpha", "gamma", "alpha", None], dtype=object)[np.arange(n) % 5]
    kinds[[100, 101]] = ["beta", "alpha"]
    obs = pd.DataFrame({
        "kind": pd.Categorical(kinds),
        "cluster": (np.arange(n) // 7 % 4).astype(np.int64),
        "flag": np.arange(n) % 3 == 0,
        "score": np.arange(n) / 4,
        "nothing": pd.Categorical([None] * n, categories=["never"]),
    }, index=[f"v{i}" for i in range(n)])
    write_vectors(folder, "vectors.h5ad", obs, {
        "X_full": full, "X_other": full[::-1].copy(), "X_short": full[:, :5].copy(), "X_nan": nan, "X_zero": zero,
        "X_infinite": infinite})


def long(folder):
    """2,600 cells without counts: some commits."""
    n = 2600
    obs = pd.DataFrame({"part": pd.Categorical([f"p{i // 1000}" for i in range(n)])}, index=[f"l{i}" for i in range(n)])
    write_vectors(folder, "long.h5ad", obs, {"X_full": embedding(n, 12)})


def write_vectors(folder, name, obs, obsm):
    data = anndata.AnnData(X=None, obs=obs, obsm=obsm)
    with tempfile.TemporaryDirectory() as temporary:
        plain = os.path.join(temporary, "plain.h5ad")
        data.write_h5ad(plain)
        with h5py.File(plain) as source, h5py.File(os.path.join(folder, name), "w", libver=("v110", "v110")) as target:
            copy(source, target)


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(__file__), "..", "Tests", "EmbDBTests", "Fixtures")
    os.makedirs(folder, exist_ok=True)
    for make in (small, other, typed, floats, broken, large, groups, labelled, vectors, long):
        make(folder)
