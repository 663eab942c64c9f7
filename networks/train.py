"""Many networks trained side by side: one stack of parameters, one stream of minibatches, a rule for every row or rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from torch import nn

from core.rule import Rule
from core.simulate import DIVERGENCE_BOUND, march
from core.step import step_of
from networks.data import Data
from networks.task import NetworkTask
from optimizers import RULES

RECORDS = 50
"""Evaluations on the validation set over a training, besides the one before it."""


BLOCK = 16_384
"""Parameters that are updated together."""


@dataclass(frozen=True)
class Entrant:
    """Some rows of the stack that one rule trains. Each of `hypers` is a float or (rows, 1)."""

    rule: Rule
    rows: slice
    hypers: Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """What a training leaves behind.

    x0, x         (runs, P) parameters before and after; the rows of x0 are identical
    loss          (steps, runs) minibatch loss before each update; NaN once a run has stopped
    batches       (steps, batch_size) row indices into the training set, the same for every run
    stopped       (runs,) int, the first step after which loss or parameters are beyond all bounds; steps+1 where none
    metrics       {name: (records, runs)} recorded on the way: val_loss, val_accuracy, grad_norm
    metric_steps  (records,) the steps after which they were
    """

    task: NetworkTask
    data: Data = field(repr=False)
    x0: np.ndarray = field(repr=False)
    x: np.ndarray = field(repr=False)
    loss: np.ndarray = field(repr=False)
    batches: np.ndarray = field(repr=False)
    stopped: np.ndarray
    metrics: Mapping[str, np.ndarray] = field(repr=False)
    metric_steps: np.ndarray = field(repr=False)

    @property
    def runs(self) -> int:
        return len(self.x)

    def module(self, run: int, when: Literal["start", "end"] = "end") -> nn.Module:
        """A plain torch.nn.Module with one run's parameters before or after."""
        return self.task.model.module({"start": self.x0, "end": self.x}[when][run])


def train(
    task: NetworkTask,
    *,
    entrants: Sequence[tuple[str, Mapping[str, Any]]],
    steps: int = 200,
    batch_size: int = 64,
    seed: int = 0,
    dtype: Literal["float32", "float64"] = "float32",
    watch: Callable[[Training], None] | None = None,
    progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Training:
    """Train the task once for every entrant: a rule's name with its hyperparameters, each a float or (many,) for many runs.

    All runs begin at the same parameters and see the same minibatches, both from `seed`. A run that diverges is frozen and
    marked in `stopped`; the others are what they would have been without it. `watch` is given the training so far at every
    record; when `should_stop` says True the training so far is returned.

    Raises ValueError, naming parameter, value and what is allowed, for an unknown or bad argument.
    """
    data = task.load(seed)
    x_train, y_train, x_val, y_val = (t.numpy() for t in (data.x_train, data.y_train, data.x_val, data.y_val))
    x_train, x_val = x_train.astype(dtype), x_val.astype(dtype)
    if not 1 <= batch_size <= len(x_train):
        raise ValueError(f"batch_size = {batch_size} is not allowed: it must be from 1 to {len(x_train)}, the training set")
    whole = list(_entered(entrants))
    runs = whole[-1].rows.stop
    groups = [block for entrant in whole for block in _blocks(entrant, task.model.parameters, dtype)]
    batches = batches_of(len(x_train), steps, batch_size, seed)
    x0 = np.repeat(task.model.initial(seed)[None].astype(dtype), runs, axis=0)
    marks = np.unique(np.linspace(0, steps, min(steps, RECORDS) + 1).round().astype(int))
    losses, stopped = np.full((steps, runs), np.nan), np.full(runs, steps + 1)
    records: list[dict[str, np.ndarray]] = []
    x, gradient = x0.copy(), np.zeros_like(x0)
    slots = [[np.full_like(x[group.rows], value) for value in group.rule.slots.values()] for group in groups]
    updates = [step_of(group.rule, frozenset(), {k: v for k, v in group.hypers.items() if k != "lr"}) for group in groups]
    taken = 0

    def record() -> None:
        found = task.model.evaluate(x, x_val, y_val)
        norms = np.sqrt(np.einsum("rp,rp->r", gradient, gradient, dtype=np.float64))
        records.append({**{f"val_{name}": value for name, value in found.items()}, "grad_norm": norms})

    def advance(n: int, _: None) -> None:
        nonlocal gradient, taken
        loss, gradient = task.model.gradient(x, x_train[batches[n]], y_train[batches[n]])
        alive = stopped > steps
        losses[n] = np.where(alive, loss, np.nan)
        for group, held, update in zip(groups, slots, updates, strict=True):
            part = x[group.rows]
            (moved,), (kept,) = update([part], [gradient[group.rows]], [held], group.hypers["lr"], n + 1.0, [])
            going = alive[group.rows]
            part[going] = moved[going] if not going.all() else moved
            held[:] = [np.asarray(slot, dtype=dtype) for slot in kept]
        fine = np.isfinite(loss) & (np.abs(loss) <= DIVERGENCE_BOUND) & np.isfinite(x).all(axis=1)
        stopped[alive & ~fine] = n + 1
        taken = n + 1

    def so_far() -> Training:
        return Training(
            task=task,
            data=data,
            x0=x0,
            x=x.copy(),
            loss=losses[:taken].copy(),
            batches=batches[:taken],
            stopped=np.where(stopped > taken, taken + 1, stopped),
            metrics={name: np.array([record[name] for record in records]) for name in records[0]},
            metric_steps=marks[: len(records)],
        )

    def keep(_: None) -> None:
        if taken in marks:
            record()
            if watch:
                watch(so_far())

    with np.errstate(all="ignore"):
        march(
            None,
            advance,
            keep,
            steps,
            alive=lambda _: bool((stopped > steps).any()),
            progress=progress or (lambda share: None),
            should_stop=should_stop or (lambda: False),
        )
    if progress and taken == steps:
        progress(1.0)
    return so_far()


def _entered(entrants: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[Entrant]:
    """The entrants, checked, each with its rows of the stack."""
    if not entrants:
        raise ValueError("entrants is empty: allowed is one rule or more, each with its hyperparameters")
    at = 0
    for name, hypers in entrants:
        if name not in RULES:
            raise ValueError(f"rule {name!r} is unknown: allowed is one of {', '.join(RULES)}")
        rule = RULES[name]
        numbers = rule.check(hypers)
        lengths = {len(value) for value in numbers.values() if np.ndim(value)}
        if len(lengths) > 1:
            raise ValueError(
                f"{name} has hyperparameters of {sorted(lengths)} values: allowed is one number, or as many for all"
            )
        many = lengths.pop() if lengths else 1
        columns = {key: value[:, None] if np.ndim(value) else value for key, value in numbers.items()}
        yield Entrant(rule, slice(at, at + many), columns)
        at += many


def _blocks(entrant: Entrant, parameters: int, dtype: str) -> Iterator[Entrant]:
    """An entrant's rows in blocks small enough that they and their state stay in the processor's cache."""
    many = max(BLOCK // parameters, 1)
    for at in range(entrant.rows.start, entrant.rows.stop, many):
        rows = slice(at, min(at + many, entrant.rows.stop))
        within = slice(at - entrant.rows.start, rows.stop - entrant.rows.start)
        hypers = {name: value[within] if np.ndim(value) else value for name, value in entrant.hypers.items()}
        if np.ndim(hypers["lr"]):
            hypers["lr"] = hypers["lr"].astype(dtype)  # or all it is multiplied with would be float64
        yield Entrant(entrant.rule, rows, hypers)


def batches_of(rows: int, steps: int, batch_size: int, seed: int) -> np.ndarray:
    """(steps, batch_size) row indices: the rows shuffled anew each epoch, cut into batches, the rest of an epoch left out."""
    rng = np.random.default_rng([seed, 1])
    an_epoch = rows // batch_size
    epochs = [rng.permutation(rows)[: an_epoch * batch_size] for _ in range(-(-steps // an_epoch))]
    return np.concatenate(epochs).reshape(-1, batch_size)[:steps] if steps else np.empty((0, batch_size), dtype=int)
