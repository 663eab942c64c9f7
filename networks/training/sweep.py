"""What hyperparameters do to a network: trained at every combination of them, coarse first, in stacks."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import groupby
from types import MappingProxyType
from typing import Any

import numpy as np

from core import Hyper
from networks.tasks import NetworkTask
from networks.training.cost import ROOM, cost_of
from networks.training.regime import PER_RUN, REGIME
from networks.training.train import train
from networks.training.trainer import Progress, ShouldStop
from networks.training.training import Training
from optimizers import ENTRANTS

STRIDES = (16, 8, 4, 2, 1)
"""Every sixteenth value of each axis is trained first, then every eighth, and so on, so that each picture spans the range."""

PACE = 0.005
"""Seconds that a step of a stack should take: with fewer runs most of it is overhead, with more the picture waits longer."""

GROWTH = 4
"""A stack is at most so many times as large as the one before it, whose time says how large it may be."""

Cell = tuple[int, ...]
"""An entrant, and the place of a value on each axis."""


@dataclass(frozen=True)
class Measure:
    """One number that tells how a run went: `of` a training gives it (runs,), `before` what it was before the first step.

    One that `rises` is better when larger. `classified`: there is none for a regression.
    """

    key: str
    title: str
    of: Callable[[Training], np.ndarray]
    before: Callable[[Training], np.ndarray]
    rises: bool = False
    classified: bool = False

    @property
    def worst(self) -> float:
        """What a run that diverged counts as."""
        return -np.inf if self.rises else np.inf


def _final(name: str) -> Callable[[Training], np.ndarray]:
    """A metric of the parameters that a run has in the end."""
    return lambda training: training.final(name)


def _last(name: str) -> Callable[[Training], np.ndarray]:
    """The last record of a metric; one that ended early has none after its end."""

    def of(training: Training) -> np.ndarray:
        values = training.metrics[name]
        last = len(values) - 1 - np.isfinite(values)[::-1].argmax(axis=0)
        return values[last, np.arange(values.shape[1])]

    return of


def _first(name: str) -> Callable[[Training], np.ndarray]:
    return lambda training: training.metrics[name][0]


_EVERY = (
    Measure("final", "Final validation loss", _final("val_loss"), _first("val_loss")),
    Measure("best", "Lowest validation loss", lambda t: np.fmin.reduce(t.metrics["val_loss"], axis=0), _first("val_loss")),
    Measure("accuracy", "Validation accuracy", _final("val_accuracy"), _first("val_accuracy"), rises=True, classified=True),
    Measure("minibatch", "Final minibatch loss", _last("train_loss"), lambda t: t.unweighted[0]),
)
MEASURES: Mapping[str, Measure] = MappingProxyType({measure.key: measure for measure in _EVERY})


def measures_of(task: NetworkTask) -> dict[str, Measure]:
    """Those that there are for a task."""
    return {key: measure for key, measure in MEASURES.items() if task.model.classes or not measure.classified}


def hypers_of(entrant: str) -> dict[str, Hyper]:
    """Every number of an entrant that can be an axis: its rule's, and the settings that a run may have of its own."""
    if entrant not in ENTRANTS:
        raise ValueError(f"rule {entrant!r} is unknown: allowed is one of {', '.join(ENTRANTS)}")
    return {**ENTRANTS[entrant].rule.hypers, **{name: REGIME[name] for name in PER_RUN}}


@dataclass(frozen=True, eq=False)
class TrainedGrid:
    """The outcome of a grid of trainings, as far as it has come; arrays are (entrants, *axes, seeds).

    axes      {name: values}, in the order of the grid
    stopped   int, the first step after which a run is beyond all bounds, steps+1 where there is none; 0 if not yet trained
    outcomes  {measure: float}, NaN for a run that diverged or is not yet trained
    before    {measure: (seeds,)}, what it was before the first step; empty until the first stack is trained
    """

    axes: Mapping[str, np.ndarray]
    steps: int
    stopped: np.ndarray
    outcomes: Mapping[str, np.ndarray]
    before: Mapping[str, np.ndarray]

    @cached_property
    def done(self) -> np.ndarray:
        """(entrants, *axes) bool: trained with every seed."""
        return np.asarray((self.stopped > 0).all(axis=-1))

    @property
    def complete(self) -> bool:
        return bool(self.done.all())

    @property
    def diverged(self) -> np.ndarray:
        """(entrants, *axes, seeds) bool."""
        return (self.stopped > 0) & (self.stopped <= self.steps)

    def standing_for(self, cell: Cell) -> Cell | None:
        """The trained cell that is nearest below one that may not be trained yet, on the coarser grids that went first."""
        entrant, *places = cell
        below = ((entrant, *(place - place % stride for place in places)) for stride in reversed(STRIDES))
        return next((one for one in below if self.done[one]), None)


def train_grid(
    task: NetworkTask,
    *,
    entrants: Sequence[tuple[str, Mapping[str, float]]],
    axes: Mapping[str, Any],
    steps: int = 200,
    seed: int | Sequence[int] = 0,
    after: TrainedGrid | None = None,
    watch: Callable[[TrainedGrid], None] | None = None,
    progress: Progress = None,
    should_stop: ShouldStop = None,
    **regime: Any,
) -> TrainedGrid:
    """Train every entrant, a rule's name with its numbers, at every combination of the axes' values, once with each seed.

    An axis is lr, another hyperparameter of all the rules, or a setting that a run may have of its own (PER_RUN); further
    arguments are those of `train`, and each run is the one that `train` makes of its values alone, bit for bit. `after` is
    an equal sweep that was stopped, to go on from. `watch` is given the sweep so far after every stack, of which the first
    has a cell of every entrant where there is room, `progress` the share of all runs; when `should_stop` says True the sweep
    so far is returned.

    Raises ValueError, naming parameter, value and what is allowed, for an unknown or bad argument.
    """
    grid = {name: np.atleast_1d(np.asarray(values, dtype=np.float64)) for name, values in axes.items()}
    _checked(entrants, grid)
    seeds = [seed] if isinstance(seed, int) else list(seed)
    so_far = after or _empty([len(entrants), *map(len, grid.values()), len(seeds)], grid, task, steps)
    left = [cell for cell in _coarse_first(so_far.done.shape) if not so_far.done[cell]]
    most = min(_room(task, one, steps, seeds, regime) for one in entrants) if left else 1
    many, whole = min(len(entrants), most), so_far.done.size
    while left:
        some = sorted(left[:many], key=_alike)
        told = partial(_told, progress, (whole - len(left)) / whole, len(some) / whole) if progress else None
        began, stack = time.perf_counter(), list(_entered(entrants, grid, some))
        trained = train(task, entrants=stack, steps=steps, seed=seeds, progress=told, should_stop=should_stop, **regime)
        if trained.steps < steps and should_stop and should_stop():
            return so_far
        left, so_far = left[many:], _joined(so_far, some, trained)
        if watch:
            watch(so_far)
        a_step = (time.perf_counter() - began) / max(trained.steps, 1)
        many = min(max(1, round(len(some) * min(PACE / a_step, GROWTH))), most)
    return so_far


def _room(
    task: NetworkTask, entrant: tuple[str, Mapping[str, float]], steps: int, seeds: Sequence[int], regime: Mapping[str, Any]
) -> int:
    """How many cells of an entrant go into a stack."""
    batch = {"batch_size": 64, **regime}
    one, two = (cost_of(task, [entrant] * many, steps=steps, seed=seeds, **batch).bytes for many in (1, 2))
    return max(1, 1 + int((ROOM - one) / (two - one)))


def _told(progress: Callable[[float], None], before: float, part: float, share: float) -> None:
    progress(before + part * share)


def _checked(entrants: Sequence[tuple[str, Mapping[str, float]]], grid: Mapping[str, np.ndarray]) -> None:
    """Bad axes are told before anything is trained; `train` sees to the rest."""
    if not entrants:
        raise ValueError("entrants is empty: allowed is one rule or more, each with its numbers")
    if not grid or not all(map(len, grid.values())):
        raise ValueError("axes is empty: allowed is one name or more, each with its values")
    for key, _ in entrants:
        numbers = hypers_of(key)
        for name, values in grid.items():
            if name not in numbers:
                raise ValueError(f"{key} has no number {name!r}: it has {', '.join(numbers)}")
            numbers[name].check(values)


def _empty(shape: Sequence[int], grid: Mapping[str, np.ndarray], task: NetworkTask, steps: int) -> TrainedGrid:
    return TrainedGrid(grid, steps, np.zeros(shape, dtype=int), {key: np.full(shape, np.nan) for key in measures_of(task)}, {})


def _coarse_first(shape: Sequence[int]) -> Iterator[Cell]:
    """All cells: those on the coarsest grid, then those of each finer one; all entrants at a value before the next."""

    def level(places: Cell) -> int:
        return next(i for i, stride in enumerate(STRIDES) if not any(place % stride for place in places))

    for places in sorted(np.ndindex(*shape[1:]), key=lambda places: (level(places), places)):
        yield from ((entrant, *places) for entrant in range(shape[0]))


def _alike(cell: Cell) -> tuple[int, Cell, int]:
    """An order in which cells that differ in the first axis alone stand together."""
    return cell[0], cell[2:], cell[1]


def _entered(
    entrants: Sequence[tuple[str, Mapping[str, float]]], grid: Mapping[str, np.ndarray], cells: Sequence[Cell]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The cells as `train` takes them.

    Learning rates go together as an array; other numbers do not, for 1 − β rounds otherwise where β is an array in float32.
    """
    together = next(iter(grid)) == "lr"
    for _, group in groupby(cells, key=lambda cell: _alike(cell)[:2] if together else cell):
        of_group = list(group)
        key, numbers = entrants[of_group[0][0]]
        own: dict[str, Any] = {
            name: float(values[place]) for (name, values), place in zip(grid.items(), of_group[0][1:], strict=True)
        }
        if together:
            own["lr"] = grid["lr"][[cell[1] for cell in of_group]]
        yield key, {**numbers, **own}


def _joined(so_far: TrainedGrid, cells: Sequence[Cell], trained: Training) -> TrainedGrid:
    """The sweep with what a stack of its cells came to."""
    places, seeds = tuple(np.array(cells).T), so_far.stopped.shape[-1]
    stopped = so_far.stopped.copy()
    stopped[places] = np.where(trained.diverged, trained.stopped, so_far.steps + 1).reshape(-1, seeds)
    outcomes, before = {}, {}
    for key, values in so_far.outcomes.items():
        of_all = MEASURES[key].of(trained)
        outcomes[key] = values.copy()
        outcomes[key][places] = np.where(trained.diverged | ~np.isfinite(of_all), np.nan, of_all).reshape(-1, seeds)
        before[key] = MEASURES[key].before(trained)[:seeds]
    return replace(so_far, stopped=stopped, outcomes=outcomes, before=before)
