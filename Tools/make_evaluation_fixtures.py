#!/usr/bin/env python3
"""Writes Tests/EmbDBTests/Fixtures/classifier_scores.json: predictions, and what scikit-learn measures of them.

pins: scikit-learn==1.9.1 numpy==2.4.6

Probabilities are multiples of 1/32: exact as float32, with exact sums, many ties, and zeros that the log loss clips. scikit-learn has no
calibration error of the predicted class: those numbers are Guo et al. (2017), written down bin by bin.

  make_evaluation_fixtures.py [FOLDER]
"""
import json
import os
import sys

import numpy as np
from sklearn.metrics import (
    accuracy_score, auc, brier_score_loss, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support, roc_auc_score, roc_curve)

STEPS = 32


def draw(random, examples, classes, true_classes, skill, possible=None):
    """Predictions that are right more often with more skill; `possible` classes share the probability."""
    possible = list(range(classes)) if possible is None else possible
    truth = random.choice(true_classes, size=examples)
    probabilities = np.zeros((examples, classes), dtype=np.float32)
    for row, label in enumerate(truth):
        weights = random.gamma(0.7, size=len(possible))
        if label in possible:
            weights[possible.index(label)] += skill * random.random()
        shares = random.multinomial(STEPS, weights / weights.sum())
        probabilities[row, possible] = shares / STEPS
    return truth, probabilities


def number(value):
    return None if value is None or not np.isfinite(value) else float(value)


def calibration(truth, probabilities, bins=10):
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = predicted == truth
    counts, confidences, accuracies, expected, largest = [], [], [], 0.0, 0.0
    for m in range(1, bins + 1):
        inside = (confidence > (m - 1) / bins) & (confidence <= m / bins)
        counts.append(int(inside.sum()))
        confidences.append(float(confidence[inside].mean()) if inside.any() else None)
        accuracies.append(float(right[inside].mean()) if inside.any() else None)
        if inside.any():
            gap = abs(accuracies[-1] - confidences[-1])
            expected += inside.mean() * gap
            largest = max(largest, gap)
    return {"counts": counts, "confidences": confidences, "accuracies": accuracies, "expectedError": float(expected),
            "maximumError": float(largest)}


def curve(positive, scores):
    rates, found, thresholds = roc_curve(positive, scores, drop_intermediate=False)
    grid = np.linspace(0, 1, 21)
    return {"falsePositiveRates": rates.tolist(), "truePositiveRates": found.tolist(),
            # JSON has no infinity: the first threshold is left out.
            "thresholds": thresholds[1:].astype(np.float64).tolist(), "auc": float(auc(rates, found)),
            "grid": grid.tolist(), "interpolated": np.interp(grid, rates, found).tolist()}


def case(name, truth, probabilities):
    classes = probabilities.shape[1]
    labels = list(range(classes))
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    curves = [curve(truth == c, probabilities[:, c]) if 0 < (truth == c).sum() < len(truth) else None for c in labels]
    if any(c is None for c in curves):
        area = None
    elif classes == 2:
        area = roc_auc_score(truth, probabilities[:, 1])
    else:
        area = roc_auc_score(truth, probabilities, multi_class="ovr", average="macro", labels=labels)
    return {
        "name": name, "classes": [f"class {c}" for c in labels], "truth": truth.tolist(),
        # In steps of 1/32.
        "probabilities": (probabilities * STEPS).astype(int).ravel().tolist(),
        "accuracy": accuracy_score(truth, predicted),
        "macroF1": f1_score(truth, predicted, average="macro", zero_division=0),
        "auc": number(area), "logLoss": float(log_loss(truth, probabilities, labels=labels)),
        "brierScore": float(brier_score_loss(truth, probabilities.astype(np.float64), labels=labels, scale_by_half=False)),
        "confusion": confusion_matrix(truth, predicted, labels=labels).tolist(),
        "counts": support.tolist(), "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(),
        "curves": curves, "calibration": calibration(truth, probabilities),
    }


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "Tests", "EmbDBTests", "Fixtures")
    random = np.random.default_rng(20240611)
    cases = [
        case("two classes", *draw(random, 60, 2, [0, 0, 1], 2)),
        case("two classes, no skill", *draw(random, 40, 2, [0, 1], 0)),
        case("four classes", *draw(random, 80, 4, [0, 0, 0, 1, 1, 2, 3], 3)),
        # Predicted, though there is no example of it: it is in the macro F1.
        case("a class that is absent but predicted", *draw(random, 50, 4, [0, 1, 3], 2)),
        # Neither: it is not.
        case("a class that is absent everywhere", *draw(random, 50, 4, [0, 1, 3], 2, possible=[0, 1, 3])),
        case("a class that is never predicted", *draw(random, 50, 4, [0, 1, 2, 3], 3, possible=[0, 1, 3])),
        case("all of one class", *draw(random, 20, 2, [1], 1)),
    ]
    with open(os.path.join(folder, "classifier_scores.json"), "w") as file:
        # A case a line.
        file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


if __name__ == "__main__":
    main()
