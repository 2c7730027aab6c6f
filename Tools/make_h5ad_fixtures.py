#!/usr/bin/env python3
"""Writes the .h5ad files of Tests/AnnDataTests/Fixtures with anndata (needs anndata >= 0.11, h5py, scipy).

Every matrix is 23 cells x 17 genes and holds count(cell, gene) below, which the tests compute as well.
"""
import os
import sys
import zlib

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
    os.path.dirname(__file__), "..", "Tests", "AnnDataTests", "Fixtures")
CELLS, GENES = 23, 17
ad.settings.allow_write_nullable_strings = True


def count(cell, gene):
    return (cell + 2 * gene) % 9 + 1 if (cell * 7 + gene * 13) % 5 == 0 and cell != 4 else 0


def counts(dtype=np.float32, cells=CELLS, genes=GENES):
    return np.array([[count(c, g) for g in range(genes)] for c in range(cells)], dtype).reshape(cells, genes)


def path(name):
    return os.path.join(FOLDER, name + ".h5ad")


def plain(x):
    cells, genes = x.shape
    return ad.AnnData(
        X=x, obs=pd.DataFrame(index=[f"cell{i}" for i in range(cells)]),
        var=pd.DataFrame(index=[f"gene{i}" for i in range(genes)]))


def write(name, data, **options):
    data.write_h5ad(path(name), **options)


def edited(name, change):
    """A copy of csr_float32_gzip0.h5ad with something broken."""
    write(name, plain(sparse.csr_matrix(counts())))
    with h5py.File(path(name), "r+") as file:
        change(file)


def replace(file, name, value, **options):
    attributes = dict(file[name].attrs)
    del file[name]
    file.create_dataset(name, data=value, **options)
    file[name].attrs.update(attributes)


def matrices():
    for label, kind in [("csr", sparse.csr_matrix), ("csc", sparse.csc_matrix), ("dense", np.asarray)]:
        for dtype in [np.float32, np.float64, np.int32, np.int64]:
            for compression in [None, "gzip"]:
                name = f"{label}_{np.dtype(dtype).name}_{'gzip' if compression else 'plain'}"
                write(name, plain(kind(counts(dtype))), compression=compression)
    for dtype in ["float16", "uint8", "int16", "uint16", "uint32", "uint64"]:
        edited(f"csr_{dtype}", lambda file: replace(file, "X/data", file["X/data"][:].astype(dtype)))
    # Chunks that do not divide the shape, big-endian numbers, 64-bit indices.
    edited("csr_chunks", lambda file: [
        replace(file, "X/data", file["X/data"][:].astype(">f8"), chunks=(7,), compression="gzip", shuffle=True),
        replace(file, "X/indices", file["X/indices"][:].astype("i8"), chunks=(5,), fletcher32=True),
        replace(file, "X/indptr", file["X/indptr"][:].astype("u8"), chunks=(3,))])
    write("dense_chunks", plain(counts()))
    with h5py.File(path("dense_chunks"), "r+") as file:
        replace(file, "X", file["X"][:], chunks=(4, 5), compression="gzip")
    with h5py.File(path("csr_float32_plain")) as old, \
            h5py.File(path("csr_newest_format"), "w", libver=("v110", "v110")) as new:
        for name in old:
            old.copy(name, new)
    write("no_cells", plain(sparse.csr_matrix((0, GENES), dtype=np.float32)))
    write("no_genes", plain(sparse.csr_matrix((CELLS, 0), dtype=np.float32)))
    write("no_genes_dense", plain(np.zeros((CELLS, 0), np.float32)))

    def shuffled(file):
        indices, data, indptr = file["X/indices"][:], file["X/data"][:], file["X/indptr"][:]
        for start, end in zip(indptr, indptr[1:]):
            indices[start:end] = indices[start:end][::-1]
            data[start:end] = data[start:end][::-1]
        file["X/indices"][:], file["X/data"][:] = indices, data

    edited("unsorted", shuffled)

    def zeros(file):
        file["X/data"][::2] = 0

    edited("explicit_zeros", zeros)


def direct():
    """Chunks that are read from the file itself: deflate, with and without shuffle, whatever finds the chunks."""

    def chunked(file, data="f4", indices="i4", shuffle=False, change=None):
        arrays = [file["X/data"][:].astype(data), file["X/indices"][:].astype(indices)]
        if change:
            change(*arrays, file["X/indptr"][:])
        replace(file, "X/data", arrays[0], chunks=(7,), compression="gzip", shuffle=shuffle)
        replace(file, "X/indices", arrays[1], chunks=(5,), compression="gzip", shuffle=shuffle)

    for data, indices, shuffle in [
            ("f4", "i4", False), ("f8", "i8", True), ("i4", "i4", True), ("i8", "i8", False), ("u2", "i4", True)]:
        name = f"direct_{data}_{indices}" + ("_shuffle" if shuffle else "")
        edited(name, lambda file: chunked(file, data, indices, shuffle))
    for name, options in [("direct_v110", dict(libver=("v110", "v110"))), ("direct_userblock", dict(userblock_size=512))]:
        with h5py.File(path("direct_f4_i4")) as old, h5py.File(path(name), "w", **options) as new:
            for member in old:
                old.copy(member, new)

    def first(indptr, row=9):
        return indptr[row]

    def put(place, value):
        def change(data, indices, indptr):
            [data, indices][place][first(indptr)] = value
        return change

    def shuffled(data, indices, indptr):
        for start, end in zip(indptr, indptr[1:]):
            indices[start:end] = indices[start:end][::-1]
            data[start:end] = data[start:end][::-1]

    def twice(data, indices, indptr):
        indices[first(indptr) + 1] = indices[first(indptr)]

    def zeros(data, indices, indptr):
        data[::2] = 0

    for name, change in [
            ("unsorted", shuffled), ("zeros", zeros), ("bad_duplicate", twice), ("bad_negative", put(0, -3)),
            ("bad_nan", put(0, np.nan)), ("bad_infinite", put(0, np.inf)), ("bad_fraction", put(0, 0.5)),
            ("bad_huge", put(0, 2.0**53)), ("bad_index", put(1, GENES)), ("bad_index_negative", put(1, -1))]:
        edited("direct_" + name, lambda file: chunked(file, data="f8", change=change))
    # A damaged stream, one that is a byte short of a chunk, and a chunk that was never written.
    for name, stream in [("damaged", b"no deflate at all"), ("short", zlib.compress(bytes(27)))]:
        edited("direct_bad_" + name, chunked)
        with h5py.File(path("direct_bad_" + name), "r+") as file:
            file["X/data"].id.write_direct_chunk((14,), stream)

    def unwritten(file):
        attributes, length = dict(file["X/data"].attrs), len(file["X/data"])
        values = file["X/data"][:]
        del file["X/data"]
        data = file.create_dataset("X/data", (length,), "f4", chunks=(7,), compression="gzip", fillvalue=2)
        data[:14], data[21:] = values[:14], values[21:]
        data.attrs.update(attributes)
        indices = file["X/indices"][:]
        replace(file, "X/indices", indices, chunks=(5,), compression="gzip")

    edited("direct_unwritten", unwritten)


def frames():
    n = CELLS
    obs = pd.DataFrame(index=[f"cell{i}" for i in range(n)])
    obs["category"] = pd.Categorical([None if i % 7 == 3 else ["b", "a", "cé"][i % 3] for i in range(n)], ["a", "b", "cé"])
    obs["ordered"] = pd.Categorical([["low", "high"][i % 2] for i in range(n)], ["low", "high"], ordered=True)
    obs["number_category"] = pd.Categorical([[10, 20][i % 2] for i in range(n)])
    obs["flag_category"] = pd.Categorical([i % 2 == 0 for i in range(n)])
    obs["text"] = [f"text {i}" if i != 5 else "" for i in range(n)]
    obs["float"] = [np.nan if i == 2 else i / 4 for i in range(n)]
    obs["integer"] = np.arange(n, dtype=np.int64) * 10**12
    obs["small"] = np.arange(n, dtype=np.uint8)
    obs["flag"] = [i % 3 == 0 for i in range(n)]
    obs["nullable_integer"] = pd.array([None if i == 1 else i - 3 for i in range(n)], "Int64")
    obs["nullable_flag"] = pd.array([None if i == 1 else i % 2 == 0 for i in range(n)], "boolean")
    obs["nullable_text"] = pd.array([None if i == 1 else f"t{i}" for i in range(n)], "string")
    obs["with a blank"] = np.arange(n) / 2
    var = pd.DataFrame({"ensembl_id": [f"ENSG{i:011d}" for i in range(GENES)]}, index=[f"gene{i}" for i in range(GENES)])
    data = ad.AnnData(X=sparse.csr_matrix(counts() / 2), obs=obs, var=var)
    raw = ad.AnnData(
        X=sparse.csr_matrix(counts(genes=GENES + 2)), obs=obs[[]],
        var=pd.DataFrame({"symbol": [f"S{i}" for i in range(GENES + 2)]}, index=[f"raw{i}" for i in range(GENES + 2)]))
    data.raw = raw
    data.layers["counts"] = sparse.csr_matrix(counts())
    data.layers["dense"] = counts(np.int32)
    data.obsm["X_pca"] = np.array([[c + d / 8 for d in range(3)] for c in range(n)], np.float64)
    data.obsm["X_sparse"] = sparse.csr_matrix(counts())
    data.write_h5ad(path("frames"), compression="gzip", convert_strings_to_categoricals=False)
    # Texts of fixed length, a column of an unknown encoding, and the index as pandas 3 writes it.
    fixed = data.copy()
    fixed.raw = None
    fixed.write_h5ad(path("frames_fixed"), convert_strings_to_categoricals=False)
    with h5py.File(path("frames_fixed"), "r+") as file:
        replace(file, "obs/text", np.array([f"text {i}".encode() if i != 5 else b"" for i in range(n)], "S9"))
        file["obs/category"].attrs["encoding-type"] = "from-the-future"
        # A name with a slash, as old releases let through, lies in a group of its own.
        file.move("obs/float", "obs/per/cell")
        order = list(file["obs"].attrs["column-order"])
        file["obs"].attrs["column-order"] = np.array(["per/cell" if x == "float" else x for x in order], object)
    nullable = data.copy()
    nullable.raw = None
    nullable.obs = nullable.obs[["text"]]
    nullable.obs.index = pd.Index(pd.array([f"cell{i}" for i in range(n)], "string"))
    nullable.write_h5ad(path("frames_nullable_index"))


def legacy():
    """Categories beside the columns, and X described as anndata 0.7 did."""
    write("legacy_categories", plain(sparse.csr_matrix(counts())))
    with h5py.File(path("legacy_categories"), "r+") as file:
        obs = file["obs"]
        obs["kind"] = np.array([-1 if i == 0 else i % 2 for i in range(CELLS)], np.int8)
        names = obs.create_group("__categories").create_dataset(
            "kind", data=np.array(["x", "y"], object), dtype=h5py.string_dtype())
        names.attrs["ordered"] = False
        obs["kind"].attrs["categories"] = names.ref
        obs.attrs["column-order"] = np.array(["kind"], object)
        obs.attrs["encoding-version"] = "0.1.0"
        # And before that, what a sparse matrix is.
        del file["X"].attrs["encoding-type"]
        file["X"].attrs["h5sparse_format"] = "csr"
        file["X"].attrs["h5sparse_shape"] = file["X"].attrs["shape"]
        del file["X"].attrs["shape"]


def defects():
    def put(name, index, value):
        def change(file):
            data = file[name][:]
            data[index] = value
            file[name][:] = data
        return change

    edited("bad_negative", put("X/data", 20, -1))
    edited("bad_fractional", put("X/data", 20, 1.5))
    edited("bad_nan", put("X/data", 20, np.nan))
    edited("bad_infinite", put("X/data", 20, np.inf))
    edited("bad_huge", lambda file: replace(
        file, "X/data", np.where(np.arange(len(file["X/data"])) == 20, 2**53 + 1, 1).astype(np.int64)))
    edited("bad_indptr_start", put("X/indptr", 0, 1))
    edited("bad_indptr_end", put("X/indptr", -1, 5))
    edited("bad_indptr_descends", put("X/indptr", 10, 2))
    edited("bad_indptr_beyond", put("X/indptr", 10, 2**31 - 1))
    edited("bad_indptr_length", lambda file: replace(file, "X/indptr", file["X/indptr"][:-1]))
    edited("bad_index_negative", put("X/indices", 20, -3))
    edited("bad_index_beyond", put("X/indices", 20, GENES))
    edited("bad_duplicate", lambda file: put("X/indices", 1, file["X/indices"][0])(file))
    edited("bad_data_length", lambda file: replace(file, "X/data", file["X/data"][:-1]))
    edited("bad_shape", lambda file: file["X"].attrs.modify("shape", np.array([CELLS, GENES + 1])))
    edited("bad_no_indices", lambda file: file.__delitem__("X/indices"))
    edited("bad_text_matrix", lambda file: replace(file, "X/data", np.array(["x"] * len(file["X/data"]), "S1")))

    def code(file):
        group = file["obs"].create_group("kind")
        group.attrs.update({"encoding-type": "categorical", "encoding-version": "0.2.0", "ordered": False})
        group["codes"] = np.array([2 if i == 3 else 0 for i in range(CELLS)], np.int8)
        group["categories"] = np.array(["x", "y"], object)
        file["obs"].attrs["column-order"] = np.array(["kind"], object)

    edited("bad_code", code)

    def short(file):
        file["obs"]["short"] = np.arange(CELLS - 1)
        file["obs"].attrs["column-order"] = np.array(["short"], object)

    edited("bad_column_length", short)

    write("bad_csc_index", plain(sparse.csc_matrix(counts())))
    with h5py.File(path("bad_csc_index"), "r+") as file:
        put("X/indices", 20, CELLS)(file)
    write("bad_csc_negative", plain(sparse.csc_matrix(counts())))
    with h5py.File(path("bad_csc_negative"), "r+") as file:
        put("X/data", 20, -2)(file)
    dense = counts()
    dense[7, 3] = -4
    write("bad_dense_negative", plain(dense))

    # Shapes that no file can hold, and files that name other files.
    def endless(file):
        del file["X/data"]
        file.create_dataset("X/data", shape=(2**50,), dtype="f4", chunks=(1024,))

    edited("bad_endless", endless)

    def large_chunk(file):
        data = file["X/data"][:]
        del file["X/data"]
        file.create_dataset("X/data", shape=data.shape, maxshape=(None,), dtype="f4", chunks=(10**9,))

    edited("bad_large_chunk", large_chunk)
    edited("bad_filter", lambda file: replace(file, "X/data", file["X/data"][:], compression="lzf"))
    # A filter that nobody has: number and name stand in the header of the dataset.
    with open(path("bad_filter"), "r+b") as file:
        data = file.read()
        at = data.index(b"lzf\0") - 8
        assert data[at:at + 2] == (32000).to_bytes(2, "little")
        file.seek(at)
        file.write((32999).to_bytes(2, "little") + data[at + 2:at + 8] + b"abc\0")
    edited("bad_external_link", lambda file: [
        file.__delitem__("X/data"), file["X"].__setitem__("data", h5py.ExternalLink("csr_float32_plain.h5ad", "X/data"))])
    edited("bad_soft_link", lambda file: [
        file.__delitem__("X/data"), file["X"].__setitem__("data", h5py.SoftLink("/nowhere"))])
    with h5py.File(path("not_anndata"), "w") as file:
        file["values"] = np.arange(3)
    with h5py.File(path("loom"), "w") as file:
        file["matrix"] = counts().T
        file.create_group("row_attrs")


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    matrices()
    direct()
    frames()
    legacy()
    defects()
