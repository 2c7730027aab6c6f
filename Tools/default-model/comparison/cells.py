"""Cells, counts and labels of a .h5ad; the list of held-out cells."""
import csv
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from scipy.sparse import csr_matrix, diags

PBMC3K = "pbmc3k/pbmc3k_raw.h5ad"
HEART = "heart_san_multiome/heart_san_1000.h5ad"
KANG = "kang_ifnb_pbmc/kang_ifnb_ctrl_stim_2000.h5ad"
DONOR = "kang_ifnb_pbmc/kang_ifnb_donor101_labelled.h5ad"
PLATFORMS = "pbmc_three_platforms/pbmc_three_platforms.h5ad"
ECCITE = "citeseq_eccite_pbmc/eccite_pbmc_500.h5ad"
UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class Cells:
    path: Path
    ids: np.ndarray
    counts: csr_matrix
    """Cells x genes."""
    obs: dict
    """The columns of text; "" where there is no value."""
    ensembl: np.ndarray
    symbols: np.ndarray

    def log_expression(self, genes=None):
        """log(1 + counts per 10,000) of all genes, or of these columns alone."""
        counts = self.counts if genes is None else self.counts[:, genes]
        totals = np.asarray(counts.sum(axis=1)).ravel()
        return (diags(1e4 / np.maximum(totals, 1)) @ counts).log1p().tocsr()


def read(path):
    with h5py.File(path) as file:
        x, obs, var = file["X"], file["obs"], file["var"]
        counts = csr_matrix((x["data"][:].astype(np.float64), x["indices"][:], x["indptr"][:]), tuple(x.attrs["shape"]))
        counts.eliminate_zeros()
        columns = {name: strings(obs[name]) for name in obs if is_text(obs[name])}
        ids = columns.pop(obs.attrs["_index"])
        return Cells(Path(path), ids, counts, columns, strings(var["ensembl_id"]), strings(var["gene_symbol"]))


def is_text(item):
    return isinstance(item, h5py.Group) and "categories" in item or getattr(item, "dtype", None) == object


def strings(item):
    if isinstance(item, h5py.Group):
        return np.append(item["categories"].asstr()[:], "").astype(object)[item["codes"][:]]
    return item.asstr()[:].astype(object)


def read_held_out(path):
    """What `embdb model pretrain` wrote: base name of the file -> ids of cells that the model has not seen."""
    held_out = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            held_out.setdefault(Path(row["file"]).name, set()).add(row["cell"])
    return held_out


def is_held_out(cells, held_out):
    """By cell of the file."""
    ids = held_out.get(cells.path.name, ())
    return np.array([cell in ids for cell in cells.ids])


PLATFORM_SOURCES = {"p3k_": PBMC3K, "kang_": KANG, "ecc_": ECCITE}


def is_platform_cell_held_out(cells, held_out):
    """By cell of the derived file: whether it is held out of the file that it comes from, which the model was trained on.
    Its id there is the one here without the first word."""
    def held(cell):
        prefix = cell[: cell.index("_") + 1]
        return cell[len(prefix) :] in held_out.get(Path(PLATFORM_SOURCES[prefix]).name, ())

    return np.array([held(cell) for cell in cells.ids])
