#!/usr/bin/env python3
"""Writes Tests/AnnDataTests/Fixtures/Formats: the same cells in every format that is read, and files that are not read.

Needs h5py and numpy. The counts are those of make_h5ad_fixtures.py: 23 cells x 17 genes, count(cell, gene).
"""
import gzip
import os
import shutil
import sys

import h5py
import numpy as np

from make_h5ad_fixtures import CELLS, GENES, count

FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
    os.path.dirname(__file__), "..", "Tests", "AnnDataTests", "Fixtures", "Formats")
BARCODES = [f"cell{i}" for i in range(CELLS)]
NAMES = [f"gene{i}" for i in range(GENES)]
IDS = [f"ENSG{i:011d}" for i in range(GENES)]
GENE = "Gene Expression"
# Features that are no genes stand between the genes, and one has a gene's name.
ANTIBODIES = {3: "gene1", 10: "CD3"}


def path(name):
    full = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def texts(values):
    return np.array([v.encode() for v in values], dtype="S")


def features(with_antibodies):
    """(id, name, type, gene number or None) of every feature."""
    result = []
    for gene in range(GENES):
        if with_antibodies and gene in ANTIBODIES:
            result.append((ANTIBODIES[gene], ANTIBODIES[gene], "Antibody Capture", None))
        result.append((IDS[gene], NAMES[gene], GENE, gene))
    return result


def value(cell, feature):
    return 1000 + cell if feature[3] is None else count(cell, feature[3])


def by_cells(rows):
    indptr, indices, data = [0], [], []
    for cell in range(CELLS):
        for number, feature in enumerate(rows):
            if value(cell, feature):
                indices.append(number)
                data.append(value(cell, feature))
        indptr.append(len(indices))
    return (np.array(data, np.int32), np.array(indices, np.int64), np.array(indptr, np.int64))


def put_matrix(group, rows):
    for name, array in zip(["data", "indices", "indptr"], by_cells(rows)):
        group.create_dataset(name, data=array, compression="gzip", chunks=(16,))
    group["shape"] = np.array([len(rows), CELLS], np.int32)
    group["barcodes"] = texts(BARCODES)


def tenx():
    with h5py.File(path("tenx_v3.h5"), "w") as file:
        rows = features(True)
        put_matrix(file.create_group("matrix"), rows)
        group = file.create_group("matrix/features")
        for number, name in enumerate(["id", "name", "feature_type"]):
            group[name] = texts([row[number] for row in rows])
        group["genome"] = texts(["GRCh38"] * len(rows))
        group["_all_tag_keys"] = texts(["genome"])
    for name, genomes in [("tenx_v2.h5", ["GRCh38"]), ("tenx_v2_two.h5", ["GRCh38", "mm10"])]:
        with h5py.File(path(name), "w") as file:
            for genome in genomes:
                rows = features(False)
                group = file.create_group(genome)
                put_matrix(group, rows)
                group["genes"] = texts(IDS)
                group["gene_names"] = texts(NAMES)

    def broken(name, change):
        shutil.copy(path("tenx_v3.h5"), path(name))
        with h5py.File(path(name), "r+") as file:
            change(file)

    broken("bad_tenx_no_ids.h5", lambda file: file.__delitem__("matrix/features/id"))
    broken("bad_tenx_barcodes.h5", lambda file: [
        file.__delitem__("matrix/barcodes"), file.__setitem__("matrix/barcodes", texts(BARCODES[:-1]))])
    broken("bad_tenx_peaks.h5", lambda file: [
        file.__delitem__("matrix/features/feature_type"),
        file.__setitem__("matrix/features/feature_type", texts(["Peaks"] * len(features(True))))])


def loom():
    for name, chunks in [("cells.loom", (4, 5)), ("whole.loom", None)]:
        with h5py.File(path(name), "w") as file:
            matrix = np.array([[count(c, g) for c in range(CELLS)] for g in range(GENES)], np.float32)
            options = dict(chunks=chunks, compression="gzip") if chunks else {}
            file.create_dataset("matrix", data=matrix, **options)
            file.create_dataset("layers/spliced", data=matrix.astype(np.int16) * 2, **options)
            text = h5py.string_dtype()
            file.create_dataset("row_attrs/Gene", data=np.array(NAMES, object), dtype=text)
            file.create_dataset("row_attrs/Accession", data=np.array(IDS, object), dtype=text)
            file.create_dataset("col_attrs/CellID", data=np.array(BARCODES, object), dtype=text)
            file["col_attrs/Age"] = np.arange(CELLS) / 2
            file["col_attrs/Batch"] = np.arange(CELLS, dtype=np.uint8)
            file["col_attrs/Embedding"] = np.zeros((CELLS, 2))
            file.attrs["LOOM_SPEC_VERSION"] = "3.0.0"
    shutil.copy(path("cells.loom"), path("nameless.loom"))
    with h5py.File(path("nameless.loom"), "r+") as file:
        file.move("col_attrs/CellID", "col_attrs/Name")


def store(name, text):
    data = text if isinstance(text, bytes) else text.encode()
    with open(path(name), "wb") as file:
        file.write(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)


def entries(rows, field="integer", order=lambda e: (e[1], e[0])):
    listed = [(number + 1, cell + 1, value(cell, row)) for number, row in enumerate(rows)
              for cell in range(CELLS) if value(cell, row)]
    listed.sort(key=order)
    shown = {"integer": str, "real": lambda v: f"{v}.0", "pattern": lambda v: ""}[field]
    body = "".join(f"{a} {b} {shown(v)}".rstrip() + "\n" for a, b, v in listed)
    return f"%%MatrixMarket matrix coordinate {field} general\n%\n{len(rows)} {CELLS} {len(listed)}\n", body


def table(rows, columns=3):
    return "".join("\t".join(row[:columns]) + "\n" for row in rows)


def folder(name, matrix, genes, barcodes=None, features_name="features.tsv.gz", prefix="", ending=".gz"):
    store(f"{name}/{prefix}matrix.mtx{ending}", matrix)
    store(f"{name}/{prefix}{features_name}", genes)
    store(f"{name}/{prefix}barcodes.tsv{ending}", "".join(b + "\n" for b in BARCODES) if barcodes is None else barcodes)


def mtx():
    three, two = features(True), features(False)
    good = "".join(entries(three))
    plain = "".join(entries(two))
    folder("mtx_v3", good, table(three))
    folder("mtx_v2", plain, table(two, 2), features_name="genes.tsv", ending="")
    folder("mtx_geo", good, table(three), prefix="GSM123_")
    folder("mtx_two", good, table(three), prefix="GSM123_")
    folder("mtx_two", good, table(three), prefix="GSM456_")
    # By gene, and in no order; reals; CR LF, blanks and empty lines; names alone; more columns.
    folder("mtx_by_gene", "".join(entries(three, order=lambda e: (e[0], e[1]))), table(three))
    folder("mtx_shuffled", "".join(entries(two, "real", order=lambda e: (e[0] * 7 + e[1] * 11) % 31)), table(two))
    crlf = "".join(entries(two)).replace("\n", "\r\n").replace("\r\n%\r\n", "\r\n%\r\n\r\n") + "\r\n\r\n"
    folder("mtx_crlf", crlf, table(two).replace("\n", "\r\n"), "\r\n".join(BARCODES) + "\r\n\r\n")
    folder("mtx_names", plain, table([(r[1],) for r in two], 1), features_name="genes.tsv", ending="")
    folder("mtx_wide", good, table([r[:3] + ("chr1", "1", "2") for r in three], 6))
    store("starsolo/UniqueAndMult-EM.mtx", plain)
    store("starsolo/features.tsv", table(two))
    store("starsolo/barcodes.tsv", "\n".join(BARCODES))
    store("outs/filtered_feature_bc_matrix/matrix.mtx.gz", plain)
    store("alone/matrix.mtx", plain)

    head, body = entries(two)
    lines = body.splitlines(True)
    folder("bad_count_more", head + body + lines[-1], table(two))
    folder("bad_count_less", head + "".join(lines[:-1]), table(two))
    folder("bad_word", head + "".join(lines[:4]) + "1 1 x\n" + "".join(lines[5:]), table(two))
    folder("bad_fraction", head + "".join(lines[:4]) + "1 1 1.5\n" + "".join(lines[5:]), table(two))
    folder("bad_index", head + "".join(lines[:4]) + f"{GENES + 1} 1 1\n" + "".join(lines[5:]), table(two))
    folder("bad_zero", head + "".join(lines[:4]) + "0 1 1\n" + "".join(lines[5:]), table(two))
    folder("bad_negative", head + "".join(lines[:4]) + lines[4].rsplit(" ", 1)[0] + " -2\n" + "".join(lines[5:]), table(two))
    folder("bad_twice", head + lines[1] + "".join(lines[1:]), table(two))
    folder("bad_absurd", head.replace(f"{GENES} {CELLS} ", "2000000000 2000000000 ") + body, table(two))
    folder("bad_entries", f"%%MatrixMarket matrix coordinate integer general\n{GENES} {CELLS} 391\n" + body, table(two))
    folder("bad_many", "%%MatrixMarket matrix coordinate integer general\n100000 100000 9999999999\n" + body, table(two))
    folder("bad_array", head.replace("coordinate", "array") + body, table(two))
    folder("bad_barcodes", plain, table(two), "".join(b + "\n" for b in BARCODES[:-1]))
    folder("bad_header", plain, "gene_id\tgene_name\ttype\n" + table(two))
    folder("bad_empty_line", plain, table(two), "".join(b + "\n" for b in BARCODES[:5]) + "\n" + "".join(b + "\n" for b in BARCODES[6:]))
    folder("bad_columns", plain, table(two).removesuffix("\tGene Expression\n") + "\n")
    folder("bad_cut", plain, table(two))
    cut = path("bad_cut/matrix.mtx.gz")
    with open(cut, "r+b") as file:
        file.truncate(os.path.getsize(cut) // 2)
    transposed = head.replace(f"{GENES} {CELLS} ", f"{CELLS} {GENES} ")
    folder("bad_transposed", transposed + "".join(f"{b} {a} {v}\n" for a, b, v in (l.split() for l in lines)), table(two))
    # 100 MB of blanks.
    store("bad_bomb/matrix.mtx.gz", head + " " * 1000 + "\n" * 100_000_000)
    store("bad_bomb/features.tsv.gz", table(two))
    store("bad_bomb/barcodes.tsv.gz", "".join(b + "\n" for b in BARCODES))


def lzf():
    """Columns with h5py's own compression, some chunks of which do not shrink and are stored as they are."""
    numbers = np.random.default_rng(1)
    with h5py.File(path("lzf.h5ad"), "w") as file:
        for name, count in [("obs", 5000), ("var", 1)]:
            group = file.create_group(name)
            group.create_dataset("_index", data=texts([f"{name}{i}" for i in range(count)]), compression="lzf")
            group.attrs["_index"] = "_index"
        for name, data in [
            ("zeros", np.zeros(5000, np.int32)), ("ramp", np.arange(5000) // 7),
            ("noise", numbers.integers(0, 256, 5000).astype(np.uint8)),
            ("repeats", np.tile(numbers.integers(0, 256, 250).astype(np.uint8), 20)),
            ("sparse", np.where(numbers.random(5000) < 0.05, numbers.random(5000), 0))]:
            file["obs"].create_dataset(name, data=data, chunks=(999,), compression="lzf", shuffle=name == "ramp")


def old():
    """Tables, as anndata wrote them before 0.7, and h5ad whose obs has what cannot be read."""
    obs = np.zeros(CELLS, [
        ("index", "S6"), ("kind", "i1"), ("cluster", "<i8"), ("number", "<f4"), ("flag", "?"), ("pair", "<f4", (2,)),
        ("text", h5py.string_dtype())])
    obs["index"] = texts(BARCODES)
    obs["kind"] = [-1 if i == 0 else i % 2 for i in range(CELLS)]
    obs["cluster"] = np.arange(CELLS)
    obs["number"] = np.arange(CELLS) / 4
    obs["flag"] = np.arange(CELLS) % 3 == 0
    obs["text"] = [f"t{i}" for i in range(CELLS)]
    genes = np.zeros(GENES, [("index", "S8"), ("gene_ids", "S16")])
    genes["index"], genes["gene_ids"] = texts(NAMES), texts(IDS)
    obsm = np.zeros(CELLS, [("X_pca", "<f4", (3,)), ("X_umap", "<f8", (2,)), ("X_line", "<f8")])
    obsm["X_pca"] = [[c + d / 8 for d in range(3)] for c in range(CELLS)]
    dense = np.array([[count(c, g) for g in range(GENES)] for c in range(CELLS)], np.float32)
    with h5py.File(path("tables.h5ad"), "w") as file:
        file.create_dataset("X", data=dense - 1, compression="gzip")
        file.create_dataset("obs", data=obs, chunks=(5,), compression="gzip")
        file.create_dataset("var", data=genes)
        file.create_dataset("obsm", data=obsm, chunks=(4,), compression="gzip")
        file["uns/kind_categories"] = texts(["x", "y"])
        # Fewer names than codes: those of a var column of the same name.
        file["uns/cluster_categories"] = texts(["a", "b"])
        data, indices, indptr = by_cells(features(False))
        group = file.create_group("raw.X")
        group["data"], group["indices"], group["indptr"] = data.astype(np.float32), indices, indptr
        group.attrs["h5sparse_format"] = "csr"
        group.attrs["h5sparse_shape"] = np.array([CELLS, GENES])
        file.create_dataset("raw.var", data=genes[["index"]])


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    tenx()
    loom()
    mtx()
    lzf()
    old()
