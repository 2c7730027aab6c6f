#!/usr/bin/env python3
"""Compares .h5ad files that embdb wrote with what Python's anndata reads. Run by Tools/check-anndata, which installs one of these:

pins: anndata==0.12.6 h5py==3.16.0 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
pins: anndata==0.10.9 h5py==3.12.1 numpy==1.26.4 pandas==2.2.3 scipy==1.14.1

  check_anndata.py export EXPORT.h5ad EXPORT.npy EXPORT.tsv [SOURCE.h5ad]
      obsm is the .npy to the bit, obs what the .tsv says and, by type and value, what the source has.
  check_anndata.py copy SOURCE.h5ad COPY.h5ad [NEW COLUMN OR obsm/KEY]...
      every group, dataset and attribute of the source is in the copy, to the bit; the new columns and matrices, and nothing else, are
      there beside it, and anndata reads them.
  check_anndata.py labels ANNOTATED.h5ad ANNOTATED.tsv LABEL
      the labels that were written are those of the table; cells that the table does not have, have missing values.
  check_anndata.py write-old COUNTS.h5ad OLD.h5ad
      the cells as an old anndata writes them: categories beside their columns.

writes old files: anndata==0.7.8 h5py==3.8.0 numpy==1.23.5 pandas==1.5.3 scipy==1.10.1
"""
import sys
import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

warnings.filterwarnings("ignore", message=".*Observation names are not unique.*|.*Variable names are not unique.*")


def fail(what):
    sys.exit(f"check_anndata: {what}")


def text(value):
    """As embdb writes a value to .tsv; missing is empty."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(value)


def number(value):
    return float(value) if value != "" else np.nan


def same_numbers(a, b):
    return np.array_equal(np.asarray(a, np.float64), np.asarray(b, np.float64), equal_nan=True)


def numbers(column):
    return [np.nan if value is pd.NA else float(value) for value in column.astype(object)]


def check_export(export, npy, tsv, source=None):
    data = ad.read_h5ad(export)
    matrix = np.load(npy)
    keys = list(data.obsm)
    if len(keys) != 1:
        fail(f"{export}: obsm has {keys}")
    stored = data.obsm[keys[0]]
    if stored.dtype != np.float32 or stored.shape != matrix.shape or stored.tobytes() != matrix.tobytes():
        fail(f"{export}: obsm {keys[0]} is not {npy} to the bit")
    with open(npy + ".ids.txt", encoding="utf-8") as ids:
        if ids.read().split("\n")[:-1] != list(data.obs_names):
            fail(f"{export}: the index is not the list of ids")
    with open(tsv, encoding="utf-8") as lines:
        table = [line.split("\t") for line in lines.read().split("\n")[:-1]]
    if table[0][1:] != list(data.obs.columns):
        fail(f"{export}: obs has {list(data.obs.columns)}, the .tsv {table[0][1:]}")
    for position, name in enumerate(table[0][1:], 1):
        column, texts = data.obs[name], [row[position] for row in table[1:]]
        if column.dtype.kind == "f" or isinstance(column.dtype, pd.Int64Dtype) or column.dtype.kind == "i":
            equal = same_numbers(numbers(column), [number(value) for value in texts])
        else:
            equal = [text(value) for value in column.astype(object)] == texts
        if not equal:
            fail(f"{export}: obs column {name} ({column.dtype}) is not what the .tsv says")
    if data.X is not None or data.n_vars != 0:
        fail(f"{export}: there is an X or a gene")
    if source is not None:
        check_source(export, data.obs, ad.read_h5ad(source).obs)
    # What scanpy does next: a selection, a copy, writing it again.
    half = data[: data.n_obs // 2].copy()
    if half.n_obs != data.n_obs // 2 or not np.array_equal(half.obsm[keys[0]], stored[: half.n_obs]):
        fail(f"{export}: a selection of cells is wrong")
    print(f"  {export}: {data.n_obs} cells, obsm {keys[0]} {stored.shape}, {len(data.obs.columns)} obs columns:",
          ", ".join(sorted({str(kind) if not isinstance(kind, pd.CategoricalDtype) else "category"
                            for kind in data.obs.dtypes})))


def check_source(export, obs, source):
    """obs against the file from which it came; what was not ingested (cells without a known gene) is left out."""
    rows = source.index.get_indexer(obs.index)
    if (rows < 0).any():
        fail(f"{export}: cells that the source does not have")
    for name in source.columns:
        if name not in obs.columns:
            fail(f"{export}: the source's column {name} is not there")
        was, column = source[name].iloc[rows], obs[name]
        if was.isna().to_numpy().tolist() != column.isna().to_numpy().tolist():
            fail(f"{export}: column {name}: other values are missing than in the source")
        if was.isna().all():
            continue
        kind = np.dtype(was.dtype.numpy_dtype if hasattr(was.dtype, "numpy_dtype") else object
                        if isinstance(was.dtype, (pd.CategoricalDtype, pd.StringDtype)) else was.dtype).kind
        if kind in "fiu":
            right = column.dtype.kind == ("f" if kind == "f" else "i") or isinstance(column.dtype, pd.Int64Dtype)
            equal = right and same_numbers(numbers(column), numbers(was))
        elif kind == "b":
            equal = (column.dtype.kind == "b" or isinstance(column.dtype, pd.BooleanDtype)) and same_numbers(
                numbers(column), numbers(was))
        else:
            equal = [text(v) for v in column.astype(object)] == [text(v) for v in was.astype(object)]
        if not equal:
            fail(f"{export}: column {name} ({column.dtype}) is not that of the source ({was.dtype})")


def bits(value):
    """A value read by h5py as something that compares to the bit."""
    value = np.asarray(value)
    if value.dtype.kind == "O":
        return [bits(item) if isinstance(item, np.ndarray) else repr(item) for item in value.ravel()]
    return value.tobytes()


def same_attributes(a, b, path, besides=()):
    for name in set(a.attrs) | set(b.attrs):
        if name in besides:
            continue
        if name not in a.attrs or name not in b.attrs:
            fail(f"the attribute {name} of {path} is in one file only")
        x, y = a.attrs[name], b.attrs[name]
        if isinstance(x, h5py.Reference):
            x, y = a.file[x].name, b.file[y].name
        if np.asarray(x).dtype != np.asarray(y).dtype or np.shape(x) != np.shape(y) or bits(x) != bits(y):
            fail(f"the attribute {name} of {path} is another: {x!r}, {y!r}")


def same_group(a, b, path, new):
    """Returns how many datasets were compared; `new` are paths that are of the copy alone or replaced in it."""
    count = 0
    for name in set(a) | set(b):
        inner = f"{path}/{name}" if path else name
        if inner in new:
            continue
        if name not in a or name not in b:
            fail(f"{inner} is in one file only")
        x, y = a[name], b[name]
        same_attributes(x, y, inner, {"column-order"} if inner == "obs" else ())
        if isinstance(x, h5py.Group) != isinstance(y, h5py.Group):
            fail(f"{inner} is of another kind")
        if isinstance(x, h5py.Group):
            count += same_group(x, y, inner, new)
            continue
        count += 1
        if (x.dtype, x.shape, x.maxshape, x.chunks, x.compression, x.compression_opts, x.shuffle) != (
                y.dtype, y.shape, y.maxshape, y.chunks, y.compression, y.compression_opts, y.shuffle):
            fail(f"{inner} is stored in another way")
        if x.shape is not None and bits(x[()]) != bits(y[()]):
            fail(f"{inner} has other values")
    return count


def check_copy(source, copy, *new):
    columns = [name for name in new if not name.startswith("obsm/")]
    matrices = [name[5:] for name in new if name.startswith("obsm/")]
    paths = {f"obs/{name}" for name in columns} | {f"obsm/{name}" for name in matrices}
    with h5py.File(source) as a, h5py.File(copy) as b:
        if "obsm" not in a:
            paths.add("obsm")
        paths |= {f"obs/__categories/{name}" for name in columns}
        same_attributes(a, b, "/")
        count = same_group(a, b, "", paths)
    try:
        before = ad.read_h5ad(source)
    except Exception:  # anndata throws whatever the step throws that fails.
        print(f"  {copy}: {count} datasets as in {source}, which this anndata does not read")
        return
    after = ad.read_h5ad(copy)
    order = list(before.obs.columns) + [name for name in columns if name not in before.obs.columns]
    if list(after.obs.columns) != order:
        fail(f"{copy}: the columns of obs are {list(after.obs.columns)}")
    kept = [name for name in before.obs.columns if name not in columns]
    if not before.obs[kept].equals(after.obs[kept]) or list(before.obs_names) != list(after.obs_names):
        fail(f"{copy}: obs has changed")
    for name in matrices:
        if after.obsm[name].dtype != np.float32 or len(after.obsm[name]) != after.n_obs:
            fail(f"{copy}: obsm {name} is {after.obsm[name].dtype} {after.obsm[name].shape}")
    print(f"  {copy}: {count} datasets as in {source}, {len(paths)} elements are new")


def check_labels(annotated, tsv, label):
    try:
        from anndata.io import read_elem
    except ImportError:
        from anndata.experimental import read_elem  # before 0.11
    # One by one: another part of the file may be beyond this anndata.
    names = {f"embdb_{label}": "label", f"embdb_{label}_confidence": "confidence", f"embdb_{label}_runner_up": "runner_up",
             "embdb_nearest_distance": "nearest_distance", "embdb_unknown": "unknown"}
    with h5py.File(annotated) as file:
        rows = read_elem(file["obsm/X_embdb"])
        index = file["obs"][file["obs"].attrs["_index"]]
        index = index["values"] if isinstance(index, h5py.Group) else index
        obs = pd.DataFrame({name: read_elem(file["obs"][name]) for name in names}, index=index.asstr()[()])
    table = pd.read_csv(tsv, sep="\t", dtype=str, keep_default_na=False).set_index("cell")
    known = obs.index.isin(table.index)
    if known.sum() != len(table):
        fail(f"{annotated}: {known.sum()} of the table's {len(table)} cells are there")
    for column, name in names.items():
        if obs.loc[~known, column].notna().any():
            fail(f"{annotated}: {column} is not missing where the table has no cell")
        stored, expected = obs.loc[known, column], list(table.loc[obs.index[known], name])
        if name in ("confidence", "nearest_distance"):
            # The table has as many digits as tell a float32 from the next.
            equal = np.array_equal(stored.to_numpy(np.float32), np.array([number(value) for value in expected], np.float32),
                                   equal_nan=True)
        elif name == "unknown":
            equal = [str(bool(value)).lower() for value in stored] == expected
        else:
            equal = isinstance(stored.dtype, pd.CategoricalDtype) and [text(v) for v in stored.astype(object)] == expected
        if not equal:
            fail(f"{annotated}: {column} ({stored.dtype}) is not what the table says")
    if not np.isfinite(rows[known]).all() or not np.isnan(rows[~known]).all():
        fail(f"{annotated}: the embeddings are not those of the table's cells")
    print(f"  {annotated}: {len(table)} of {len(obs)} cells have the labels of {tsv}")


def write_old(counts, old):
    with h5py.File(counts) as file:
        matrix = sparse.csr_matrix(
            tuple(file["X"][name][()] for name in ("data", "indices", "indptr")), shape=file["X"].attrs["shape"])
    cells, genes = matrix.shape
    numbers = np.arange(cells)
    data = ad.AnnData(
        X=matrix, dtype=matrix.dtype,
        obs=pd.DataFrame({
            "kind": pd.Categorical.from_codes(numbers % 3 - 1, ["B cell", "T cell"]),
            "stage": pd.Categorical.from_codes(numbers % 2, ["early", "late"], ordered=True),
            "cluster": numbers, "share": numbers / 7, "flag": numbers % 2 == 0, "note": [f"note {i}" for i in numbers],
        }, index=[f"cell{i}" for i in numbers]),
        var=pd.DataFrame(
            {"biotype": pd.Categorical(["protein_coding", "lncRNA"] * genes)[:genes]}, index=[f"gene{i}" for i in range(genes)]),
        obsm={"X_pca": np.outer(numbers, [1, 0.5]).astype(np.float32)},
        uns={"colors": np.array(["#ff0000", "#00ff00"]), "settings": {"k": 15}})
    data.raw = data
    data.write_h5ad(old, compression="gzip")


if __name__ == "__main__":
    checks = {"export": check_export, "copy": check_copy, "labels": check_labels, "write-old": write_old}
    if len(sys.argv) < 4 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    checks[sys.argv[1]](*sys.argv[2:])
