"""Whether cells of one type are near each other across platforms."""
import numpy as np

from .cells import PLATFORMS, UNLABELLED, is_platform_cell_held_out
from .mixing import foreign_share, inverse_simpson, shared_types
from .spaces import Space
from .votes import macro_f1, vote

FIRST, SECOND = "10x_v1_pbmc3k", "10x_v2_kang_ctrl"

NOTE = """`foreign`: share of cells from another batch among the 30 nearest of the same type, divided by what it would be if batches did not
matter (1: mixed, 0: apart), over cells and as the mean over types; labelled cells of types with 30 cells or more in two batches.
`batches`, `types`: effective number (inverse Simpson) of batches among the 30 nearest of all cells (high: mixed), of types among
the 30 nearest of the labelled ones (1: types are apart). Mixing is worth something only where types stay apart. Labels are used
by no method; "each batch centred" subtracts from each batch its own mean."""
TRANSFER_NOTE = """Cell types of one platform from the 10 nearest cells of the other; types that both have. PCA is fitted on the reference
alone, "centred" subtracts the reference's mean. In brackets the accuracy on the queries that were held out of pretraining."""


def compare_platforms(context):
    context.report.heading("Platforms")
    cells = context.read(PLATFORMS)
    if cells is None:
        return
    batches, types = cells.obs["batch"], cells.obs["cell_type_derived"]
    spaces, embedded = context.spaces(cells)
    known = embedded & (types != UNLABELLED) & (types != "")
    types[known] = context.labels(types[known])
    held_out = is_platform_cell_held_out(cells, context.held_out)
    context.report.note(seen(cells, held_out, context.held_out))
    spaces = corrected(spaces, batches)
    show_mixing(context, spaces, batches, types, np.flatnonzero(embedded), np.flatnonzero(known))
    show_transfer(context, spaces, batches, types, known, held_out)


def seen(cells, is_held_out, files):
    if not files:
        return f"{cells.path.name}: no list of held-out cells"
    return (f"{cells.path.name}: cells of other files, on which the model was pretrained (without labels) but for {is_held_out.sum():,} of "
            f"these {len(cells.ids):,} cells")


def corrected(spaces, batches):
    """Behind each uncentred space the same with every batch centred."""
    result = []
    for space in spaces:
        result.append(space)
        if "centred" not in space.name:
            result.append(space.centred_by(batches))
    return result


def show_mixing(context, spaces, batches, types, rows, labelled):
    rows_of_type = shared_types(types[labelled], batches[labelled])
    place = np.searchsorted(rows, labelled)
    shuffled = np.random.default_rng(0).permutation(batches[rows])
    records = []
    for space in spaces:
        context.report.progress(f"mixing: {space.name}")
        vectors = space.all(rows)
        over_cells, over_types = foreign_share(vectors[place], space.metric, batches[labelled], rows_of_type)
        records.append({
            "method": space.name, "foreign": over_cells, "foreign_over_types": over_types,
            "batches": inverse_simpson(vectors, space.metric, batches[rows]),
            "types": inverse_simpson(vectors[place], space.metric, types[labelled]),
            "batches_if_shuffled": inverse_simpson(vectors, space.metric, shuffled)})
    context.report.note(NOTE)
    context.report.note(f"Types compared: {', '.join(f'{kind} ({len(rows)})' for kind, rows in rows_of_type.items())}. "
                        f"`batches` of shuffled batches: {np.mean([r['batches_if_shuffled'] for r in records]):.2f}.")
    context.report.table("mixing", records, {
        "method": lambda r: r["method"], "foreign": lambda r: f"{r['foreign']:.3f}",
        "over types": lambda r: f"{r['foreign_over_types']:.3f}", "batches": lambda r: f"{r['batches']:.2f}",
        "types": lambda r: f"{r['types']:.2f}"})


def show_transfer(context, spaces, batches, types, known, held_out):
    common = set(types[known & (batches == FIRST)]) & set(types[known & (batches == SECOND)])
    usable = known & np.isin(types, sorted(common))
    records = []
    for reference, query in [(FIRST, SECOND), (SECOND, FIRST)]:
        rows, queries = (np.flatnonzero(usable & (batches == batch)) for batch in (reference, query))
        left_out = int((known & (batches == query)).sum()) - len(queries)
        context.report.note(f"{reference} → {query}: {len(rows):,} → {len(queries):,} cells ({held_out[queries].sum()} held out); "
                            f"{left_out} of types that only one platform has are left out")
        for space in spaces:
            records.append({"method": space.name, "direction": f"{reference} → {query}",
                            **transfer(space, types, rows, queries, held_out[queries])})
    context.report.note(TRANSFER_NOTE)
    context.report.wide_table("transfer", records, column="direction", text=lambda r: (
        f"{r['accuracy']:.3f}, F1 {r['macro_f1']:.3f}" + (f" ({r['accuracy_held_out']:.3f})" if r["held_out"] else "")))


def transfer(space: Space, types, reference, queries, is_held_out):
    truth, predicted = types[queries], vote(space, types, reference, queries)
    right = truth == predicted
    return {"queries": len(queries), "held_out": int(is_held_out.sum()), "accuracy": float(right.mean()),
            "macro_f1": macro_f1(truth, predicted),
            "accuracy_held_out": float(right[is_held_out].mean()) if is_held_out.any() else None}
