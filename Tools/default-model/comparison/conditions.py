"""Stimulated cells against control cells, by logistic regression."""
import numpy as np
from scipy.sparse import vstack

from .cells import DONOR, KANG
from .classifiers import cross_validated, evaluate, folds_of, mean_and_spread, probabilities, read_table, write_table
from .spaces import embedding_spaces, expression_spaces

FOLDS_FILE = "condition_folds.tsv"
NOTE = """Logistic regression on standardised features, the penalty chosen inside of the training cells; PCA is fitted on the training cells
alone. Mean ± standard deviation over the folds."""


def compare_conditions(context, folds_file):
    context.report.heading("Stimulated or control")
    cells = context.read(KANG)
    if cells is None:
        return
    spaces, embedded = context.spaces(cells)
    is_stimulated = context.labels(cells.obs["condition"]) == "stim"
    folds = cell_folds(cells.ids, is_stimulated, context.work, folds_file)
    rows = np.flatnonzero(embedded & (folds >= 0))
    context.report.note(f"{cells.path.name}: {is_stimulated[rows].sum():,} stimulated, {(~is_stimulated[rows]).sum():,} control cells, "
                        f"{context.seen(cells)}. {NOTE}")
    records = []
    for space in one_of_each(spaces):
        context.report.progress(f"conditions: {space.name}")
        results = cross_validated(lambda a, b: space.vectors(rows[a], rows[b]), is_stimulated[rows], folds[rows])
        records.append({"method": space.name, "folds": results})
    context.report.table("conditions", records, {
        "method": lambda r: name_without_metric(r["method"]), "macro F1": lambda r: spread(r, "macro_f1"),
        "AUC": lambda r: spread(r, "auc")})
    compare_with_donor(context, cells, is_stimulated)


def spread(record, measure):
    return "{:.3f} ± {:.3f}".format(*mean_and_spread(record["folds"], measure))


def one_of_each(spaces):
    """A regression with an intercept knows neither metric nor centre."""
    return [space for space in spaces if not space.name.endswith((", cosine", ", centred"))]


def name_without_metric(name):
    return name.replace(", euclidean", "")


def cell_folds(ids, is_stimulated, work, folds_file):
    """By cell its fold; −1 for a cell that the given file does not name."""
    if folds_file is None:
        folds = folds_of(is_stimulated)
        write_table(work / FOLDS_FILE, ["cell", "fold"], zip(ids, folds))
        return folds
    fold = {row["cell"]: int(row["fold"]) for row in read_table(folds_file)}
    return np.array([fold.get(cell, -1) for cell in ids])


def compare_with_donor(context, cells, is_stimulated):
    """Trained on the one file, tested on the other."""
    donor = context.read(DONOR)
    if donor is None:
        return
    is_positive = np.concatenate([is_stimulated, donor.obs["condition"] == "stim"])
    in_donor = np.arange(len(is_positive)) >= len(is_stimulated)
    spaces, shared = shared_spaces(context, cells, donor)
    records = []
    for space in one_of_each(spaces):
        for variant in (space, space.centred_by(in_donor)):
            known, new = variant.vectors(np.flatnonzero(~in_donor), np.flatnonzero(in_donor))
            records.append({"method": variant.name, **evaluate(is_positive[in_donor], probabilities(known, is_positive[~in_donor], new))})
    stimulated = is_positive[in_donor].sum()
    context.report.note(f"Trained on all of these cells, tested on {in_donor.sum()} cells of {donor.path.name} ({stimulated} stimulated; "
                        f"other cells of the same study, {len(donor.symbols):,} genes). PCA is of the {shared:,} genes that both have. "
                        "\"Each batch centred\" subtracts from each file its own mean.")
    context.report.table("conditions_other_file", records, {
        "method": lambda r: name_without_metric(r["method"]), "macro F1": lambda r: f"{r['macro_f1']:.3f}",
        "AUC": lambda r: f"{r['auc']:.3f}"})


def shared_spaces(context, cells, donor):
    """Spaces over the cells of both files, one below the other, and the number of genes in common."""
    _, here, there = np.intersect1d(cells.symbols.astype(str), donor.symbols.astype(str), return_indices=True)
    spaces = expression_spaces(vstack([cells.log_expression(here), donor.log_expression(there)]).tocsr())[:1]
    known, new = context.embeddings(cells), context.embeddings(donor)
    for name in known:
        spaces += embedding_spaces(name, np.vstack([known[name], new[name]]))
    return spaces, len(here)
