#!/usr/bin/env python3
"""Reads a database by the rules of Docs/format.md alone, and compares it with what embdb exports of it.

    pip install lmdb==1.7.5 numpy==2.4.6
    Tools/read_format.py DATABASE [EMBDB]

EMBDB is the built program (.build/release/embdb). Checks every checksum, the codes, the model's SHA-256 and the graph;
then embeddings, ids, obs and tokens against `EMBDB export`. Exit code 0 if all agree, 1 with the first difference.
"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

import lmdb
import numpy as np

NONE = 0xFFFFFFFF


class Different(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Different(what)


def sealed(value, what):
    crc, content = struct.unpack_from("<I", value)[0], value[4:]
    check(zlib.crc32(content) == crc, f"{what}: wrong checksum")
    return bytes(content)


class Reader:
    def __init__(self, path):
        self.environment = lmdb.open(path, subdir=False, readonly=True, lock=False, max_dbs=1024)
        self.transaction = self.environment.begin(buffers=True)
        check(bytes(self.get("meta", b"magic")) == b"embdb", "no embdb database")
        check(struct.unpack("<I", self.get("meta", b"format"))[0] == 1, "another version of the format")
        self.state = json.loads(sealed(self.get("meta", b"state"), "state"))
        self.rows = self.state["rows"]
        deleted = self.get("meta", b"deleted")
        self.live = np.ones(self.rows, dtype=bool)
        if deleted is not None:
            content = np.frombuffer(sealed(deleted, "deleted"), np.uint8)
            check(len(content) % 8 == 0, "deleted: no multiple of 8 bytes")
            bits = np.unpackbits(content, bitorder="little")[: self.rows]
            self.live[: len(bits)] &= bits == 0

    def table(self, name):
        try:
            return self.environment.open_db(name.encode(), txn=self.transaction, create=False)
        except lmdb.NotFoundError:
            return None

    def get(self, name, key):
        table = self.table(name)
        return None if table is None else self.transaction.get(key, db=table)

    def items(self, name):
        table = self.table(name)
        return [] if table is None else list(self.transaction.cursor(db=table))

    def column(self, name, kind, stride, rows_per_block, aligned=True):
        """All rows of a block column, [rows, stride] bytes; rows_per_block is None where the first block tells."""
        parts, full = [], True
        for number, (key, value) in enumerate(self.items(name)):
            check(struct.unpack(">I", key)[0] == number, f"{name}: block {number} is missing")
            header = struct.unpack_from("<8I", value)
            if rows_per_block is None:
                rows_per_block = header[4]
                check(rows_per_block & (rows_per_block - 1) == 0 < rows_per_block, f"{name}: {rows_per_block} rows")
            check(header[:3] == (0x4B4C4245, struct.unpack(">I", kind.encode())[0], number), f"{name}: header {header}")
            check(header[4:6] == (rows_per_block, stride), f"{name}: {header[4:6]} for {rows_per_block, stride}")
            check(zlib.crc32(value[:28]) == header[7], f"{name}: the header's checksum is wrong")
            check(bytes(value[32:48]) == bytes(16), f"{name}: the reserved bytes are not zero")
            check(full and 0 < header[3] <= rows_per_block, f"{name}: a block is not full")
            full = header[3] == rows_per_block
            rows = np.frombuffer(value, np.uint8, header[3] * stride, 48)
            check(zlib.crc32(rows) == header[6], f"{name}: the rows' checksum is wrong")
            check(not aligned or rows.ctypes.data % 64 == 0, f"{name}: the rows are not aligned")
            check(not any(value[48 + header[3] * stride:]), f"{name}: what follows the rows is not zero")
            parts.append(rows.reshape(-1, stride))
        result = np.concatenate(parts) if parts else np.empty((0, stride), np.uint8)
        check(len(result) >= self.rows or name.split(".")[0] in ("graph", "genes"), f"{name}: fewer rows than cells")
        return result

    def embeddings(self):
        settings = self.state["embedding"]
        dimension = settings["dimension"]
        stride = (4 * dimension + 63) // 64 * 64
        padded = self.column("embedding.f32", "emf3", stride, None).view("<f4")
        check(not padded[:, dimension:].any(), "embedding.f32: the padding is not zero")
        vectors = padded[: self.rows, :dimension]
        stride = (dimension + 63) // 64 * 64
        codes = self.column("embedding.code", "emi8", stride, None)
        check((codes[:, dimension:] == 128).all(), "embedding.code: the padding is not 128")
        scales = self.column("embedding.scale", "emsc", 8, 8192).view("<f4")
        for row, vector in enumerate(vectors.astype(np.float64)):
            largest = np.abs(vector).max()
            if largest == 0:
                expected, pair = np.zeros(dimension), (0, 0)
            else:
                scaled = vector * (127 / largest)
                expected = np.sign(scaled) * np.floor(np.abs(scaled) + 0.5)
                squares = (expected ** 2).sum()
                if settings["metric"] == "cosine":
                    pair = (squares ** -0.5, min((vector ** 2).sum() ** -0.5, np.finfo(np.float32).max))
                else:
                    pair = (largest / 127, squares * (largest / 127) ** 2)
            check((codes[row, :dimension] == expected + 128).all(), f"embedding.code: row {row}")
            check(np.allclose(scales[row], pair, rtol=1e-6, atol=0), f"embedding.scale: row {row}")
        return vectors

    def ids(self):
        ids = {}
        for key, value in self.items("cells.id"):
            ids[struct.unpack(">Q", key)[0]] = bytes(value).decode()
        back = {bytes(key).decode(): struct.unpack("<Q", value)[0] for key, value in self.items("cells.row")}
        for row in range(self.rows):
            check(1 <= len(ids[row].encode()) <= 500, f"cells.id: row {row}")
            check(not self.live[row] or back[ids[row]] == row, f"cells.row: {ids[row]}")
        return [ids[row] for row in range(self.rows)]

    def obs(self):
        """(name, kind, values), missing values None."""
        columns = []
        for number, column in enumerate(self.state["columns"]):
            kind, name = column["kind"], f"obs.{number}"
            if kind == "number":
                values = self.column(name, "obfd", 8, 8192).view("<f8")[: self.rows, 0]
                values = [None if np.isnan(v) else float(v) for v in values]
            elif kind == "integer":
                values = self.column(name, "obid", 8, 8192).view("<i8")[: self.rows, 0]
                values = [None if v == -(1 << 63) else int(v) for v in values]
            else:
                names = ["False", "True"]
                if kind == "category":
                    names = [
                        sealed(value, name).decode()
                        for code, (key, value) in enumerate(self.items(name + ".names"))
                        if struct.unpack(">I", key)[0] == code
                    ]
                    check(len(names) >= column["categoryCount"], f"{name}: names are missing")
                codes = self.column(name, "obcd", 4, 16384).view("<i4")[: self.rows, 0]
                check(((codes >= -1) & (codes < max(2, column["categoryCount"]))).all(), f"{name}: a code has no name")
                values = [None if code < 0 else names[code] for code in codes]
            columns.append((column["name"], kind, values))
        return columns

    def model(self):
        """The record and the vocabulary's lines, after the SHA-256 was found to be right."""
        sha256 = self.state["model"]["sha256"]
        part = lambda name: self.get("model", f"{sha256}/{name}".encode())
        record = json.loads(bytes(part("record")))
        check(record["sha256"] == sha256, "model: the record is another one's")
        a = record["architecture"]
        text = (
            f"vocabulary {a['vocabularySize']} hidden {a['hiddenSize']} layers {a['layerCount']} heads {a['headCount']} "
            f"feed-forward {a['feedForwardSize']} positions {a['maximumLength']} activation {a['activation']} "
            f"epsilon {shortest(a['layerNormEpsilon'])} token types {a['tokenTypeCount']} "
            f"padding {a.get('paddingToken', 'none')}"
        )
        digest = hashlib.sha256()
        for piece in [b"embdb model 1", text.encode(), part("vocabulary.tsv"), part("mapping.tsv")]:
            digest.update(bytes(piece) + b"\0")
        for tensor in sorted(record["tensors"], key=lambda tensor: tensor["name"]):
            values = bytes(part("tensor/" + tensor["name"]))
            check(len(values) == 4 * int(np.prod(tensor["shape"])), f"model: tensor {tensor['name']}")
            digest.update(tensor["name"].encode() + b"\0" + values)
        check(digest.hexdigest() == sha256, "model: its SHA-256 is another")
        return record, bytes(part("vocabulary.tsv")).decode().splitlines()

    def tokens(self, record, vocabulary):
        """What the model reads of every cell."""
        special = {line.split("\t")[1]: int(line.split("\t")[0]) for line in vocabulary[1:] if "\t<" in line}
        room = record["architecture"]["maximumLength"] - (2 if "<cls>" in special else 0)
        cells = []
        for row in range(self.rows):
            genes, counts, total = stored_cell(sealed(self.get("tokens", struct.pack(">Q", row)), f"tokens: row {row}"))
            check(sum(counts) <= total * (1 + 1e-9), f"tokens: row {row} counts more than its total")
            read = genes[:room]
            cells.append([special["<cls>"], *read, special["<eos>"]] if "<cls>" in special else read)
        return cells

    def genes(self):
        """By group: (value, [(token, cells)], means [genes, dimension])."""
        content = self.get("meta", b"genes")
        if content is None:
            return []
        record = json.loads(sealed(content, "genes"))
        counted = np.frombuffer(sealed(self.get("meta", b"genes.counted"), "genes.counted"), np.uint8)
        check(len(counted) == (record["rows"] + 63) // 64 * 8, "genes.counted: another number of rows")
        counted = np.unpackbits(counted, bitorder="little")[: record["rows"]]
        dimension = self.state["embedding"]["dimension"]
        sums = self.column("genes.sums", "gesu", 8 * dimension, block(8 * dimension)).view("<i8")
        cells = self.column("genes.cells", "gece", 8, 8192).view("<u4")
        groups, first = [], 0
        for group in record["groups"]:
            rows = slice(first, first := first + group["genes"])
            check((np.diff(cells[rows, 0].astype(np.int64)) > 0).all(), "genes.cells: not by token")
            means = (sums[rows] / 2.0 ** 24 / cells[rows, 1:]).astype(np.float32)
            groups.append((group.get("value"), cells[rows].tolist(), means))
        check(first == len(sums) == len(cells), "genes.sums: another number of rows")
        have = {}
        for row, tokens in enumerate(self.tokens(*self.model())):
            if row < len(counted) and counted[row]:
                for token in tokens:
                    have[token] = have.get(token, 0) + 1
        check(all(have[token] == count for token, count in groups[0][1]), "genes.cells: not what the tokens say")
        return groups

    def graph(self):
        content = self.get("meta", b"index")
        if content is None:
            return 0
        index = json.loads(sealed(content, "index"))
        check(index["rows"] <= self.rows, "index: more rows than cells")
        links = self.column("graph.level0", "grl0", 192, 8192).view("<u4")
        check(len(links) == index["rows"], "graph.level0: another number of rows")
        check(all(entry < index["rows"] for entry in index["entries"]), "index: an entry is no node of the graph")
        numbers = self.column("graph.number", "grnu", 8, 1 << 17).view("<u4")
        check(len(numbers) == index["rows"], "graph.number: another number of rows")
        rows, nodes = numbers[:, 0], numbers[:, 1]
        check((np.sort(rows) == np.arange(len(rows))).all(), "graph.number: not every row is a node")
        check((nodes[rows] == np.arange(len(rows))).all(), "graph.number: nodes and rows do not belong together")
        for node, words in enumerate(links):
            ends = np.flatnonzero(words[:47] == NONE)
            used = words[: ends[0]] if len(ends) else words[:47]
            check((used < index["rows"]).all() and (used != node).all(), f"graph.level0: node {node}")
            check(words[47] == NONE or node < words[47] < index["rows"], f"graph.level0: the chain of node {node}")
        self.sketches(rows)
        return len(links)

    def sketches(self, rows):
        basis = self.get("meta", b"sketch")
        if basis is None:
            return
        stride = (self.state["embedding"]["dimension"] + 63) // 64 * 64
        basis = sealed(basis, "sketch")
        check(len(basis) == 4 * 59 + 56 * stride, "sketch: length")
        (faithful,), (factor, unit) = struct.unpack_from("<I", basis), np.frombuffer(basis, "<f4", 2, 4)
        check(faithful <= 1 and factor > 0 and unit > 0, "sketch: numbers")
        offsets = np.frombuffer(basis, "<f4", 56, 12)
        directions = np.frombuffer(basis, np.uint8, offset=4 * 59).reshape(56, stride).astype(np.int64) - 128
        sketches = self.column("graph.sketch", "grsk", 64, 1 << 24)
        check(len(sketches) == len(rows), "graph.sketch: another number of rows")
        codes = self.column("embedding.code", "emi8", stride, None)[rows].astype(np.int64) - 128
        scales = self.column("embedding.scale", "emsc", 8, 8192)[rows]
        values = scales.view("<f4")[:, :1] * factor * (codes @ directions.T).astype(np.float32) - offsets
        expected = np.rint(np.clip(values, -127, 127)).astype(np.int8)
        check((expected == sketches[:, :56].view(np.int8)).all(), "graph.sketch: not those of the codes")
        check((sketches[:, 56:] == scales).all(), "graph.sketch: not the scales")



def block(stride):
    rows = 1
    while rows * 2 * stride <= 1048576:
        rows *= 2
    return rows


def shortest(value):
    """The shortest decimal that reads back to the same f32, as Swift prints it."""
    return str(np.float32(value))


def stored_cell(content):
    position = 2

    def varint():
        nonlocal position
        result = shift = 0
        while True:
            byte = content[position]
            position += 1
            result |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return result

    def array(count, kind):
        nonlocal position
        values = np.frombuffer(content, kind, count, position)
        position += values.nbytes
        return values.tolist()

    check(content[0] == 1 and content[1] < 16, "a stored cell of another version")
    flags = content[1]
    total = array(1, "<f8")[0] if flags & 8 else varint()
    count = varint()
    genes = array(count, "<u4" if flags & 1 else "<u2")
    kind = flags >> 1 & 3
    counts = [varint() for _ in range(count)] if kind == 0 else array(count, "<f4" if kind == 1 else "<f8")
    check(position == len(content), "a stored cell is followed by something")
    check(all(value > 0 for value in counts), "a stored cell counts nothing")
    return genes, counts, total


def compare(reader, embdb, folder):
    def export(name, *options):
        path = os.path.join(folder, name)
        subprocess.run([embdb, "export", sys.argv[1], path, *options], check=True, stderr=subprocess.DEVNULL)
        return path

    live = reader.live
    path = export("vectors.npy")
    exported = np.load(path)
    check(exported.tobytes() == reader.embeddings()[live].tobytes(), "export .npy has other embeddings")
    with open(path + ".ids.txt", encoding="utf-8") as file:
        ids = [id for id, alive in zip(reader.ids(), live) if alive]
        check(file.read().split("\n")[:-1] == ids, "export .npy has other ids")
    with open(export("obs.tsv"), encoding="utf-8", newline="\n") as file:
        lines = [line.split("\t") for line in file.read().split("\n")[:-1]]
    columns = reader.obs()
    check(lines[0] == ["cell"] + [name for name, _, _ in columns], "export .tsv has other columns")
    rows = np.flatnonzero(live)
    for line, row in zip(lines[1:], rows, strict=True):
        for text, (name, kind, values) in zip(line[1:], columns):
            value = values[row]
            same = text == "" if value is None else float(text) == value if kind == "number" else text == str(value)
            check(same, f"export .tsv: {name} of row {row} is {text}, not {value}")
    if "model" in reader.state:
        archive = np.load(export("tokens.npz", "--tokens"))
        cells = [cell for cell, alive in zip(reader.tokens(*reader.model()), live) if alive]
        check(archive["indptr"].tolist() == np.cumsum([0] + [len(c) for c in cells]).tolist(), "export .npz: lengths")
        check(archive["tokens"].tolist() == [token for cell in cells for token in cell], "export .npz: tokens")
    groups = reader.genes()
    if groups:
        check(np.array_equal(np.load(export("genes.npy", "--genes")), groups[0][2]), "export --genes: other means")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        reader = Reader(sys.argv[1])
        reader.embeddings(), reader.ids(), reader.obs()
        if "model" in reader.state:
            reader.tokens(*reader.model())
            reader.genes()
        print(f"{reader.live.sum()} cells, {len(reader.state['columns'])} obs columns, {reader.graph()} rows in the graph")
        if len(sys.argv) == 3:
            with tempfile.TemporaryDirectory() as folder:
                compare(reader, sys.argv[2], folder)
            print("as exported")
    except Different as difference:
        sys.exit(f"read_format: {difference}")


main()
