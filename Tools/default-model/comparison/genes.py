"""Dosage-sensitive genes against genes whose loss people tolerate."""
import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import logit
from scipy.stats import rankdata

from .classifiers import cross_validated, folds_of, mean_and_spread, out_of_fold, probabilities, read_table, write_table

SENSITIVE = "gene_lists/clingen_level3_genes_2018_09_13.tsv"
TOLERANT = "gene_lists/homozygous_lof_tolerant_twohit.tsv"
FOLDS_FILE = "gene_folds.tsv"
FEWEST_GENES = 8000
"""A file with fewer genes is a selection of genes: ranks in it are not those of a transcriptome."""
FEWEST_CELLS = 3
FEATURES = ["mean position in the ranking", "share of cells", "mean log(1 + counts per 10,000)"]
EXPRESSION = "expression: all three"
NOTE = """Contextual: the mean of a gene's hidden states over the cells in which the model reads it. Logistic regression on
standardised features, the penalty chosen inside of the training genes; 5 stratified folds over genes, mean ± standard deviation.
"and expression": the regression on the embedding gives one number, the fourth beside the three of expression. A model is worth
something where it adds to expression."""


def log_odds(shares):
    """A regression that tells its training genes apart for sure would give infinite ones."""
    return logit(np.clip(shares, 1e-6, 1 - 1e-6))


def compare_genes(context, files, folds_file):
    """`files`: the cells that the genes are measured in."""
    context.report.heading("Dosage-sensitive or tolerant of loss")
    lists = [context.data / name for name in (SENSITIVE, TOLERANT)]
    if not context.models or context.models[0].vocabulary() is None:
        return context.report.skip("genes", "they are those of a model with a vocabulary.tsv")
    if not all(path.is_file() for path in lists):
        return context.report.skip("genes", "a list of genes is missing in the data folder")
    files = [cells for cells in files if len(cells.symbols) >= FEWEST_GENES]
    if not files:
        return context.report.skip("genes", f"no file with {FEWEST_GENES:,} genes or more")
    vocabulary = context.models[0].vocabulary()
    context.report.progress("genes: expression")
    expression = expression_features(files, vocabulary)
    sets = embedding_sets(context, [cells.path for cells in files])
    classes = classes_of(context, lists, vocabulary, [expression, *sets.values()])
    genes, folds = gene_folds(classes, vocabulary, context.work, folds_file)
    is_sensitive = context.labels(np.array([classes[gene] for gene in genes]))
    tell(context, files, is_sensitive)
    features = feature_sets(genes, expression, sets, is_sensitive)
    records = [{"method": name, "folds": cross_validated(function, is_sensitive, folds)} for name, function in features.items()]
    show(context, records)


def tell(context, files, is_sensitive):
    names, count = ", ".join(cells.path.name for cells in files), sum(len(cells.ids) for cells in files)
    context.report.note(f"{is_sensitive.sum()} dosage-sensitive genes (haploinsufficient), {(~is_sensitive).sum()} of which people "
                        f"live with both copies lost. Cells: {count:,} of {names}. {NOTE}")


def show(context, records):
    base = np.array([fold["auc"] for fold in next(r for r in records if r["method"] == EXPRESSION)["folds"]])

    def against_expression(record):
        difference = np.array([fold["auc"] for fold in record["folds"]]) - base
        return f"{difference.mean():+.3f} ± {difference.std(ddof=1):.3f}"

    context.report.table("genes", records, {
        "features": lambda r: r["method"], "AUC": lambda r: "{:.3f} ± {:.3f}".format(*mean_and_spread(r["folds"], "auc")),
        "minus expression": against_expression})


def classes_of(context, lists, vocabulary, known):
    """Ensembl id -> whether the gene is dosage-sensitive; genes of one list alone that everything of `known` has."""
    sensitive, tolerant = ({line.strip() for line in open(path) if line.strip()} for path in lists)
    ids = {symbol: gene for gene, (_, symbol, _) in vocabulary.items()}
    absent = [name for name in sensitive ^ tolerant if name not in ids]
    classes = {ids[name]: name in sensitive for name in sorted(sensitive ^ tolerant) if name in ids}
    seen = {gene: value for gene, value in classes.items() if all(gene in values for values in known)}
    both, rare = len(sensitive & tolerant), len(classes) - len(seen)
    context.report.note(f"Of {len(sensitive)} and {len(tolerant)} genes are left out: {both} in both lists, {len(absent)} that the "
                        f"vocabulary does not name, {rare} expressed in fewer than {FEWEST_CELLS} cells or read by a model in none.")
    return seen


def gene_folds(classes, vocabulary, work, folds_file):
    """The genes and the fold of each; of a given file, those that are known here and of the same class."""
    if folds_file is None:
        genes = sorted(classes)
        folds = folds_of([classes[gene] for gene in genes])
        write_table(work / FOLDS_FILE, ["gene", "class", "fold"],
                    [(gene, name_of(classes[gene]), fold) for gene, fold in zip(genes, folds)])
        return genes, folds
    rows = [row for row in read_table(folds_file) if row["gene"] in classes and row["class"] == name_of(classes[row["gene"]])]
    return [row["gene"] for row in rows], np.array([int(row["fold"]) for row in rows])


def name_of(is_sensitive):
    return "dosage_sensitive" if is_sensitive else "loss_tolerant"


def embedding_sets(context, paths):
    sets = {}
    for model in context.models:
        context.report.progress(f"genes: {model.name}")
        sets[f"static, {model.name}"] = model.static_genes()
        sets[f"contextual, {model.name}"] = model.contextual_genes(paths)
    return sets


def feature_sets(genes, expression, sets, is_sensitive):
    """Name -> (rows to train on, rows to test) -> two matrices of genes x features."""
    measured = np.array([expression[gene] for gene in genes])
    features = {f"expression: {name}": plain(measured[:, [column]]) for column, name in enumerate(FEATURES)}
    features[EXPRESSION] = plain(measured)
    for name, vectors in sets.items():
        matrix = np.array([vectors[gene] for gene in genes])
        features[name] = plain(matrix)
        features[f"{name}, and expression"] = stacked(matrix, measured, is_sensitive)
    return features


def plain(values):
    return lambda train, test: (values[train], values[test])


def stacked(values, measured, is_positive):
    """What is measured, and what a regression on `values` says of a gene that it has not been fitted on."""
    def features(train, test):
        known = log_odds(out_of_fold(values[train], is_positive[train]))
        new = log_odds(probabilities(values[train], is_positive[train], values[test]))
        return np.column_stack([measured[train], known]), np.column_stack([measured[test], new])

    return features


def expression_features(files, vocabulary):
    """Ensembl id -> the three features, of genes in 3 cells or more."""
    genes = sorted(vocabulary)
    place = {gene: index for index, gene in enumerate(genes)}
    medians = np.array([vocabulary[gene][2] for gene in genes])
    positions, expressing, levels, measured = np.zeros((4, len(genes)))
    for cells in files:
        onto = columns_onto(cells, vocabulary, place)
        counts = (cells.counts @ onto).tocsr()
        add_positions(counts, medians, positions, expressing)
        levels += np.asarray((scaled(counts, cells.counts)).log1p().sum(axis=0)).ravel()
        measured += len(cells.ids) * (np.asarray(onto.sum(axis=0)).ravel() > 0)
    return {gene: (positions[i] / expressing[i], expressing[i] / measured[i], levels[i] / measured[i])
            for i, gene in enumerate(genes) if expressing[i] >= FEWEST_CELLS}


def scaled(counts, all_counts):
    """Counts per 10,000 of all counts of the cell."""
    totals = np.maximum(np.asarray(all_counts.sum(axis=1)), 1)
    return counts.multiply(1e4 / totals).tocsr()


def columns_onto(cells, vocabulary, place):
    """Columns of the file x genes: where a column is counted. By Ensembl id, else by symbol, as an ingest does."""
    by_symbol = {symbol: gene for gene, (_, symbol, _) in vocabulary.items()}
    names = [gene if gene else by_symbol.get(symbol) for gene, symbol in zip(cells.ensembl, cells.symbols)]
    pairs = [(column, place[name]) for column, name in enumerate(names) if name in place]
    rows, columns = np.array(pairs).T
    return csr_matrix((np.ones(len(pairs)), (rows, columns)), (len(names), len(place)))


def add_positions(counts, medians, positions, expressing):
    """Adds the position of every gene in every cell that expresses it, 0 (highest) to 1: rank value encoding, all of it."""
    for start, end in zip(counts.indptr, counts.indptr[1:]):
        genes = counts.indices[start:end]
        ranks = rankdata(-counts.data[start:end] / medians[genes])
        positions[genes] += (ranks - 0.5) / max(len(genes), 1)
        expressing[genes] += 1
