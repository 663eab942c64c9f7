"""The state of a training between two steps, and how it goes on."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from core.engine.loop import DIVERGENCE_BOUND, march
from core.knowledge import Supply
from core.maths import Real, power
from networks.data.augment import augmented
from networks.data.prepare import Data
from networks.data.prepare import class_weights as class_weights_of
from networks.model.layers.layer import StepRng
from networks.model.network import Network, Stopped
from networks.tasks import NetworkTask
from networks.training.entrants import Group, drawn, effects_of, entered, in_blocks, norms, update_of
from networks.training.regime import Regime, Stream, marks_of
from networks.training.training import Snapshot, Training, lowest, rows_in

KEPT = 64_000_000
"""Bytes of states along the way that are kept, so that a fork has not far to go; of large networks only the last state is."""

Watch = Callable[[Training], None] | None

Progress = Callable[[float], None] | None

ShouldStop = Callable[[], bool] | None


@dataclass(frozen=True)
class Minibatch:
    """What a step's rows make of a network, as an objective for some runs of the stack: `which` of the batches each sees.

    Rules know the parameters alone; the running states of the runs are at hand, and a rule's looking around moves none.
    """

    model: Network
    states: np.ndarray
    x: np.ndarray
    y: np.ndarray
    counts: np.ndarray | None
    seeds: np.ndarray
    step: int
    which: np.ndarray | None

    def of(self, rows: slice) -> "Minibatch":
        """The same for some runs."""
        which = None if self.which is None else self.which[rows]
        return replace(self, seeds=self.seeds[rows], which=which, states=self.states[rows])

    def gradient(self, stack: np.ndarray, **more: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """As `Network.gradient`, of a stack of these runs."""
        rng = StepRng(self.seeds, self.step)
        return self.model.gradient(stack, self.x, self.y, rng, self.counts, which=self.which, **more)

    def _whole(self, places: np.ndarray) -> np.ndarray:
        return np.concatenate([places, self.states], axis=1) if self.model.states else np.ascontiguousarray(places)

    def value(self, places: np.ndarray) -> np.ndarray:
        return self.gradient(self._whole(places))[0]

    def grad(self, places: np.ndarray) -> np.ndarray:
        return self.gradient(self._whole(places))[1][:, : self.model.parameters]

    @property
    def blocks(self) -> list[tuple[slice, tuple[int, ...]]]:
        """Where every block of parameters stands in a row, and its shape."""
        return [(place, block.shape) for place, block in zip(self.model.places, self.model.blocks, strict=False)]


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
        self.x_train, self.y_train = rows_in(self.data, "train", regime.dtype)
        self.x_val, self.y_val = rows_in(self.data, "val", regime.dtype)
        rows, steps, seeds = len(self.x_train), regime.steps, regime.seeds
        if regime.batch_size not in range(1, rows + 1):
            raise ValueError(f"batch_size = {regime.batch_size} is not allowed: it must be from 1 to {rows}, the training set")
        if task.model.states and regime.batch_size == 1:
            raise ValueError("batch_size = 1 is not allowed: batch normalisation needs 2 rows or more, to tell them apart")
        self.streams = [Stream(rows, regime.batch_size, seed) for seed in seeds]
        whole = list(entered(entrants, regime))
        if refusal := next(filter(None, (one.rule.refusal(task.model) for one in whole)), ""):
            raise ValueError(refusal.removesuffix("."))
        self.groups = [part for one in whole for part in in_blocks(one, task.model.parameters)]
        self.effects = list(effects_of(whole, regime.dtype))
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
        self.slots = [[np.full_like(self.trained[g.rows], v) for v in g.rule.slots.values()] for g in self.groups]
        self.updates = [update_of(group) for group in self.groups]
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
    def trained(self) -> np.ndarray:
        """(runs, P), the parameters: all of x but the running states."""
        return self.x[:, : self.task.model.parameters]

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
        many = self.task.model.parameters
        states = self.x[:, many:]
        batch = Minibatch(self.task.model, states, x, y, counts, self.seeds, n, self.which if len(x) > 1 else None)
        unweighted = None if counts is None else np.zeros(self.runs)
        loss, gradient, right = batch.gradient(self.x, unweighted=unweighted, should_stop=should_stop)
        next_states, gradient = gradient[:, many:], gradient[:, :many]
        alive, noted, trained, x0 = self.alive, n + 1 in self.marks, self.trained, self.x0[:, :many]
        before = trained.copy() if noted else trained
        self.norm = np.where(alive, norms(gradient), np.nan) if noted else self.norm
        self.loss[n - self.begun] = np.where(alive, loss, np.nan)
        if unweighted is not None:
            self.unweighted[n - self.begun] = np.where(alive, unweighted, np.nan)
        if right is not None:
            self.accuracy[n - self.begun] = np.where(alive, right, np.nan)
        gradient = self.altered(slice(None), trained, gradient)
        for group, held, update in zip(self.groups, self.slots, self.updates, strict=True):
            rows, t = group.rows, n - group.since + 1.0
            part, going = trained[rows], alive[rows]
            on = np.count_nonzero(going)
            if not on:
                continue
            lr = np.multiply(group.hypers["lr"], self.factors[n]).astype(part.dtype)
            try:
                known = self.known(group, batch, part, t)
                (moved,), (kept,) = update([part], [gradient[rows]], [held], lr, Real(t), [], [x0[rows]], known)
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
        if states.size:
            states[alive] = next_states[alive]
        fine = np.isfinite(loss) & (np.abs(loss) <= DIVERGENCE_BOUND) & np.isfinite(self.x).all(axis=1)
        self.stopped[alive & ~fine] = n + 1
        if noted:
            self.moved = np.where(alive, norms(trained - before), np.nan)
        self.taken = n + 1

    def known(self, group: Group, batch: Minibatch, x: np.ndarray, t: float) -> Mapping[str, Any]:
        """What a group's rule is given at its parameters x before its step t, beside what every rule has at hand."""
        powers = {keyword: power(group.hypers[name], t) for name, keyword in group.powers}
        if not group.rule.together:
            return powers
        draw = partial(drawn, batch.seeds[group.rows], batch.step, x)
        return powers | Supply(group.rule.needs).at(batch.of(group.rows), x, partial(self.altered, group.rows), draw)

    def altered(self, rows: slice, x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The gradients (runs, P) at x of some rows of the stack, as their rules see them."""
        for effect in self.effects:
            gradient = effect(gradient, x, rows)
        return gradient

    def give_up(self, group: Group, step: int, error: Exception) -> None:
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
                "train_loss": mean_of(self.unweighted[since]),
                **({"train_accuracy": mean_of(self.accuracy[since])} if self.task.model.classes else {}),
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
            since_lowest = len(losses) - 1 - lowest(losses)
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


def mean_of(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=0) if len(values) else np.full(values.shape[1], np.nan)
