#!/usr/bin/env python3
"""Writes Tests/EndToEndTests/Fixtures: .h5ad files and the vocabulary of their genes, with anndata (needs anndata >= 0.12, h5py, scipy).

Cells are drawn, by a fixed seed, around two cell types; "DCM" cells differ from "normal" ones in a few genes. The genes
are real ones, of Sources/CDefaultModel/vocabulary.tsv.
"""
import os
import sys

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

ROOT = os.path.join(os.path.dirname(__file__), "..")
FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "Tests", "EndToEndTests", "Fixtures")
GENES = 240
MARKERS = ["TTN", "MYH7", "MYBPC3", "NPPA", "COL1A1", "COL3A1", "DCN", "GATA4"]
KEPT = ["ensembl_id", "symbol", "nonzero_median"]
ad.settings.allow_write_nullable_strings = True


def genes():
    """`GENES` genes that the default model knows: the markers, then every so many-th line of its vocabulary."""
    table = pd.read_csv(os.path.join(ROOT, "Sources", "CDefaultModel", "vocabulary.tsv"), sep="\t", dtype=str)
    table = table[table.ensembl_id.str.startswith("ENSG") & table.symbol.notna()].drop_duplicates("symbol")
    markers = table.set_index("symbol").loc[MARKERS].reset_index()[KEPT]
    others = table[~table.symbol.isin(MARKERS)]
    step = len(others) // (GENES - len(MARKERS))
    others = others.iloc[::step].head(GENES - len(MARKERS))[KEPT]
    return pd.concat([markers, others], ignore_index=True)


NAMES = genes()


def counts(cells, seed):
    """[cells, genes] whole numbers; an even cell is a cardiomyocyte, and every third DCM."""
    random = np.random.default_rng(seed)
    level = random.gamma(0.25, 2.0, GENES)[None, :].repeat(cells, 0)
    rows = np.arange(cells)
    level[rows % 2 == 0, 0:4] += 12
    level[rows % 2 == 1, 4:7] += 12
    level[(rows % 3 == 0) & (rows % 2 == 0), 3] += 30
    level[(rows % 3 == 0) & (rows % 2 == 1), 4] += 30
    return random.poisson(level * random.uniform(0.6, 1.4, (cells, 1))).astype(np.float32)


def frame(cells, prefix):
    rows = np.arange(cells)
    return pd.DataFrame(
        {
            "cell_type": pd.Categorical(np.where(rows % 2 == 0, "cardiomyocyte", "fibroblast")),
            "disease": pd.Categorical(np.where(rows % 3 == 0, "DCM", "normal")),
            "donor": pd.Categorical([None if row % 10 == 9 else f"D{row % 4}" for row in rows]),
            "n_genes": 100 + rows * 7 % 90,
            "score": np.where(rows % 7 == 6, np.nan, rows / 8),
            "treated": rows % 5 == 0,
            "checked": pd.array([None if row % 6 == 5 else row % 2 == 0 for row in rows], dtype="boolean"),
            "age": pd.array([None if row % 8 == 7 else 40 + row % 30 for row in rows], dtype="Int64"),
            "cell state": [f"state {row % 2}" for row in rows],
        },
        index=[f"{prefix}{row}" for row in rows])


def data(x, obs, order=None):
    order = np.arange(GENES) if order is None else order
    var = pd.DataFrame({"ensembl_id": NAMES.ensembl_id.values[order]}, index=NAMES.symbol.values[order])
    return ad.AnnData(X=sparse.csr_matrix(x[:, order]), obs=obs, var=var)


def embedded(cells, prefix):
    """No counts, but embeddings, near to one another for cells of one type: X_model, and X_pair of two columns."""
    obs = frame(cells, prefix)[["cell_type", "disease", "donor", "age", "checked", "score"]]
    row, column = np.arange(cells)[:, None], np.arange(8)[None, :]
    model = np.where((row + column) % 2 == 0, 8, 1) + (row * (column + 5)) % 11 / 8
    return ad.AnnData(
        obs=obs, obsm={"X_model": model.astype(np.float32), "X_pair": model[:, :2].astype(np.float32)})


def write(name, value):
    """Writes the file; the large arrays are compressed, the many small ones would only grow by it."""
    path = os.path.join(FOLDER, name + ".h5ad")
    value.write_h5ad(path + ".plain")
    with h5py.File(path + ".plain") as plain, h5py.File(path, "w") as file:
        file.attrs.update(plain.attrs)

        def copy(source, target):
            for key, item in source.items():
                if isinstance(item, h5py.Group):
                    target.create_group(key).attrs.update(item.attrs)
                    copy(item, target[key])
                elif item.dtype == object and item.size > 1500:
                    # Of one length, so that they are compressed.
                    target.create_dataset(key, data=item[:].astype("S"), compression="gzip", compression_opts=9)
                    target[key].attrs.update(item.attrs)
                elif item.shape and item.size > 1500 and item.dtype.kind in "if":
                    small = item[:].astype("i4") if item.dtype.kind == "i" else item[:]
                    target.create_dataset(key, data=small, compression="gzip", compression_opts=9, shuffle=True)
                    target[key].attrs.update(item.attrs)
                else:
                    plain.copy(item, target, key)

        copy(plain, file)
    os.remove(path + ".plain")


def main():
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, "vocabulary.tsv"), "w") as file:
        file.write("token\tensembl_id\tsymbol\tnonzero_median\n0\t<pad>\t\t\n1\t<mask>\t\t\n")
        for row in NAMES.itertuples():
            file.write(f"{row.Index + 2}\t{row.ensembl_id}\t{row.symbol}\t{row.nonzero_median}\n")
    x = counts(300, 1)
    write("cells", data(x, frame(300, "cell")))
    # Other cells: other columns, genes in another order and fewer of them.
    obs = frame(40, "more").drop(columns=["donor", "score"])
    obs["batch"] = pd.Categorical([f"B{row % 2}" for row in range(40)])
    obs["weight"] = np.arange(40) / 4
    obs["disease"] = pd.Categorical(["HCM"] * 40)
    more = counts(40, 2)
    write("more", data(more, obs, np.arange(GENES)[::-2]))
    # Ids of `cells` again, with other counts and another disease.
    obs = frame(30, "cell")
    obs["disease"] = pd.Categorical(["recovered"] * 30)
    write("changed", data(counts(30, 3), obs))
    obs = frame(20, "typed")
    obs["donor"] = np.arange(20) / 2
    write("donor_is_number", data(counts(20, 4), obs))
    # A value that is no count, in the last of many cells.
    for name, value in [("negative", -3), ("fractional", 2.5), ("nan", np.nan)]:
        bad = counts(150, 5)
        bad[149, 17] = value
        write(name, data(bad, frame(150, "bad")[["disease"]]))
    # Normalized X, whole numbers in layers/counts; Ensembl ids with versions in the index.
    raw = counts(25, 6)
    both = data(np.log1p(raw / np.maximum(1, raw.sum(1, keepdims=True)) * 1e4), frame(25, "layer")[["cell_type"]])
    both.layers["counts"] = sparse.csr_matrix(raw)
    both.var = pd.DataFrame(index=[name + ".7" for name in NAMES.ensembl_id])
    write("layers", both)
    # Cells 3 and 7 have no gene that the model knows.
    unknown = counts(12, 7)
    unknown[[3, 7], :] = 0
    write("empty_cells", data(unknown, frame(12, "thin")[["cell_type"]]))
    mouse = data(raw, frame(25, "mouse")[["cell_type"]])
    mouse.var = pd.DataFrame(index=[f"ENSMUSG{51951 + 3 * gene:011d}" for gene in range(GENES)])
    write("mouse", mouse)
    write("embedded", embedded(60, "cell"))
    write("many_embedded", embedded(12000, "many"))
    again = {f"twice{row + 5}": f"twice{row}" for row in range(4, 9)}
    write("twice", data(raw, frame(25, "twice").rename(index=again)))
    odd()


def odd():
    """Columns of obs that cannot be read, and a feature that has a gene's name but is an antibody."""
    cells = data(counts(20, 8), frame(20, "odd")[["cell_type"]])
    cells.var["feature_types"] = pd.Categorical(["Antibody Capture"] + ["Gene Expression"] * (GENES - 1))
    write("odd", cells)
    with h5py.File(os.path.join(FOLDER, "odd.h5ad"), "r+") as file:
        obs = file["obs"]
        obs["large"] = np.full(20, 2**63, np.uint64)
        obs["pair"] = np.zeros((20, 2))
        obs["short"] = np.zeros(19)
        obs.create_dataset("link", data=[file["X"].ref] * 20, dtype=h5py.ref_dtype)
        order = [*obs.attrs["column-order"], "large", "pair", "short", "link", "missing"]
        obs.attrs["column-order"] = np.array(order, object)


main()
