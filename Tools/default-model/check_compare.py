#!/usr/bin/env python3
"""Checks the measures of compare.py on drawn numbers, against plain loops, NumPy and cases whose answer is known.

usage: check_compare.py
needs: what compare.py needs
"""
import json
import tempfile
from pathlib import Path

import numpy as np
from comparison.classifiers import cross_validated, folds_of, mean_and_spread, out_of_fold, read_table, write_table
from comparison.mixing import foreign_share, inverse_simpson, shared_types
from comparison.models import safetensor
from comparison.spaces import components, embedding_spaces, most_variable
from comparison.votes import confusion, f1_of, macro_f1, macro_f1_interval, numbered, paired_difference, vote
from scipy.sparse import csr_matrix
from sklearn.metrics import f1_score

random = np.random.default_rng(1)


def check_components():
    """Distances between cells and projected queries are those of a full SVD of the centred reference."""
    values = random.gamma(0.3, size=(140, 200)) * (random.random((140, 200)) < 0.5)
    values[:70, :20] += 3
    known, new = components(csr_matrix(values), np.arange(100), np.arange(100, 140))
    mean = values[:100].mean(axis=0)
    axes = np.linalg.svd(values[:100] - mean, full_matrices=False)[2][:50].T
    for mine, part in [(known, values[:100]), (new, values[100:])]:
        np.testing.assert_allclose(np.abs(mine), np.abs((part - mean) @ axes), atol=1e-8)


def check_votes():
    vectors, labels = random.normal(size=(90, 5)) + 3, random.choice(["a", "b", "c"], 90).astype(object)
    reference, queries = np.arange(70), np.arange(70, 90)
    plain, centred = embedding_spaces("x", vectors)
    for space, mean in [(plain, 0), (centred, vectors[:70].mean(axis=0))]:
        unit = vectors - mean
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        nearest = np.argsort(-(unit[70:] @ unit[:70].T), axis=1)[:, :10]
        expected = [max(sorted(set(row)), key=list(row).count) for row in labels[nearest]]
        assert list(vote(space, labels, reference, queries)) == expected
    batch = np.arange(90) % 2
    both = np.vstack(plain.centred_by(batch).vectors(reference, queries))
    np.testing.assert_allclose([both[batch == value].mean(axis=0) for value in (0, 1)], 0, atol=1e-12)


def check_scores():
    truth, guess = random.choice(["a", "b", "c"], 200), random.choice(["a", "b", "c", "d"], 200)
    assert np.isclose(macro_f1(truth, guess), f1_score(truth, guess, average="macro", labels=["a", "b", "c"]))
    low, high = macro_f1_interval(truth, guess)
    assert low < macro_f1(truth, guess) < high
    assert f1_of(confusion(*numbered(truth, truth))) == 1
    assert np.isclose(paired_difference(truth, truth, guess)[0], (truth != guess).mean())


def check_mixing():
    vectors, batches = random.normal(size=(600, 3)), random.choice(["x", "y", "z"], 600, p=[0.5, 0.3, 0.2]).astype(object)
    types = np.where(vectors[:, 0] > 0, "up", "down").astype(object)
    rows = shared_types(types, batches)
    mixed = foreign_share(vectors, "euclidean", batches, rows)
    assert all(abs(share - 1) < 0.03 for share in mixed), mixed
    apart = vectors + 100 * np.searchsorted(["x", "y", "z"], batches.astype(str))[:, None]
    assert foreign_share(apart, "euclidean", batches, rows) == (0, 0)
    assert inverse_simpson(apart, "euclidean", batches) == 1
    assert 2.3 < inverse_simpson(vectors, "euclidean", batches) < 1 / (0.25 + 0.09 + 0.04)
    assert not shared_types(types, np.where(np.arange(600) < 20, "few", "many"))


def check_classifiers():
    is_positive = random.random(300) < 0.5
    values = random.normal(size=(300, 8))
    values[:, 0] += 3 * is_positive
    folds = folds_of(is_positive)
    assert set(np.bincount(folds)) <= {59, 60, 61} and np.ptp([is_positive[folds == fold].sum() for fold in range(5)]) <= 1
    for labels, low, high in [(is_positive, 0.95, 1), (random.permutation(is_positive), 0.35, 0.65)]:
        auc = mean_and_spread(cross_validated(lambda a, b: (values[a], values[b]), labels, folds), "auc")[0]
        assert low < auc <= high, auc
    assert ((out_of_fold(values, is_positive) > 0.5) == is_positive).mean() > 0.85


def check_variable_genes():
    """Genes that are on in one cell of ten, among others of about their mean."""
    counts = random.poisson(random.uniform(0.5, 4, 2000), size=(400, 2000)).astype(float)
    counts[:, 40:50] *= (random.random((400, 10)) < 0.1) * 10
    assert list(most_variable(csr_matrix(counts).log1p(), 10)) == list(range(40, 50))


def check_files():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folds.tsv"
        write_table(path, ["cell", "fold"], [("a-1", 0), ("b\"", 4)])
        assert read_table(path) == [{"cell": "a-1", "fold": "0"}, {"cell": "b\"", "fold": "4"}]
        for name, kind in [("F32", np.float32), ("F16", np.float16)]:
            values = np.arange(6, dtype=kind)
            tensor = {"dtype": name, "shape": [2, 3], "data_offsets": [4, 4 + values.nbytes]}
            header = json.dumps({"bert.x.weight": tensor}).encode()
            (Path(folder) / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"skip" + values.tobytes())
            assert (safetensor(Path(folder) / "m.safetensors", "x.weight") == values.reshape(2, 3)).all()


for name, check in list(globals().items()):
    if name.startswith("check_"):
        check()
        print("ok", name[6:].replace("_", " "))
