"""Cell types by the vote of the nearest neighbors, and how good they are."""
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

NEIGHBORS = 10
RESAMPLES = 1000


@dataclass(frozen=True)
class Score:
    queries: int
    accuracy: float
    accuracy_error: float
    """Binomial standard error."""
    accuracy_low: float
    accuracy_high: float
    """Wilson's 95 % interval."""
    macro_f1: float
    macro_f1_low: float
    macro_f1_high: float
    """95 % of the bootstrap over the queries of each class."""


def vote(space, labels, reference, queries):
    """The label of most of the 10 nearest reference cells; of a tie the first in the alphabet."""
    known, new = space.vectors(reference, queries)
    classifier = KNeighborsClassifier(min(NEIGHBORS, len(reference)), metric=space.metric, algorithm="brute")
    return classifier.fit(known, labels[reference]).predict(new)


def score(truth, predicted):
    accuracy, count = float((truth == predicted).mean()), len(truth)
    error = (accuracy * (1 - accuracy) / count) ** 0.5
    return Score(count, accuracy, error, *wilson(accuracy, count), macro_f1(truth, predicted), *macro_f1_interval(truth, predicted))


def wilson(share, count, z=1.96):
    middle = share + z**2 / (2 * count)
    half = z * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return (middle - half) / (1 + z**2 / count), (middle + half) / (1 + z**2 / count)


def macro_f1(truth, predicted):
    """The mean of F1 over the classes that occur among the queries."""
    return f1_of(confusion(*numbered(truth, predicted)))


def macro_f1_interval(truth, predicted):
    """Queries are drawn within their class: a rare one stays in."""
    table, random = confusion(*numbered(truth, predicted)), np.random.default_rng(0)
    rows = [random.multinomial(row.sum(), row / max(row.sum(), 1), RESAMPLES) for row in table]
    values = [f1_of(draw) for draw in np.stack(rows, axis=1)]
    return tuple(float(value) for value in np.quantile(values, [0.025, 0.975]))


def numbered(truth, predicted):
    names, numbers = np.unique(np.concatenate([truth, predicted]).astype(str), return_inverse=True)
    return numbers[: len(truth)], numbers[len(truth) :], len(names)


def confusion(truth, predicted, classes):
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def f1_of(confusion):
    there = confusion.sum(axis=1) > 0
    f1 = 2 * np.diag(confusion) / np.maximum(confusion.sum(axis=0) + confusion.sum(axis=1), 1)
    return float(f1[there].mean())


def paired_difference(truth, one, other):
    """Accuracy of `one` minus that of `other` on the same queries, and half the width of its 95 % interval."""
    difference = (one == truth).astype(float) - (other == truth)
    return float(difference.mean()), float(1.96 * difference.std(ddof=1) / len(truth) ** 0.5)
