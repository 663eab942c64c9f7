"""What a finished run knows: its confusions, its worst mistakes, its first weights."""

from typing import Any, Literal

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from networks.training.training import Training

_Part = Literal["train", "val", "test"]


def predicted(training: Training, run: int, part: _Part = "val") -> np.ndarray:
    """The share of every class (classes, rows), or for a regression the numbers (outputs, rows), that a run says."""
    model = training.task.model
    with np.errstate(all="ignore"):
        outputs = model.outputs(training.x[run : run + 1], training.rows(part)[0])
        return (model.classified(outputs) if model.classes else outputs)[0]


def confusion(training: Training, run: int, part: _Part = "val") -> np.ndarray:
    """(classes, classes) int: rows of the true class that were said to be each class."""
    _, y = training.rows(part)
    said = predicted(training, run, part).argmax(axis=0)
    return confusion_matrix(y, said, labels=np.arange(len(training.data.classes)))


def by_class(training: Training, run: int, part: _Part = "val") -> list[tuple[str, float, float, float, int]]:
    """Class, precision, recall, F1 and rows, for each class and then for their mean (macro) and weighted mean.

    The precision of a class that was never said is 0. A class without a row in the set has no recall and no F1, NaN, and does
    not count in the means: see `absent`.
    """
    _, y = training.rows(part)
    said, names = predicted(training, run, part).argmax(axis=0), training.data.classes
    options: dict[str, Any] = {"labels": np.arange(len(names)), "zero_division": 0}
    precision, recall, f1, rows = map(np.asarray, precision_recall_fscore_support(y, said, **options))
    there = rows > 0
    precision = np.where(there | np.isin(np.arange(len(names)), said), precision, np.nan)
    recall, f1 = (np.where(there, values, np.nan) for values in (recall, f1))

    def mean(values: np.ndarray, weights: np.ndarray) -> float:
        return float(np.average(values[there], weights=weights[there]))

    return [
        *((name, float(precision[i]), float(recall[i]), float(f1[i]), int(rows[i])) for i, name in enumerate(names)),
        ("mean", mean(precision, there), mean(recall, there), mean(f1, there), len(y)),
        ("weighted mean", mean(precision, rows), mean(recall, rows), mean(f1, rows), len(y)),
    ]


def absent(training: Training, part: _Part = "val") -> int:
    """How many classes have no row in a set."""
    return len(training.data.classes) - len(np.unique(training.rows(part)[1]))


def worst(training: Training, run: int, many: int, part: _Part = "val") -> list[tuple[int, int, float]]:
    """The rows that were said to be another class most surely: row, class said, and the share it was given."""
    _, y = training.rows(part)
    shares = predicted(training, run, part)
    said, sure = shares.argmax(axis=0), shares.max(axis=0)
    wrong = np.flatnonzero(said != y)
    order = wrong[np.argsort(-sure[wrong], kind="stable")][:many]
    return [(int(row), int(said[row]), float(sure[row])) for row in order]


def first_weights(training: Training, run: int, many: int) -> np.ndarray | None:
    """What the first units look for, (units, height, width): weights on pixels, or kernels; None where they are no pictures."""
    model, shape = training.task.model, training.data.shape
    block, place = model.blocks[0], model.places[0]
    weights = training.x[run, place].reshape(block.shape)
    if len(block.shape) == 4:
        return weights[:many, 0]
    if len(shape) == 3 and block.shape[1] == np.prod(shape):
        return weights[:many].reshape(-1, *shape)[:, 0]
    return None
