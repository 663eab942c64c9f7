"""Many networks trained side by side: one stack of parameters, one stream of minibatches, a rule for every row or rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np

from core import Hyper, Schedule
from core.engine.course import scheduled
from core.hyper import declared
from networks.data.augment import Augmentation
from networks.tasks import NetworkTask
from networks.training.regime import PRECISIONS, Regime, one_for_all, settings_of
from networks.training.trainer import Progress, ShouldStop, Trainer, Watch
from networks.training.training import Training

_Steps = Annotated[int, Hyper(0, 1_000_000, whole=True, help="How many minibatches every rule sees.")]
_Seeds = Annotated[
    int | Sequence[int],
    Hyper(0, 9999, whole=True, help="Which split, first parameters, order of the batches, dropout."),
]


def train(
    task: NetworkTask,
    *,
    entrants: Sequence[tuple[str, Mapping[str, Any]]],
    steps: _Steps = 200,
    batch_size: int = 64,
    seed: _Seeds = 0,
    dtype: Literal["float32", "float64"] = "float32",
    schedule: Schedule | str | None = None,
    class_weights: bool = False,
    augmentation: Augmentation | None = None,
    keep_best: bool = True,
    watch: Watch = None,
    progress: Progress = None,
    should_stop: ShouldStop = None,
    **settings: Any,
) -> Training:
    """Train the task once for every entrant: a rule's name with its hyperparameters, each a float or (many,) for many runs.

    All runs of a seed begin at the same parameters and see the same minibatches, dropout and augmentation, all from the
    seed; with several seeds every entrant runs once with each, on the first one's split of the data. The gradient is that of
    the loss, plus l2·x, plus l1·sign(x), then clipped by value, then by norm over all parameters; then x ← x −
    lr·factor(t)·(direction + weight_decay·x), in which x is every parameter, biases too. An entrant's own weight_decay and so
    on go before the common one. `settings` are those of REGIME: weight_decay, l1, l2, clip_value, clip_norm and patience.
    A run that diverges, or whose rule raises an exception, is frozen and marked in `stopped`; the others are what they would
    have been without it. A run that patience ends has the parameters of its lowest validation loss at the end, with
    `keep_best`, or else its last. `watch` is given the training so far at every record; when
    `should_stop` says True the training so far is returned.

    Raises ValueError, naming parameter, value and what is allowed, for an unknown or bad argument.
    """
    common = settings_of(**settings)
    seeds = tuple(int(TRAIN["seed"].check(one)) for one in np.atleast_1d(seed).tolist())
    if len(set(seeds)) < len(seeds) or not seeds:
        raise ValueError(f"seed = {list(seeds)} is not allowed: it must be one number, or several that differ")
    if dtype not in PRECISIONS:
        raise ValueError(f"dtype = {dtype!r} is not allowed: it must be one of {', '.join(PRECISIONS)}")
    steps = int(one_for_all(TRAIN["steps"], steps))
    chosen = scheduled(schedule)
    regime = Regime(steps, batch_size, seeds, dtype, chosen, common, class_weights, augmentation, keep_best, data_seed=seeds[0])
    return Trainer(task, regime, entrants).train(watch, progress, should_stop)


TRAIN: Mapping[str, Hyper] = declared(train)
"""The numbers of a training beside those of REGIME, told once in that signature."""


def continued(training: Training, watch: Watch = None, progress: Progress = None, should_stop: ShouldStop = None) -> Training:
    """A training that was stopped, gone on with to its end: the same bit for bit as if it had never been stopped."""
    trainer = Trainer(training.task, training.regime, training.entrants, training.data)
    trainer.resume(training, training.steps)
    return trainer.train(watch, progress, should_stop)


def fork(
    training: Training,
    run: int,
    step: int,
    entrants: Sequence[tuple[str, Mapping[str, Any]]],
    watch: Watch = None,
    progress: Progress = None,
    should_stop: ShouldStop = None,
) -> Training:
    """What would have become of one run had other rules or hyperparameters gone on after `step`, to the same last step.

    The entrants start at the parameters that the run had after `step`, whichever it kept at its end, and see the batches that
    it saw. One of the run's own rule goes on with its slots and its count of steps, so an unchanged one repeats its parent
    exactly; another rule starts anew, and so does patience.

    Raises ValueError for a step or run that the training has not.
    """
    if not 0 <= run < training.runs:
        raise ValueError(f"run = {run} is not allowed: it must be from 0 to {training.runs - 1}")
    last = int(min(training.stopped[run] - 1, training.finished[run], training.steps))
    if not training.begun <= step <= last:
        raise ValueError(f"step = {step} is not allowed: it must be from {training.begun} to {last}, which this run made")
    parent = Trainer(training.task, training.regime, training.entrants, training.data)
    parent.resume(training, step)
    parent.march_to(step)
    seed = training.regime.seeds[run % len(training.regime.seeds)]
    children = Trainer(training.task, replace(training.regime, seeds=(seed,)), entrants, training.data, begun=step)
    children.adopt(parent, run)
    return children.train(watch, progress, should_stop)
