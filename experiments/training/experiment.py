"""A training as an experiment."""

from typing import Any

import numpy as np

from experiments.experiment import Experiment, Report
from experiments.job import finished
from experiments.training.curves import fate, metrics_of, quartiles
from experiments.training.run import lesson_of
from experiments.training.spec import Lesson, read_lesson
from experiments.training.words import seeds_of, told
from networks import Training
from optimizers import ENTRANTS

_FIRST = Lesson(
    "digits_mlp",
    ("sgd", "momentum", "adagrad", "rmsprop", "adam"),
    (("adagrad.lr", 0.02), ("adam.lr", 0.003), ("momentum.lr", 0.05), ("rmsprop.lr", 0.002), ("sgd.lr", 0.2)),
)


def _report(lesson: Lesson) -> Report:
    """Each rule's medians over the seeds, the verdict, and the curves of every metric.

    Raises ValueError where it would cost more than the host allows, or the data are no good.
    """
    training = finished(lesson_of(lesson))
    titles = [ENTRANTS[key].title for key in lesson.rules]
    series: dict[str, Any] = {"steps": training.metric_steps}
    for i, key in enumerate(lesson.rules):
        for name in metrics_of(training):
            series[f"{key}.{name}"] = quartiles(training, name, seeds_of(training, i))[1]
    rows = [_row(training, i, key) for i, key in enumerate(lesson.rules)]
    rows.sort(key=lambda row: np.nan_to_num(row["final"], nan=np.inf))
    return Report(rows, told(training, titles), series)


def _row(training: Training, entrant: int, key: str) -> dict[str, Any]:
    """What the runs of a rule that have not diverged come to, in the middle."""
    runs = seeds_of(training, entrant)
    good = ~training.diverged[runs]

    def middle(values: np.ndarray) -> float:
        kept = values[runs][good]
        return float(np.nanmedian(kept)) if np.isfinite(kept).any() else np.nan

    gone = training.stopped[runs][~good]
    return {
        "rule": key,
        "lr": float(training.metrics["lr"][0, runs][0]),
        "final": middle(training.final("val_loss")),
        "best": middle(np.nanmin(training.curves["val_loss"], axis=0)),
        "stopped": int(gone.min()) if len(gone) else None,
        **{name: middle(training.final(name)) for name in training.metrics if name != "lr"},
        **{f"test_{name}": middle(values) for name, values in training.tested.items()},
        "fate": fate(training, runs),
    }


EXPERIMENT = Experiment("networks", _FIRST, read_lesson, _report)
