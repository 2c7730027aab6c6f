#!/usr/bin/env python3
"""Compares the embeddings of a trained model with those of its untrained twin and with principal components: the numbers of a
model card, as Markdown on stdout.

usage: compare.py --embdb .build/release/embdb --model FOLDER --untrained default --data ../shared/data
                  --held-out FOLDER/held_out.tsv [--work DIR] [--json FILE]
needs: numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 h5py==3.16.0

held_out.tsv (tab separated: file, cell) is what `embdb model pretrain` writes: cells that the model has never seen. Without
--model only the baselines are computed. Random weights differ in luck: several --untrained folders (config.json with another
"embdb_seed", and vocabulary.tsv) show by how much.

The work folder keeps databases and embeddings for the next run, and the folds that were drawn, condition_folds.tsv (cell, fold)
and gene_folds.tsv (gene, class, fold): --folds and --gene-folds read such files in their place, so that other programs can be
compared on the same folds. Labels are used to vote and to fit a regression, for nothing else. check_compare.py checks the
measures. With the same files and one thread two runs print the same.
"""
import argparse
import tempfile
import warnings
from pathlib import Path

from comparison.cell_types import compare_cell_types
from comparison.cells import DONOR, ECCITE, HEART, KANG, PBMC3K, read, read_held_out
from comparison.conditions import compare_conditions
from comparison.context import Context
from comparison.genes import compare_genes
from comparison.models import Model
from comparison.platforms import compare_platforms
from comparison.report import Report

SECTIONS = ["cell-types", "platforms", "conditions", "genes"]
CORPUS = [PBMC3K, HEART, KANG, DONOR, ECCITE]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embdb", help="the built program")
    parser.add_argument("--model", help="folder of the trained model, or default")
    parser.add_argument("--untrained", nargs="+", default=[], help="folders of the same model with random weights, or default")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--held-out", type=Path, help="held_out.tsv beside the trained model")
    parser.add_argument("--work", type=Path, help="folder of databases and folds (a temporary one)")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    parser.add_argument("--folds", type=Path, help="cells and folds of the condition")
    parser.add_argument("--gene-folds", type=Path, help="genes and folds")
    parser.add_argument("--embed", default="second-to-last", choices=["last", "second-to-last"], help="layer of the embeddings")
    parser.add_argument("--threads", type=int, default=1, help="threads of embdb (1)")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="parts to compute (all)")
    parser.add_argument("--shuffle-labels", action="store_true", help="shuffle all labels: everything has to be at chance")
    chosen = parser.parse_args()
    if (chosen.model or chosen.untrained) and not chosen.embdb:
        parser.error("--model and --untrained need --embdb")
    return chosen


def main(chosen):
    report = Report()
    if chosen.held_out is None:
        report.skip("held-out cells", "no --held-out")
    models = models_of(chosen)
    for model in models:
        report.note(model.description())
    held_out = read_held_out(chosen.held_out) if chosen.held_out else {}
    context = Context(chosen.data, chosen.work, held_out, models, report, chosen.shuffle_labels)
    run_sections(context, chosen)
    if chosen.json:
        report.write(chosen.json, {
            "models": {model.name: {**model.info, "files": None} for model in models}, "embed": chosen.embed, "shuffled_labels": chosen.shuffle_labels,
            "held_out": {file: len(ids) for file, ids in held_out.items()}})


def models_of(chosen):
    folders = {"trained": chosen.model} if chosen.model else {}
    for number, folder in enumerate(chosen.untrained, start=1):
        folders[f"untrained {number}" if len(chosen.untrained) > 1 else "untrained"] = folder
    return [Model(name, folder, chosen) for name, folder in folders.items()]


def run_sections(context, chosen):
    if "cell-types" in chosen.only:
        compare_cell_types(context)
    if "platforms" in chosen.only:
        compare_platforms(context)
    if "conditions" in chosen.only:
        compare_conditions(context, chosen.folds)
    if "genes" in chosen.only:
        compare_genes(context, corpus(context), chosen.gene_folds)


def corpus(context):
    """The files that the model was trained on, as far as they are in the data folder; without a list, the usual ones."""
    if not context.held_out:
        return [cells for cells in map(context.read, CORPUS) if cells]
    files = {path.name: path for path in sorted(context.data.glob("*/*.h5ad"))}
    for name in sorted(context.held_out.keys() - files.keys()):
        context.report.skip(name, "of the held-out list, not in the data folder")
    return [read(files[name]) for name in sorted(context.held_out) if name in files]


if __name__ == "__main__":
    # Types of fewer than 5 cells cannot be in every fold.
    warnings.filterwarnings("ignore", "The least populated class")
    options = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        options.work = options.work or Path(temporary)
        options.work.mkdir(parents=True, exist_ok=True)
        main(options)
