"""Embeddings of a model, computed by the built program and kept in the work folder."""
import csv
import json
import subprocess
from functools import cache
from pathlib import Path

import numpy as np

DEFAULT = Path(__file__).parents[3] / "Sources/CDefaultModel"
"""What the program has built in as its default model."""


class Model:
    """A model folder, or `default`."""

    def __init__(self, name, folder, arguments):
        self.name, self.folder = name, folder
        self.program, self.threads, self.embed = arguments.embdb, arguments.threads, arguments.embed
        self.info = json.loads(self.run("model", "info", folder, "--format", "json"))
        self.work = Path(arguments.work) / f"{self.info['sha256'][:12]}-{self.embed}"
        self.work.mkdir(parents=True, exist_ok=True)

    def description(self):
        size = f"{self.info['layers']} layers × {self.info['hidden_size']}, {self.embed} layer"
        return f"{self.name}: {Path(self.folder).name}, {size}, sha256 {self.info['sha256'][:12]}"

    def run(self, *words):
        done = subprocess.run([self.program, *map(str, words)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{self.program} {' '.join(map(str, words))}: {done.stderr.strip()}")
        return done.stdout

    @cache
    def database(self, path):
        database = self.work / f"{path.stem}.embdb"
        self.run("ingest", database, path, "--model", self.folder, "--embed", self.embed, "--threads", self.threads, "--quiet")
        return database

    def cells(self, cells):
        """float64 [cells, dimension] in the order of the file; NaN for a cell that the ingest left out."""
        file = self.work / f"{cells.path.stem}.npy"
        self.run("export", self.database(cells.path), file, "--quiet")
        vectors = np.load(file).astype(np.float64)
        row = {cell: index for index, cell in enumerate(lines(f"{file}.ids.txt"))}
        result = np.full((len(cells.ids), vectors.shape[1]), np.nan)
        for index, cell in enumerate(cells.ids):
            if cell in row:
                result[index] = vectors[row[cell]]
        return result

    def contextual_genes(self, paths):
        """Ensembl id -> the mean of the gene's hidden states over all cells of the files in which the model reads it."""
        sums, counts = {}, {}
        for path in paths:
            for gene, cells, vector in self.genes_of_file(path):
                sums[gene] = sums.get(gene, 0) + cells * vector
                counts[gene] = counts.get(gene, 0) + cells
        return {gene: total / counts[gene] for gene, total in sums.items()}

    def genes_of_file(self, path):
        vectors, table = (self.work / f"{path.stem}.genes.{ending}" for ending in ("npy", "tsv"))
        for file in (vectors, table):
            self.run("export", self.database(path), file, "--genes", "--threads", self.threads, "--quiet")
        return list(zip(lines(f"{vectors}.ids.txt"), cells_column(table), np.load(vectors).astype(np.float64)))

    def static_genes(self):
        """Ensembl id -> the row of the word embedding. Of a model that is a seed alone such rows are drawn here: they have the
        distribution of the program's, not its numbers."""
        folder = DEFAULT if self.folder == "default" else Path(self.folder)
        if (folder / "model.safetensors").is_file():
            table = safetensor(folder / "model.safetensors", "embeddings.word_embeddings.weight")
        else:
            seed = json.loads((folder / "config.json").read_text()).get("embdb_seed")
            if seed is None:
                raise SystemExit(f"neither model.safetensors nor embdb_seed ({folder}): static embeddings are read from the one")
            table = np.random.default_rng(seed).normal(0, 0.02, (self.info["vocabulary_size"], self.info["hidden_size"]))
        return {gene: table[token] for gene, (token, _, _) in self.vocabulary().items()}

    def vocabulary(self):
        """Ensembl id -> token, symbol and non-zero median; None without vocabulary.tsv."""
        folder = DEFAULT if self.folder == "default" else Path(self.folder)
        file = next(filter(Path.is_file, [folder / "vocabulary.tsv", folder.parent / "vocabulary.tsv"]), None)
        return read_vocabulary(file) if file else None


def read_vocabulary(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {row["ensembl_id"]: (int(row["token"]), row["symbol"], float(row["nonzero_median"])) for row in rows if row["nonzero_median"]}


def cells_column(path):
    with open(path, newline="") as file:
        return [int(row["cells"]) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def lines(path):
    return Path(path).read_text().splitlines()


def safetensor(path, suffix):
    """The one tensor whose name ends so, float32 or float16."""
    content = Path(path).read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    [entry] = [entry for name, entry in json.loads(content[8:start]).items() if name.endswith(suffix)]
    kinds = {"F32": np.float32, "F16": np.float16}
    assert entry["dtype"] in kinds, f"{path}: {suffix} is {entry['dtype']}, neither F32 nor F16"
    begin, end = entry["data_offsets"]
    return np.frombuffer(content[start + begin : start + end], kinds[entry["dtype"]]).reshape(entry["shape"]).astype(np.float64)
