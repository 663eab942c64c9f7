"""Many networks trained side by side: one stack of parameters, one stream of minibatches, a rule for every row or rows."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from typing import Annotated, Any, Literal

import numpy as np
from torch import nn

from core import DRIVER, Hyper, Schedule
from core.engine.course import DRAWN, scheduled
from core.engine.loop import DIVERGENCE_BOUND, march
from core.engine.step import Step, step_of
from core.hyper import declared
from core.knowledge import Supply
from core.rule import Rule
from core.simulate import L2, ClipNorm, ClipValue, WeightDecay
from networks.data.augment import Augmentation, augmented
from networks.data.prepare import Data
from networks.data.prepare import class_weights as class_weights_of
from networks.model.layers.plain import Luck
from networks.model.network import Network, Stopped
from networks.tasks import NetworkTask
from optimizers import ENTRANTS

RECORDS = 20, 50
"""At least and at most so many evaluations on the validation set over a training, besides the one before it."""

BLOCK = 16_384
"""Parameters that are updated together."""

KEPT = 64_000_000
"""Bytes of states along the way that are kept, so that a fork has not far to go; of large networks only the last state is."""

PRECISIONS = ("float32", "float64")
STEPS = Hyper(0, 1_000_000, whole=True, name="steps")

L1 = Annotated[
    float,
    Hyper(
        1e-8, 1.0, "log", off=0.0, help="Pull to zero: λ·sign(x) of every parameter x, biases too, is added to the gradient."
    ),
]
Patience = Annotated[
    int,
    Hyper(1, 50, whole=True, off=0, help="A run ends after so many records without a lower validation loss."),
]


class Column(np.ndarray):
    """A number for each run, (rows, 1) float64, that is rounded where it meets arrays of another precision and not before.

    So 1 − β and 1 − βᵗ have their digits in a training in float32 too, as they have where β is one number for all runs.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        met = next((one.dtype for one in inputs if isinstance(one, np.ndarray) and not isinstance(one, Column)), None)
        plain = (np.asarray(one, dtype=met) if isinstance(one, Column) else one for one in inputs)
        found = getattr(ufunc, method)(*plain, **kwargs)
        return found.view(Column) if met is None else found


@dataclass(frozen=True)
class Entrant:
    """Some rows of the stack that one rule trains, and how many steps were made before its first.

    Each of `hypers`, the rule's, and of `settings`, those of PER_RUN, is a float or (rows, 1).
    """

    rule: Rule
    rows: slice
    hypers: Mapping[str, Any]
    settings: Mapping[str, Any]
    since: int = 0

    @property
    def supply(self) -> Supply:
        """Gives its rule what it asks for."""
        return Supply(self.rule.needs)


@dataclass(frozen=True)
class Regime:
    """What all runs of a training have in common beside the task; `settings` are those of REGIME, by name.

    The data are split by `data_seed`, the first of the seeds, also in a fork of a run with another.
    """

    steps: int
    batch_size: int
    seeds: tuple[int, ...]
    dtype: str
    schedule: Schedule
    settings: Mapping[str, float]
    class_weights: bool
    augmentation: Augmentation | None
    keep_best: bool = True
    data_seed: int = 0


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

    x0, x         (runs, P) parameters before and after; the rows of x0 of one seed are identical; see `kept`
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
        return np.where(self.finished <= self.steps, self.metric_steps[_lowest(losses)], last)

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
        return _rows(self.data, part, self.regime.dtype)

    def module(self, run: int, when: Literal["start", "end"] = "end") -> nn.Module:
        """A plain torch.nn.Module with one run's parameters before or after."""
        return self.task.model.module({"start": self.x0, "end": self.x}[when][run])


Watch = Callable[[Training], None] | None
Progress = Callable[[float], None] | None
ShouldStop = Callable[[], bool] | None


def train(
    task: NetworkTask,
    *,
    entrants: Sequence[tuple[str, Mapping[str, Any]]],
    steps: int = 200,
    batch_size: int = 64,
    seed: int | Sequence[int] = 0,
    dtype: Literal["float32", "float64"] = "float32",
    schedule: Schedule | str | None = None,
    weight_decay: WeightDecay = 0.0,
    l1: L1 = 0.0,
    l2: L2 = 0.0,
    clip_value: ClipValue = math.inf,
    clip_norm: ClipNorm = math.inf,
    patience: Patience = 0,
    class_weights: bool = False,
    augmentation: Augmentation | None = None,
    keep_best: bool = True,
    watch: Watch = None,
    progress: Progress = None,
    should_stop: ShouldStop = None,
) -> Training:
    """Train the task once for every entrant: a rule's name with its hyperparameters, each a float or (many,) for many runs.

    All runs of a seed begin at the same parameters and see the same minibatches, dropout and augmentation, all from the
    seed; with several seeds every entrant runs once with each, on the first one's split of the data. The gradient is that of
    the loss, plus l2·x, plus l1·sign(x), then clipped by value, then by norm over all parameters; then x ← x −
    lr·factor(t)·(direction + weight_decay·x), in which x is every parameter, biases too. An entrant's own weight_decay and so
    on go before the common one. A run that diverges, or whose rule raises an exception, is frozen and marked in `stopped`;
    the others are what they would have been without it. A run that patience ends has the parameters of its lowest validation
    loss at the end, with `keep_best`, or else its last. `watch` is given the training so far at every record; when
    `should_stop` says True the training so far is returned.

    Raises ValueError, naming parameter, value and what is allowed, for an unknown or bad argument.
    """
    given = {"weight_decay": weight_decay, "l1": l1, "l2": l2, "clip_value": clip_value, "clip_norm": clip_norm}
    settings = {name: _one_for_all(REGIME[name], value) for name, value in {**given, "patience": patience}.items()}
    seeds = tuple(int(DRIVER["seed"].check(one)) for one in np.atleast_1d(seed).tolist())
    if len(set(seeds)) < len(seeds) or not seeds:
        raise ValueError(f"seed = {list(seeds)} is not allowed: it must be one number, or several that differ")
    if dtype not in PRECISIONS:
        raise ValueError(f"dtype = {dtype!r} is not allowed: it must be one of {', '.join(PRECISIONS)}")
    steps = int(_one_for_all(STEPS, steps))
    chosen = scheduled(schedule)
    regime = Regime(
        steps, batch_size, seeds, dtype, chosen, settings, class_weights, augmentation, keep_best, data_seed=seeds[0]
    )
    return Trainer(task, regime, entrants).train(watch, progress, should_stop)


REGIME: Mapping[str, Hyper] = declared(train)
"""What may be set for all runs of a training, told once in `train`'s signature."""

PER_RUN = ("weight_decay", "l1", "l2", "clip_value", "clip_norm")
"""Those of them that an entrant may also have of its own, each a float or (many,)."""


FEW = 8_000_000
"""Bytes of parameters that travel with every record."""


def small(so_far: Any) -> Any:
    """What is watched of a training while it goes on: its parameters only where they are few."""
    if isinstance(so_far, Training) and so_far.x.nbytes > FEW:
        best = None if so_far.best is None else so_far.best[:, :0]
        return replace(so_far, x0=so_far.x0[:, :0], x=so_far.x[:, :0], best=best)
    return so_far


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


@dataclass(frozen=True)
class Minibatch:
    """What a step's rows make of a network, as an objective for some runs of the stack: `which` of the batches each sees."""

    model: Network
    x: np.ndarray
    y: np.ndarray
    counts: np.ndarray | None
    seeds: np.ndarray
    step: int
    which: np.ndarray | None

    def of(self, rows: slice) -> "Minibatch":
        """The same for some runs."""
        return replace(self, seeds=self.seeds[rows], which=None if self.which is None else self.which[rows])

    def gradient(self, stack: np.ndarray, **more: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """As `Network.gradient`, of a stack of these runs."""
        luck = Luck(self.seeds, self.step)
        return self.model.gradient(stack, self.x, self.y, luck, self.counts, which=self.which, **more)

    def value(self, stack: np.ndarray) -> np.ndarray:
        return self.gradient(np.ascontiguousarray(stack))[0]

    def grad(self, stack: np.ndarray) -> np.ndarray:
        return self.gradient(np.ascontiguousarray(stack))[1]

    @property
    def blocks(self) -> list[tuple[slice, tuple[int, ...]]]:
        """Where every block of parameters stands in a row, and its shape."""
        return [(place, block.shape) for place, block in zip(self.model.places, self.model.blocks, strict=True)]


class Trainer:
    """The state of a training between two steps."""

    def __init__(
        self,
        task: NetworkTask,
        regime: Regime,
        entrants: Sequence[tuple[str, Mapping[str, Any]]],
        data: Data | None = None,
        *,
        begun: int = 0,
    ) -> None:
        self.data = data or task.load(regime.data_seed)
        task = task.fitting(self.data)
        self.task, self.regime, self.entrants = task, regime, entrants
        self.x_train, self.y_train = _rows(self.data, "train", regime.dtype)
        self.x_val, self.y_val = _rows(self.data, "val", regime.dtype)
        rows, steps, seeds = len(self.x_train), regime.steps, regime.seeds
        if regime.batch_size not in range(1, rows + 1):
            raise ValueError(f"batch_size = {regime.batch_size} is not allowed: it must be from 1 to {rows}, the training set")
        self.streams = [Stream(rows, regime.batch_size, seed) for seed in seeds]
        whole = list(_entered(entrants, regime))
        if refusal := next(filter(None, (one.rule.refusal(task.model) for one in whole)), ""):
            raise ValueError(refusal.removesuffix("."))
        self.groups = [part for one in whole for part in _blocks(one, task.model.parameters)]
        self.effects = list(_effects(whole, regime.dtype))
        self.runs = whole[-1].rows.stop
        self.which = np.tile(np.arange(len(seeds)), self.runs // len(seeds))
        self.seeds = np.array(seeds)[self.which]
        self.factors = regime.schedule.factors(steps)[:, 0].tolist() if steps else []
        self.marks = marks_of(steps, len(self.x_val) / (3 * regime.batch_size))
        self.counts = None
        if regime.class_weights and task.classes:
            self.counts = class_weights_of(self.data.y_train.numpy()).astype(regime.dtype)
        self.x0 = np.stack([task.model.initial(seed) for seed in seeds]).astype(regime.dtype)[self.which]
        self.x = self.x0.copy()
        self.slots = [[np.full_like(self.x[g.rows], value) for value in g.rule.slots.values()] for g in self.groups]
        self.updates = [_update(group) for group in self.groups]
        self.begun = self.taken = begun
        self._unmeasured()
        self.stopped, self.finished = np.full(self.runs, steps + 1), np.full(self.runs, steps + 1)
        self.records: list[dict[str, np.ndarray]] = []
        self.record_steps: list[int] = []
        self.snapshots: list[Snapshot] = []
        self.norm, self.moved = np.full(self.runs, np.nan), np.full(self.runs, np.nan)
        self.best: np.ndarray | None = None
        self.reasons: dict[int, str] = {}

    def _unmeasured(self) -> None:
        """No loss of any step is known; where classes have no weights the two losses are one."""
        self.loss, self.accuracy = (np.full((self.regime.steps - self.begun, self.runs), np.nan) for _ in range(2))
        self.unweighted = self.loss if self.counts is None else self.loss.copy()

    def resume(self, after: Training, until: int) -> None:
        """Go to the latest state of an equal training that is kept and not past `until`, with what was recorded till there.

        Not to one whose record is missing because the training was stopped while it was made, for it could not be made
        again without the step before; the first can.
        """
        unrecorded = self.marks - set(after.metric_steps.tolist())
        self.snapshots = [one for one in after.snapshots if one.step <= until and one.step not in unrecorded]
        if not self.snapshots:  # none was kept: all is done again
            return
        last = self.snapshots[-1]
        done = last.step - after.begun
        self.begun, self.taken, self.x0, self.x[:] = after.begun, last.step, after.x0, last.x
        self.slots = [[slot.copy() for slot in held] for _, held in last.slots]
        self.groups = [replace(group, since=since) for group, since in zip(self.groups, after.since, strict=True)]
        self._unmeasured()
        self.loss[:done], self.accuracy[:done] = after.loss[:done], after.accuracy[:done]
        self.unweighted[:done] = after.unweighted[:done]
        for mine, theirs in ((self.stopped, after.stopped), (self.finished, after.finished)):
            mine[theirs <= last.step] = theirs[theirs <= last.step]
        self.reasons = {run: reason for run, reason in after.reasons.items() if after.stopped[run] <= last.step}
        if last.step == after.begun:  # where a training stopped at once has half a record
            self.snapshots = []
            return
        self.record_steps = [step for step in after.metric_steps.tolist() if step <= last.step]
        self.records = [{k: v[i] for k, v in after.metrics.items()} for i in range(len(self.record_steps))]
        self.best = None if after.best is None else after.best.copy()

    def adopt(self, parent: "Trainer", run: int) -> None:
        """Go on from where a run of another training is, with its slots where the rule is its own."""
        owner = next(i for i, group in enumerate(parent.groups) if group.rows.start <= run < group.rows.stop)
        self.x[:] = parent.x[run]
        self.x0 = self.x.copy()
        row = run - parent.groups[owner].rows.start
        for i, group in enumerate(self.groups):
            self.groups[i] = replace(group, since=self.begun)
            if group.rule.update is parent.groups[owner].rule.update:
                self.groups[i] = replace(group, since=parent.groups[owner].since)
                for mine, theirs in zip(self.slots[i], parent.slots[owner], strict=True):
                    mine[:] = theirs[row]

    @property
    def alive(self) -> np.ndarray:
        """(runs,) bool: neither diverged nor at the end of patience."""
        return (self.stopped > self.regime.steps) & (self.finished > self.regime.steps)

    def train(self, watch: Watch, progress: Progress, should_stop: ShouldStop) -> Training:
        """All steps that are left, recorded on the way; the training that it has come to."""

        asked = should_stop or (lambda: False)

        def keep(_: None) -> None:
            new = self.taken in self.marks or self.taken == self.begun
            if new and self.taken not in self.record_steps:
                self.record(asked)
                if watch:
                    watch(self.so_far())

        self.march_to(self.regime.steps, keep, progress, asked)
        return self.ended()

    def march_to(
        self,
        step: int,
        keep: Callable[[None], None] = lambda _: None,
        progress: Progress = None,
        should_stop: ShouldStop = None,
    ) -> None:
        """All steps up to one, or to where nobody is left or `should_stop` says True."""
        start, steps = self.taken, max(self.regime.steps - self.begun, 1)
        tell = progress or (lambda share: None)
        with np.errstate(all="ignore"), suppress(Stopped):
            march(
                None,
                lambda n, _: self.advance(start + n, should_stop),
                keep,
                step - start,
                alive=lambda _: bool(self.alive.any()),
                progress=lambda share: tell((start - self.begun + share * (step - start)) / steps),
                should_stop=should_stop or (lambda: False),
                check_every=1,
            )
        if self.taken == self.regime.steps:
            tell(1.0)

    def advance(self, n: int, should_stop: ShouldStop = None) -> None:
        """Step n + 1 of every run; Stopped, and nothing is done, where `should_stop` says True on the way to its gradients."""
        batches = np.stack([stream[n] for stream in self.streams])
        x, y = self.x_train[batches], self.y_train[batches]
        if chosen := self.regime.augmentation:
            streams = [np.random.default_rng([seed, 3, n]) for seed in self.regime.seeds]
            x = np.stack([augmented(one, self.data.shape, chosen, rng) for one, rng in zip(x, streams, strict=True)])
        counts = None if self.counts is None else self.counts[y]
        batch = Minibatch(self.task.model, x, y, counts, self.seeds, n, self.which if len(x) > 1 else None)
        unweighted = None if counts is None else np.zeros(self.runs)
        loss, gradient, right = batch.gradient(self.x, unweighted=unweighted, should_stop=should_stop)
        alive, noted = self.alive, n + 1 in self.marks
        before, self.norm = (self.x.copy(), np.where(alive, _norms(gradient), np.nan)) if noted else (self.x, self.norm)
        self.loss[n - self.begun] = np.where(alive, loss, np.nan)
        if unweighted is not None:
            self.unweighted[n - self.begun] = np.where(alive, unweighted, np.nan)
        if right is not None:
            self.accuracy[n - self.begun] = np.where(alive, right, np.nan)
        gradient = self.altered(slice(None), self.x, gradient)
        for group, held, update in zip(self.groups, self.slots, self.updates, strict=True):
            part, lr = self.x[group.rows], np.multiply(group.hypers["lr"], self.factors[n]).astype(self.x.dtype)
            going = alive[group.rows]
            on = np.count_nonzero(going)
            if not on:
                continue
            try:
                rows, t = group.rows, Step.after(n - group.since, {})
                draw = partial(drawn, self.seeds[rows], n, part)
                known = group.supply.at(batch.of(rows), part, partial(self.altered, rows), draw)
                (moved,), (kept,) = update([part], [gradient[rows]], [held], lr, t, [], [self.x0[rows]], known)
            except MemoryError:
                raise
            except Exception as error:  # one rule's trouble does not take its neighbours
                self.give_up(group, n + 1, error)
                continue
            if on < len(going):  # who has ended stays where it is
                moved = np.where(going[:, None], moved, part)
                kept = [np.where(going[:, None], new, slot) for slot, new in zip(held, kept, strict=True)]
            part[:] = moved
            held[:] = [np.asarray(slot, dtype=part.dtype) for slot in kept]
        fine = np.isfinite(loss) & (np.abs(loss) <= DIVERGENCE_BOUND) & np.isfinite(self.x).all(axis=1)
        self.stopped[alive & ~fine] = n + 1
        if noted:
            self.moved = np.where(alive, _norms(self.x - before), np.nan)
        self.taken = n + 1

    def altered(self, rows: slice, x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The gradients (runs, P) at x of some rows of the stack, as their rules see them."""
        for effect in self.effects:
            gradient = effect(gradient, x, rows)
        return gradient

    def give_up(self, group: Entrant, step: int, error: Exception) -> None:
        """Those of a group's runs that went on so far end at a step that their rule could not make."""
        logging.getLogger(__name__).error("The rule %s has failed at step %d", group.rule.key, step, exc_info=error)
        reason = f"{group.rule.title} could not make step {step} ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        for run in np.flatnonzero(self.alive[group.rows]) + group.rows.start:
            self.stopped[run], self.reasons[int(run)] = step, reason

    def record(self, should_stop: Callable[[], bool]) -> None:
        """The metrics after the last step, and the state where there is room; who is out of patience ends here."""
        found = self.task.model.evaluate(self.x, self.x_val, self.y_val, should_stop)
        if should_stop() and self.records:
            return  # half an evaluation is none
        since = slice((self.record_steps[-1] if self.record_steps else self.begun) - self.begun, self.taken - self.begun)
        over = self.taken > np.minimum(self.stopped, self.finished)
        lr = np.concatenate([np.broadcast_to(g.hypers["lr"], (g.rows.stop - g.rows.start, 1))[:, 0] for g in self.groups])
        self.records.append(
            {
                **{f"val_{name}": value for name, value in found.items()},
                "train_loss": _mean(self.unweighted[since]),
                **({"train_accuracy": _mean(self.accuracy[since])} if self.task.model.classes else {}),
                "grad_norm": self.norm,
                "update_norm": self.moved,
                "lr": np.where(
                    over, np.nan, lr * (self.factors[min(self.taken, len(self.factors) - 1)] if self.factors else 1.0)
                ),
            }
        )
        self.record_steps.append(self.taken)
        if patience := self.regime.settings["patience"]:
            losses = np.array([record["val_loss"] for record in self.records])
            since_lowest = len(losses) - 1 - _lowest(losses)
            if self.regime.keep_best:
                self.best = self.x.copy() if self.best is None else self.best
                self.best[since_lowest == 0] = self.x[since_lowest == 0]
            self.finished[(since_lowest >= patience) & self.alive] = self.taken
        self.snapshots.append(self.snapshot())
        while len(self.snapshots) > 2 and sum(one.nbytes for one in self.snapshots) > KEPT:
            self.snapshots = self.snapshots[::2]
        if sum(one.nbytes for one in self.snapshots) > KEPT:  # a fork's own first state cannot be had again
            self.snapshots = self.snapshots[: 1 if self.begun else 0]

    def snapshot(self) -> Snapshot:
        held = [(group.rows, [slot.copy() for slot in slots]) for group, slots in zip(self.groups, self.slots, strict=True)]
        return Snapshot(self.taken, self.x.copy(), held)

    def ended(self) -> Training:
        """What there is after the last step, with all that can be gone on from; the trainer is of no use then."""
        last = Snapshot(self.taken, self.x, [(group.rows, held) for group, held in zip(self.groups, self.slots, strict=True)])
        before = [one for one in self.snapshots if one.step < self.taken]
        return replace(self.so_far(), snapshots=[*before, last])

    def so_far(self) -> Training:
        """What there is after the last step, to be looked at."""
        done = self.taken - self.begun
        x, loss = self.x.copy(), self.loss[:done].copy()
        if self.best is not None:
            x[self.finished <= self.taken] = self.best[self.finished <= self.taken]
        return Training(
            task=self.task,
            regime=self.regime,
            entrants=self.entrants,
            data=self.data,
            x0=self.x0,
            x=x,
            loss=loss,
            unweighted=loss if self.unweighted is self.loss else self.unweighted[:done].copy(),
            accuracy=self.accuracy[:done].copy(),
            stopped=np.minimum(self.stopped, self.taken + 1),
            finished=np.minimum(self.finished, self.taken + 1),
            metrics={name: np.array([record[name] for record in self.records]) for name in self.records[0]},
            metric_steps=np.array(self.record_steps),
            snapshots=(),
            since=tuple(group.since for group in self.groups),
            begun=self.begun,
            best=None if self.best is None else self.best.copy(),
            reasons=dict(self.reasons),
        )


def _one_for_all(hyper: Hyper, value: Any) -> float:
    number = hyper.check(value)
    if np.ndim(number):
        raise ValueError(f"{hyper.name} has shape {number.shape}: allowed is one number for all runs")
    return number


def _rows(data: Data, part: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of a set: numbers in the training's precision, classes and words as they are."""
    x, y = (getattr(data, f"{name}_{part}").numpy() for name in "xy")
    x, y = (values.astype(dtype, copy=False) if values.dtype.kind == "f" else values for values in (x, y))
    return x, y


def _norms(rows: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("rp,rp->r", rows, rows, dtype=np.float64))


def _lowest(losses: np.ndarray) -> np.ndarray:
    """(runs,) the first record with the lowest of the losses (records, runs); one that is not finite is none."""
    return np.where(np.isfinite(losses), losses, np.inf).argmin(axis=0)


def _mean(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=0) if len(values) else np.full(values.shape[1], np.nan)


def _entered(entrants: Sequence[tuple[str, Mapping[str, Any]]], regime: Regime) -> Iterator[Entrant]:
    """The entrants, checked, each with its rows of the stack."""
    if not entrants:
        raise ValueError("entrants is empty: allowed is one rule or more, each with its hyperparameters")
    at, seeds = 0, len(regime.seeds)
    for name, given in entrants:
        if name not in ENTRANTS:
            raise ValueError(f"rule {name!r} is unknown: allowed is one of {', '.join(ENTRANTS)}")
        entrant = ENTRANTS[name]
        numbers = entrant.rule.check({key: value for key, value in given.items() if key not in PER_RUN})
        for key in PER_RUN:
            own = entrant.hypers.get(key)
            usual = regime.settings[key] if own is None else own.default
            numbers[key] = REGIME[key].check(given.get(key, usual))
        lengths = {len(value) for value in numbers.values() if np.ndim(value)}
        if len(lengths) > 1 or 0 in lengths:
            raise ValueError(
                f"{name} has hyperparameters of {sorted(lengths)} values: allowed is one number, or as many for all"
            )
        many = (lengths.pop() if lengths else 1) * seeds
        columns = {key: np.repeat(value, seeds)[:, None] if np.ndim(value) else value for key, value in numbers.items()}
        settings = {key: columns.pop(key) for key in PER_RUN}
        yield Entrant(entrant.rule, slice(at, at + many), columns, settings)
        at += many


def _blocks(entrant: Entrant, parameters: int) -> Iterator[Entrant]:
    """An entrant's rows in blocks small enough that they and their state stay in the processor's cache."""
    many = max(BLOCK // parameters, 1)

    def of(numbers: Mapping[str, Any], within: slice) -> dict[str, Any]:
        """Some of the rows; those that differ as columns, or all that they are multiplied with would be float64.

        Only lr is multiplied with the schedule's factor first.
        """
        found = {name: value[within] if np.ndim(value) else value for name, value in numbers.items()}
        return {name: value.view(Column) if np.ndim(value) and name != "lr" else value for name, value in found.items()}

    for at in range(entrant.rows.start, entrant.rows.stop, many):
        rows = slice(at, min(at + many, entrant.rows.stop))
        within = slice(at - entrant.rows.start, rows.stop - entrant.rows.start)
        yield replace(entrant, rows=rows, hypers=of(entrant.hypers, within), settings=of(entrant.settings, within))


def _update(group: Entrant) -> Callable[..., Any]:
    """One step of a block's rule, with decoupled decay where there is any."""
    decay = group.settings["weight_decay"]
    numbers = {name: value for name, value in group.hypers.items() if name != "lr"}
    return step_of(group.rule, frozenset(), numbers | ({"weight_decay": decay} if np.any(decay) else {}))


def _effects(entrants: Sequence[Entrant], dtype: str) -> Iterator[Callable[[np.ndarray, np.ndarray, slice], np.ndarray]]:
    """What happens to the gradients (runs, P) of some rows before their rules see them, in order; what is off is not there."""

    def column(name: str) -> np.ndarray | None:
        parts = [np.broadcast_to(e.settings[name], (e.rows.stop - e.rows.start, 1)) for e in entrants]
        whole = np.concatenate(parts)
        return None if (whole == REGIME[name].off).all() else whole.astype(dtype)

    if (l2 := column("l2")) is not None:
        yield lambda g, x, rows: g + l2[rows] * x
    if (l1 := column("l1")) is not None:
        yield lambda g, x, rows: g + l1[rows] * np.sign(x)
    if (bound := column("clip_value")) is not None:
        yield lambda g, x, rows: np.clip(g, -bound[rows], bound[rows])
    if (longest := column("clip_norm")) is not None:
        yield lambda g, x, rows: g * np.minimum(1, longest[rows] / np.maximum(_norms(g)[:, None], 1e-300)).astype(dtype)


def drawn(seeds: np.ndarray, n: int, like: np.ndarray) -> np.ndarray:
    """Standard normals (runs, P) for a rule at a step, from each run's seed alone."""
    every = {seed: np.random.default_rng([seed, DRAWN, n]).standard_normal(like.shape[1]) for seed in set(seeds.tolist())}
    return np.stack([every[seed] for seed in seeds.tolist()]).astype(like.dtype)


def marks_of(steps: int, price: float) -> set[int]:
    """The steps after which is evaluated, what costs as much as `price` steps: a sixth of the time, as far as RECORDS allow."""
    many = min(steps, round(np.clip(steps / (5 * price), *RECORDS)))
    return set(np.linspace(0, steps, many + 1).round().astype(int).tolist())


class Stream:
    """The batches of `batches_of`, one after another, with no more than an epoch in hand."""

    def __init__(self, rows: int, batch_size: int, seed: int) -> None:
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self._epoch, self._rng, self._order = -1, np.random.default_rng(), np.empty(0, dtype=int)

    def __getitem__(self, step: int) -> np.ndarray:
        """(batch_size,) row indices of step + 1."""
        epoch, place = divmod(step, self.rows // self.batch_size)
        if epoch < self._epoch or self._epoch < 0:
            self._epoch, self._rng = -1, np.random.default_rng([self.seed, 1])
        while self._epoch < epoch:
            self._epoch, self._order = self._epoch + 1, self._rng.permutation(self.rows)
        return self._order[place * self.batch_size : (place + 1) * self.batch_size]


def batches_of(rows: int, steps: int, batch_size: int, seed: int) -> np.ndarray:
    """(steps, batch_size) row indices: the rows shuffled anew each epoch, cut into batches, the rest of an epoch left out."""
    rng = np.random.default_rng([seed, 1])
    an_epoch = rows // batch_size
    epochs = [rng.permutation(rows)[: an_epoch * batch_size] for _ in range(-(-steps // an_epoch))]
    return np.concatenate(epochs).reshape(-1, batch_size)[:steps] if steps else np.empty((0, batch_size), dtype=int)


def numbers_of(training: Training, run: int) -> tuple[str, dict[str, float], int]:
    """The entrant's name, its hyperparameters and what of PER_RUN it has, one number each, and the seed of one run.

    Raises ValueError for a run that the training has not.
    """
    if not 0 <= run < training.runs:
        raise ValueError(f"run = {run} is not allowed: it must be from 0 to {training.runs - 1}")
    whole = zip(training.entrants, _entered(training.entrants, training.regime), strict=True)
    (name, _), entrant = next(pair for pair in whole if run < pair[1].rows.stop)
    row, given = run - entrant.rows.start, {**entrant.hypers, **entrant.settings}
    numbers = {key: float(value[row, 0]) if np.ndim(value) else value for key, value in given.items()}
    return name, numbers, training.regime.seeds[run % len(training.regime.seeds)]
