"""A training so far as the bytes the board draws: a JSON header, then the planes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from figures import theme
from networks import Training
from optimizers import ENTRANTS, RULES
from ui.lesson import Ongoing, plane
from ui.wire import packed

SIDE = 48
"""Points along each side of a decision plane."""

_COLOURS = theme.rule_colours(ENTRANTS)


def pack(going: Ongoing) -> bytes:
    """Curves against steps, a line a run; and for tasks in the plane what each run says of every point of it.

    Arrays: shares (runs, SIDE, SIDE) uint8, the share of class 1 from 0 to 255; points (rows, 3) float32, x, y and class.
    """
    training, steps = going.so_far, int(going.lesson["steps"])
    header: dict[str, Any] = {
        "runs": [{"title": RULES[key].title, "colour": _COLOURS[key]} for key in going.lesson.rules],
        "steps": steps,
        "share": going.share,
        "seconds": going.seconds,
        "running": going.running,
        "stopped": going.stopped,
        "panels": [],
        "theme": theme.STAGE,
    }
    arrays: dict[str, np.ndarray] = {}
    if training is not None:
        for run, at in zip(header["runs"], training.stopped.tolist(), strict=True):
            run["stopped"] = at if at <= len(training.loss) else None
        header["panels"] = list(_panels(training))
        if found := plane(training, SIDE):
            header["window"], shares = found
            arrays["shares"] = np.nan_to_num(255 * shares).round().astype(np.uint8)
            points = [training.data.x_train.numpy(), training.data.y_train.numpy()[:, None]]
            arrays["points"] = np.concatenate(points, axis=1).astype(np.float32)
    return packed(header, arrays)


def _panels(training: Training) -> list[dict[str, Any]]:
    marks = training.metric_steps
    ends = list(zip(marks[:-1].tolist(), marks[1:].tolist(), strict=True))
    with np.errstate(all="ignore"):
        means = np.array([training.loss[a:b].mean(axis=0) for a, b in ends]).reshape(len(ends), training.runs)
    curves: list[tuple[str, str, np.ndarray, np.ndarray]] = [
        ("Validation loss", "log", marks, training.metrics["val_loss"]),
        ("Minibatch loss, mean between two marks", "log", marks[1:], means),
        ("Gradient norm", "log", marks[1:], training.metrics["grad_norm"][1:]),
    ]
    if "val_accuracy" in training.metrics:
        curves.insert(1, ("Validation accuracy", "share", marks, training.metrics["val_accuracy"]))
    alive = training.stopped[None]
    return [
        {
            "title": title,
            "scale": scale,
            "steps": steps.tolist(),
            "values": [_numbers(column) for column in np.where(steps[:, None] < alive, values, np.nan).T],
        }
        for title, scale, steps, values in curves
    ]


def _numbers(values: np.ndarray) -> Sequence[float | None]:
    """Six digits each; what is not finite is nothing."""
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in values.tolist()]
