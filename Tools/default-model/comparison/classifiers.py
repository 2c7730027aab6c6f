"""Logistic regression, its strength chosen inside of the training cells or genes; folds that can be written and read."""
import csv

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 5
STRENGTHS = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10]


def folds_of(classes):
    """By item the fold (0 to 4) in which it is tested; the same share of each class in every fold; shuffled by seed 0."""
    folds = np.empty(len(classes), int)
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for fold, (_, test) in enumerate(split.split(np.zeros(len(classes)), classes)):
        folds[test] = fold
    return folds


def write_table(path, header, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
        writer.writerows([header, *rows])


def read_table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def probabilities(train, is_positive, test):
    """Of the positive class, for the test items. Features are standardised, the strength of the penalty is chosen by the AUC of
    5 inner folds."""
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    inner = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    search = GridSearchCV(regression, {"logisticregression__C": STRENGTHS}, scoring="roc_auc", cv=inner)
    return search.fit(train, is_positive).predict_proba(test)[:, 1]


def out_of_fold(values, is_positive):
    """The probability of each item, learned from the items of other folds."""
    folds, result = folds_of(is_positive), np.empty(len(values))
    for fold in range(FOLDS):
        train, test = folds != fold, folds == fold
        result[test] = probabilities(values[train], is_positive[train], values[test])
    return result


def evaluate(is_positive, probability):
    guess = probability >= 0.5
    return {"macro_f1": float(f1_score(is_positive, guess, average="macro")), "auc": float(roc_auc_score(is_positive, probability))}


def cross_validated(features, is_positive, folds):
    """`features`: (rows to train on, rows to test) -> two matrices. One evaluation a fold."""
    results = []
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        known, new = features(train, test)
        results.append(evaluate(is_positive[test], probabilities(known, is_positive[train], new)))
    return results


def mean_and_spread(results, measure):
    """Mean and standard deviation over the folds."""
    values = [result[measure] for result in results]
    return float(np.mean(values)), float(np.std(values, ddof=1))
