"""Cell types by the vote of 10 nearest cells of the same file."""
from dataclasses import asdict

import numpy as np

from .cells import DONOR, HEART, KANG, PBMC3K, UNLABELLED, is_held_out
from .classifiers import folds_of
from .votes import paired_difference, score, vote

FILES = {PBMC3K: "cell_type_derived", HEART: "cell_type", KANG: "cell_type_transferred", DONOR: "cell_type"}
COMMONEST = "the commonest type"


def compare_cell_types(context):
    held_out, folded = [], []
    for name, column in FILES.items():
        cells = context.read(name)
        if cells is None:
            continue
        labels = cells.obs[column]
        spaces, embedded = context.spaces(cells)
        rows = np.flatnonzero((labels != UNLABELLED) & (labels != "") & embedded)
        labels[rows] = context.labels(labels[rows])
        is_query = is_held_out(cells, context.held_out)[rows]
        context.report.progress(f"votes: {cells.path.name}")
        if is_query.any():
            held_out.append(evaluate(cells, labels, [(rows[~is_query], rows[is_query])], spaces))
        elif context.held_out:
            context.report.skip(f"held-out cells of {cells.path.name}", "the list has none that are labelled")
        folded.append(evaluate(cells, labels, five_splits(rows, labels[rows]), spaces))
    show(context, "held_out", "Cell types of held-out cells", HELD_OUT_NOTE, held_out)
    show(context, "five_folds", "Cell types of all cells: cells seen in pretraining (without their labels)", FOLDS_NOTE, folded)


HELD_OUT_NOTE = """Queries are cells that the model has never seen, of samples that it has seen; the reference is the rest of
their file. Majority of the 10 nearest; embeddings by cosine, as they are and centred (minus the mean of the reference). PCA: 50
components of log(1 + counts per 10,000), fitted on the reference alone. The labels of pbmc3k (clusters) and of the Kang file with
2,000 cells (transferred) were themselves derived from principal components, which favors PCA there; those of the other two were
published. The file of donor 101 has 1,267 genes: the 2,000 most variable are all of them."""
FOLDS_NOTE = """5 stratified folds over all labelled cells; each fold is asked, the other four are the reference (and what PCA is
fitted on). **Most of the cells that are asked for were seen in pretraining, without their labels**; PCA has not seen them."""


def five_splits(rows, labels):
    folds = folds_of(labels)
    return [(rows[folds != fold], rows[folds == fold]) for fold in np.unique(folds)]


def evaluate(cells, labels, splits, spaces):
    """The file, the true labels of its queries, and by method the predicted ones."""
    truth = np.concatenate([labels[queries] for _, queries in splits])
    methods = {COMMONEST: np.concatenate([commonest(labels[known], len(queries)) for known, queries in splits])}
    for space in spaces:
        methods[space.name] = np.concatenate([vote(space, labels, *split) for split in splits])
    return cells, truth, methods


def commonest(labels, count):
    names, counts = np.unique(labels.astype(str), return_counts=True)
    return np.full(count, names[counts.argmax()], dtype=object)


def show(context, key, title, note, evaluations):
    context.report.heading(title)
    if not evaluations:
        return context.report.skip("the table", "nothing to compare")
    context.report.note(note)
    for cells, truth, _ in evaluations:
        context.report.note(f"{cells.path.name}: {len(truth):,} queries of {len(set(truth))} types; {context.seen(cells)}")
    records = [{"file": cells.path.name, "method": method, **asdict(score(truth, predicted))}
               for cells, truth, methods in evaluations for method, predicted in methods.items()]
    context.report.note("Accuracy (95 % interval, binomial)")
    context.report.wide_table(key, records, lambda r: f"{r['accuracy']:.3f} ({r['accuracy_low']:.3f}–{r['accuracy_high']:.3f})")
    context.report.note("Macro F1 (95 % interval, bootstrap): the mean over the types that occur among the queries")
    context.report.wide_table(key, records, lambda r: f"{r['macro_f1']:.3f} ({r['macro_f1_low']:.3f}–{r['macro_f1_high']:.3f})")
    show_differences(context, f"{key}_differences", evaluations)


def show_differences(context, key, evaluations):
    """Of the trained model, centred: chosen here and not by the numbers."""
    if len(context.models) < 2:
        return
    one = f"{context.models[0].name}, centred"
    others = [f"{model.name}, centred" for model in context.models[1:]]
    others += ["PCA, all genes, euclidean", "PCA, 2,000 variable genes, euclidean"]
    records = []
    for cells, truth, methods in evaluations:
        for other in others:
            difference, half = paired_difference(truth, methods[one], methods[other])
            records.append({"file": cells.path.name, "method": f"minus {other}", "difference": difference, "half_width": half})
    context.report.note(f"Accuracy of {one}, minus that of others on the same queries (95 % interval, paired; it is about other "
                        "queries, not about other random weights)")
    context.report.wide_table(key, records, lambda r: f"{r['difference']:+.3f} ± {r['half_width']:.3f}")
