"""What a finished run knows: its confusions, its worst mistakes, its first weights."""

from typing import Any, Literal

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix

from networks.train import Training

Part = Literal["train", "val", "test"]


def predicted(training: Training, run: int, part: Part = "val") -> np.ndarray:
    """The share of every class (classes, rows), or for a regression the numbers (outputs, rows), that a run says."""
    model = training.task.model
    with np.errstate(all="ignore"):
        outputs = model.outputs(training.x[run : run + 1], training.rows(part)[0])
        return (model.classified(outputs) if model.classes else outputs)[0]


def confusion(training: Training, run: int, part: Part = "val") -> np.ndarray:
    """(classes, classes) int: rows of the true class that were said to be each class."""
    _, y = training.rows(part)
    said = predicted(training, run, part).argmax(axis=0)
    return confusion_matrix(y, said, labels=np.arange(len(training.data.classes)))


def by_class(training: Training, run: int, part: Part = "val") -> list[tuple[str, float, float, float, int]]:
    """Class, precision, recall, F1 and rows, for each class and then for their mean (macro) and weighted mean.

    What has nothing to divide by is 0: the precision of a class that was never said.
    """
    _, y = training.rows(part)
    said, names = predicted(training, run, part).argmax(axis=0), training.data.classes
    options: dict[str, Any] = {"output_dict": True, "zero_division": 0}
    report: Any = classification_report(y, said, labels=np.arange(len(names)), target_names=names, **options)
    titles = {name: name for name in names} | {"macro avg": "mean", "weighted avg": "weighted mean"}
    found = ((title, report[name]) for name, title in titles.items())
    return [(title, one["precision"], one["recall"], one["f1-score"], int(one["support"])) for title, one in found]


def worst(training: Training, run: int, many: int, part: Part = "val") -> list[tuple[int, int, float]]:
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
