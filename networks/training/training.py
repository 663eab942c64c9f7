"""What a training leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from torch import nn

from networks.data.prepare import Data
from networks.tasks import NetworkTask
from networks.training.regime import Regime, batches_of


@dataclass(frozen=True)
class Snapshot:
    """Where all runs were after some step: x (runs, P), and the slots of each block of rows."""

    step: int
    x: np.ndarray
    slots: Sequence[tuple[slice, Sequence[np.ndarray]]]

    @cached_property
    def nbytes(self) -> int:
        return self.x.nbytes + sum(slot.nbytes for _, held in self.slots for slot in held)


@dataclass(frozen=True)
class Training:
    """What a training leaves behind. Runs are entrants × their values × seeds, the seeds running fastest.

    x0, x         (runs, P) parameters before and after, and behind them the layers' running states where there are any; the
                  rows of x0 of one seed are identical; see `kept`
    loss          (steps, runs) minibatch loss before each update; NaN once a run has stopped
    unweighted    (steps, runs) the same with every row counting once, whatever the weights of the classes
    accuracy      (steps, runs) the share of the minibatch that was classified well before each update; NaN for a regression
    stopped       (runs,) int, the first step after which loss or parameters are beyond all bounds, or which its rule could
                  not make; steps+1 where none
    finished      (runs,) int, the step at which patience was at an end; steps+1 where it was not
    metrics       {name: (records, runs)} recorded on the way: val_loss, val_accuracy, train_loss and train_accuracy (means
                  over the minibatches since the last record, every row counting once), grad_norm and update_norm of the last
                  step, lr; NaN where there is none, as of a gradient before the first step or once a run has ended
    metric_steps  (records,) the steps after which they were
    snapshots     where all runs were at some of them, to go on from; none of a training that still goes on
    since         for every block of rows how many steps were made before its rule's first
    begun         the step it started from: not 0 for a fork
    best          (runs, P) the parameters at the record of the lowest validation loss; None where they are not kept
    reasons       {run: a sentence} for each whose rule could not make a step
    """

    task: NetworkTask
    regime: Regime
    entrants: Sequence[tuple[str, Mapping[str, Any]]]
    data: Data = field(repr=False)
    x0: np.ndarray = field(repr=False)
    x: np.ndarray = field(repr=False)
    loss: np.ndarray = field(repr=False)
    unweighted: np.ndarray = field(repr=False)
    accuracy: np.ndarray = field(repr=False)
    stopped: np.ndarray
    finished: np.ndarray
    metrics: Mapping[str, np.ndarray] = field(repr=False)
    metric_steps: np.ndarray = field(repr=False)
    snapshots: Sequence[Snapshot] = field(repr=False)
    since: Sequence[int] = field(repr=False)
    begun: int = 0
    best: np.ndarray | None = field(default=None, repr=False)
    reasons: Mapping[int, str] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        return len(self.x)

    @property
    def steps(self) -> int:
        """The step it has come to."""
        return self.begun + len(self.loss)

    @property
    def whole(self) -> bool:
        """Whether all is there that can be gone on from, as once it has ended; else its parameters may be missing."""
        return bool(self.snapshots)

    @property
    def diverged(self) -> np.ndarray:
        """(runs,) bool."""
        return self.stopped <= self.steps

    @cached_property
    def kept(self) -> np.ndarray:
        """(runs,) int, the step after which a run had the parameters that `x` holds.

        It is the last that it made; but where patience ended a run whose best is kept, that of its lowest validation loss.
        """
        last = np.minimum(np.minimum(self.stopped, self.finished), self.steps)
        if self.best is None:
            return last
        losses = np.where(self.metric_steps[:, None] <= self.finished, self.metrics["val_loss"], np.inf)
        return np.where(self.finished <= self.steps, self.metric_steps[lowest(losses)], last)

    def final(self, name: str) -> np.ndarray:
        """(runs,) a metric where a run had the parameters that `x` holds, or at the last record where that was later."""
        values = self.metrics[name]
        return values[np.searchsorted(self.metric_steps, self.kept).clip(max=len(values) - 1), np.arange(self.runs)]

    @property
    def curves(self) -> dict[str, np.ndarray]:
        """The metrics of every run as far as it went: NaN at the records after its end."""
        over = self.metric_steps[:, None] > np.minimum(self.stopped, self.finished)
        return {name: np.where(over, np.nan, values) for name, values in self.metrics.items()}

    @cached_property
    def batches(self) -> np.ndarray:
        """(steps, batch_size) row indices into the training set, the same for every run; (steps, seeds, batch_size) where there
        are several seeds."""
        rows, regime, done = len(self.data.y_train), self.regime, slice(self.begun, self.steps)
        every = [batches_of(rows, regime.steps, regime.batch_size, seed)[done] for seed in regime.seeds]
        return every[0] if len(every) == 1 else np.stack(every, axis=1)

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: all but the data, and what can be had again."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "data"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, data=state["task"].load(state["regime"].seeds[0]))

    @cached_property
    def tested(self) -> dict[str, np.ndarray]:
        """The loss on the test set, and for classes the accuracy, of every run (runs,)."""
        with np.errstate(all="ignore"):
            return self.task.model.evaluate(self.x, *self.rows("test"))

    def rows(self, part: Literal["train", "val", "test"]) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of a set, in the training's precision."""
        return rows_in(self.data, part, self.regime.dtype)

    def module(self, run: int, when: Literal["start", "end"] = "end") -> nn.Module:
        """A plain torch.nn.Module with one run's parameters before or after."""
        return self.task.model.module({"start": self.x0, "end": self.x}[when][run])


_FEW = 8_000_000
"""Bytes of parameters that travel with every record."""


def small(so_far: Any) -> Any:
    """What is watched of a training while it goes on: its parameters only where they are few."""
    if isinstance(so_far, Training) and so_far.x.nbytes > _FEW:
        best = None if so_far.best is None else so_far.best[:, :0]
        return replace(so_far, x0=so_far.x0[:, :0], x=so_far.x[:, :0], best=best)
    return so_far


def rows_in(data: Data, part: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of a set: numbers in the training's precision, classes and words as they are."""
    x, y = (getattr(data, f"{name}_{part}").numpy() for name in "xy")
    x, y = (values.astype(dtype, copy=False) if values.dtype.kind == "f" else values for values in (x, y))
    return x, y


def lowest(losses: np.ndarray) -> np.ndarray:
    """(runs,) the first record with the lowest of the losses (records, runs); one that is not finite is none."""
    return np.where(np.isfinite(losses), losses, np.inf).argmin(axis=0)
