"""The curves of a training: what its metrics come to over the seeds, and what became of an entrant."""

import numpy as np

from networks import Training


def metrics_of(training: Training) -> dict[str, np.ndarray]:
    """What was recorded, and how far the losses are apart."""
    return {**training.metrics, "gap": training.metrics["val_loss"] - training.metrics["train_loss"]}


def quartiles(training: Training, name: str, runs: slice) -> np.ndarray:
    """(3, records): lower quartile, median and upper quartile of a metric over the seeds; NaN where most have diverged.

    A run that is out of patience stays what it kept; where all are, there is nothing more.
    """
    steps, ends = training.metric_steps[:, None], training.finished[None, runs]
    kept = np.searchsorted(training.metric_steps, training.kept[runs]).clip(max=len(steps) - 1)
    records = np.where(steps <= ends, np.arange(len(steps))[:, None], kept)
    values = np.take_along_axis(metrics_of(training)[name][:, runs], records, axis=0)
    good = (steps < training.stopped[None, runs]) & (steps <= ends.max()) & np.isfinite(values)
    found = np.full((3, len(values)), np.nan)
    for i, (row, fine) in enumerate(zip(values, good, strict=True)):
        if 2 * fine.sum() > len(fine):
            found[:, i] = np.quantile(row[fine], (0.25, 0.5, 0.75))
    return found


def fate(training: Training, runs: slice) -> str:
    """What became of the runs of one entrant, where it is not just the end."""
    gone, seeds = training.diverged[runs], len(training.regime.seeds)
    if gone.any():
        first = int(training.stopped[runs][gone].min())
        what = "failed" if any(run in training.reasons for run in range(training.runs)[runs]) else "diverged"
        return f"{what} at step {first}" if seeds == 1 else f"{gone.sum()} of {seeds} seeds {what}, first at step {first}"
    tired = training.finished[runs] <= training.steps
    if tired.any():
        first = int(training.finished[runs][tired].min())
        whose = f"{tired.sum()} of {seeds} seeds out of patience, the first" if seeds > 1 else "out of patience"
        return f"{whose} at step {first}"
    return ""
