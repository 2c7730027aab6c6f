#!/usr/bin/env python3
"""Writes Tests/EndToEndTests/Fixtures/wrong: small files that are wrong, each in one way, for WrongInputTests (needs anndata >= 0.12, h5py, scipy, lmdb).

What can be made from bytes alone (cut files, text, headers), the tests make themselves.
"""
import io
import os
import pickle
import sys
import zipfile
import zlib

import anndata as ad
import h5py
import lmdb
import numpy as np
import pandas as pd
from scipy import sparse

ROOT = os.path.join(os.path.dirname(__file__), "..", "Tests", "EndToEndTests", "Fixtures")
FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "wrong")
CELLS, GENES = 6, 40
NAMES = pd.read_csv(os.path.join(ROOT, "vocabulary.tsv"), sep="\t", dtype=str).ensembl_id[2:2 + GENES].values
ad.settings.allow_write_nullable_strings = True


def path(name):
    return os.path.join(FOLDER, name)


def counts(cells=CELLS):
    return np.random.default_rng(11).poisson(2.0, (cells, GENES)).astype(np.float32)


def write(name, x=None, genes=NAMES, ids=None):
    x = counts() if x is None else x
    ids = [f"{name}{row}" for row in range(len(x))] if ids is None else ids
    obs = pd.DataFrame({"disease": ["HCM"] * len(x)}, index=ids)
    ad.AnnData(X=sparse.csr_matrix(x), obs=obs, var=pd.DataFrame(index=list(genes))).write_h5ad(path(name + ".h5ad"))


def edited(name, change):
    write(name)
    with h5py.File(path(name + ".h5ad"), "r+") as file:
        change(file)


def replace(file, name, value, **options):
    del file[name]
    return file.create_dataset(name, data=value, **options)


def put(value):
    def change(file):
        data = file["X/data"][:]
        data[20] = value
        file["X/data"][:] = data
    return change


def twice_deflated(file, count, chunk):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((chunk,))
    plist.set_deflate(9)
    plist.set_deflate(9)
    space = h5py.h5s.create_simple((count,))
    return h5py.h5d.create(file["X"].id, b"data", h5py.h5t.IEEE_F32LE, space, plist)


def bomb(file):
    """One chunk of 1 GiB of zeros; deflated twice it takes some kilobytes."""
    del file["X/data"]
    data = twice_deflated(file, 2**28, chunk=2**28)
    packer = zlib.compressobj(9)
    once = b"".join(packer.compress(bytes(2**20)) for _ in range(2**10)) + packer.flush()
    data.write_direct_chunk((0,), zlib.compress(once, 9))


def small_bombs(file):
    """64 chunks of 16 MiB of zeros: each may be read, all of them are more than the matrix says."""
    shape = 2**28
    del file["X/data"]
    data = twice_deflated(file, shape, chunk=2**22)
    packed = zlib.compress(zlib.compress(bytes(2**24), 9), 9)
    for chunk in range(64):
        data.write_direct_chunk((chunk * 2**22,), packed)


def values_and_cells():
    edited("infinite", put(np.inf))
    edited("beyond_float", lambda file: replace(
        file, "X/data", np.where(np.arange(len(file["X/data"])) == 20, 2**53 + 1, 1).astype(np.int64)))
    write("one_cell", counts(1))
    write("no_cells", counts(0))
    write("no_gene_in_any_cell", np.zeros((CELLS, GENES), np.float32))
    write("empty_id", ids=["a", "b", "", "d", "e", "f"])
    write("long_id", ids=["a", "b", "c" * 600, "d", "e", "f"])


def genes():
    write("unknown_genes", genes=[f"gene{gene}" for gene in range(GENES)])
    write("duplicated_genes", genes=[NAMES[gene // 2] for gene in range(GENES)])
    write("versioned_genes", genes=[f"{name}.{1 + row % 9}" for row, name in enumerate(NAMES)])
    write("numbered_genes", genes=[str(gene) for gene in range(GENES)])


def headers():
    edited("bomb", bomb)
    edited("small_bombs", small_bombs)
    edited("absurd_shape", lambda file: file["X"].attrs.modify("shape", np.array([2**62, GENES])))

    def endless(file):
        del file["X/data"]
        file.create_dataset("X/data", shape=(2**50,), dtype="f4", chunks=(1024,))

    edited("endless", endless)
    edited("outside_link", lambda file: [
        file.__delitem__("X/data"), file["X"].__setitem__("data", h5py.ExternalLink("one_cell.h5ad", "X/data"))])
    edited("no_indptr", lambda file: file.__delitem__("X/indptr"))
    edited("text_matrix", lambda file: replace(file, "X/data", np.array(["x"] * len(file["X/data"]), "S1")))
    with h5py.File(path("not_anndata.h5ad"), "w") as file:
        file["values"] = np.arange(3)


class Command:
    """Unpickled by Python, this would run a program."""

    def __reduce__(self):
        return os.system, ("touch /tmp/embdb-was-here",)


def archive(name, entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for entry, content in entries.items():
            file.writestr(zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)
    with open(path(name), "wb") as file:
        file.write(buffer.getvalue())


def checkpoints():
    command = pickle.dumps({"a": Command()}, protocol=2)
    archive("command.bin", {"model/data.pkl": command, "model/version": "3\n"})
    archive("outside.bin", {"../../etc/data.pkl": pickle.dumps({}, protocol=2), "/etc/passwd": b"root"})
    archive("bomb.bin", {"model/data.pkl": bytes(2**26), "model/version": "3\n"})
    archive("no_pickle.bin", {"model/version": "3\n"})
    with open(path("bare_pickle.bin"), "wb") as file:
        file.write(command)


def other_lmdb():
    name = path("other.lmdb")
    if os.path.exists(name):
        os.remove(name)
    environment = lmdb.open(name, subdir=False, map_size=2**20, max_dbs=2, lock=False)
    users = environment.open_db(b"users")
    with environment.begin(write=True) as transaction:
        transaction.put(b"a", b"1", db=users)
    environment.close()


def plain_lmdb(name, entries, **options):
    """Entries in the main table, as programs have them that need one table alone."""
    if os.path.exists(path(name)):
        os.remove(path(name))
    environment = lmdb.open(path(name), subdir=False, map_size=2**20, max_dbs=2, lock=False, **options)
    with environment.begin(write=True) as transaction:
        for key, value in entries:
            transaction.put(key, value)
    environment.close()


def plain_lmdbs():
    plain_lmdb("plain.lmdb", [(b"alice", b"1"), (b"bob", b"a value")])
    plain_lmdb("numbered.lmdb", [(number.to_bytes(8, "little"), b"value") for number in range(9)])
    plain_lmdb("many.lmdb", [(b"key%04d" % number, b"") for number in range(1100)])


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    values_and_cells()
    genes()
    headers()
    checkpoints()
    other_lmdb()
    plain_lmdbs()
