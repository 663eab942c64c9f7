"""What hyperparameters do: a rule run over a grid of them, reduced on the way. No trajectory is kept."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np

from core.engine.workers import workers
from core.rule import Rule
from core.simulate import (
    DIVERGENCE_BOUND,
    DRIVER,
    Analytic,
    Course,
    coordinates,
    march,
    on_arrays,
    prepared,
    recorded,
    scheduled,
    starts,
    valued,
    within,
)
from core.surface import ANGLE, Family, Surface
from core.trajectory import Trajectory

RUNS = 8192
"""Runs that go side by side: few enough that they and their state stay in the processor's cache."""

STARTS = ("x", "y")
"""The axes that move the start."""

SINGLE = ("steps", "seed", "age")
"""Settings of the loop that are one number for all runs."""

PIECE = 256
"""Steps of runs that are kept in part are looked at together."""

PATIENCE = 0.02
"""Seconds between looks at whether a shared sweep was cancelled."""


Level = float | np.ndarray | None
"""A threshold for all cells, or one for each (cells,); None where no steps are counted."""


@dataclass(frozen=True)
class Sweep:
    """The outcome of a grid of runs; every array has the axes' lengths as its shape (paired axes have one), `x` two more.

    axes     {name: values}, in the order of the grid
    final    value after the last step; inf for a run that diverged
    best     lowest value before the run stopped, the start included
    stopped  int, the first step whose x or value is not finite or beyond the divergence bound; steps+1 where none
    x        (…, parameters), the last position, or that at which the run stopped

    A sweep that was cancelled has NaN in final, best and x, and 0 in stopped, where it did not get to.
    """

    axes: Mapping[str, np.ndarray]
    steps: int
    final: np.ndarray
    best: np.ndarray
    stopped: np.ndarray
    x: np.ndarray = field(repr=False)
    _counted: Callable[[Any], np.ndarray] = field(repr=False)
    _surfaces: Callable[[], Family] | None = field(repr=False)

    @property
    def complete(self) -> bool:
        return bool((self.stopped > 0).all())

    def steps_to(self, threshold: float) -> np.ndarray:
        """The first step at which the value is at most the threshold; steps+1 where it never is.

        Free for the threshold that `sweep` was given; for another one the grid is run again.
        """
        return self._counted(threshold)

    def above(self, losses: np.ndarray) -> np.ndarray:
        """Losses of all cells as heights above the minimum of each one's own surface; see `Family.above`."""
        return self._family.above(losses.ravel()).reshape(losses.shape)

    @property
    def left(self) -> np.ndarray:
        """bool, whether the run has been below what its surface calls the minimum."""
        return self._family.below(self.best.ravel()).reshape(self.best.shape)

    def steps_within(self, height: float) -> np.ndarray:
        """The first step at which the loss is within so much of the minimum of the cell's own surface, or of 0 without one.

        steps+1 where it never is, and for runs that have `left`. Free for the height that `sweep` was given as `within`.
        """
        return np.where(self.left, self.steps + 1, self._counted(self._family.floor + height))

    def reached(self, points: Sequence[Sequence[float]], within: float = math.inf) -> np.ndarray:
        """Which of the points (parameters,) the run ended nearest to; −1 where it diverged or is not `within` that distance."""
        with np.errstate(all="ignore"):
            far = np.sqrt(((self.x[..., None, :] - np.asarray(points, dtype=np.float64)) ** 2).sum(axis=-1))
        near = (self.stopped > self.steps) & (far.min(axis=-1) <= within)
        return np.where(near, far.argmin(axis=-1), -1)

    def ended(self, within: float = math.inf) -> np.ndarray:
        """Which of its surface's `wells` the run ended nearest to; −1 where it diverged or is not `within` that distance."""
        which, far = self._family.nearest(self.x.reshape(-1, 2))
        near = (self.stopped.ravel() > self.steps) & (far <= within)
        return np.where(near, which, -1).reshape(self.stopped.shape)

    @property
    def _family(self) -> Family:
        """The surface of every cell, in the order of the grid; ValueError for an objective that is none."""
        if self._surfaces is None:
            raise ValueError("this sweep has no minima to speak of: its objective is not a surface")
        return self._surfaces()


def sweep(
    rule: Rule,
    objective: Any,
    *,
    axes: Mapping[str, Any],
    start: Any = None,
    hypers: Mapping[str, Any] | None = None,
    threshold: float | None = None,
    within: float | None = None,
    paired: bool = False,
    processes: int = 1,
    progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    **settings: Any,
) -> Sweep:
    """Run a rule at every combination of the axes' values; `paired`, at the first of all axes, the second of all, and so on.

    An axis is a hyperparameter of the rule, a setting of the loop (noise, clip_norm, clip_value, weight_decay, l2), a
    parameter of the surface, "angle" (degrees; the start turns along), or "x" or "y" of the start. `start` is one point;
    `hypers` and the further `settings` are those of `simulate`, one number each. Every cell equals the run that `simulate`
    makes alone. If their steps to a `threshold`, or to a height `within` which they are of their own surface's minimum, will be
    asked for, these are counted on the way.

    With more than one of `processes` the work is shared among as many workers; the numbers are the same, bit for bit.
    `progress` is told the share done; when `should_stop` says True the sweep so far is returned.

    Raises ValueError, naming parameter, value and what is allowed, for an unknown or bad argument.
    """
    grid = {name: _axis(name, values) for name, values in axes.items()}
    if not grid or not all(len(values) for values in grid.values()):
        raise ValueError("axes is empty: allowed is one name or more, each with its values")
    shape = tuple(len(values) for values in grid.values())
    if paired and len(set(shape)) > 1:
        raise ValueError(f"axes have {', '.join(map(str, shape))} values: allowed is as many for each, as they are paired")
    job = partial(_course, rule, objective, start=start, hypers=dict(hypers or {}), settings=settings)
    course = job({name: np.array([values.min(), values.max()]) for name, values in grid.items()})  # bad ones are told now
    flat = grid
    if paired:
        shape = shape[:1]
    else:
        flat = dict(zip(grid, (a.ravel() for a in np.meshgrid(*grid.values(), indexing="ij")), strict=True))
    chunks = [slice(at, at + RUNS) for at in range(0, math.prod(shape), RUNS)]
    pieces = [{name: values[chunk] for name, values in flat.items()} for chunk in chunks]
    work = partial(_shared, processes=processes) if processes > 1 and len(pieces) > 1 else _in_turn

    surfaces: Callable[[], Family] | None = None
    if isinstance(objective, Surface):
        surfaces = partial(objective.across, **{name: flat[name] for name in (*objective.hypers, ANGLE.name) if name in flat})
    if within is not None:
        threshold = (surfaces().floor if surfaces else 0.0) + within

    def outcome(level: Level, progress: Callable[[float], None], should_stop: Callable[[], bool]) -> Outcome:
        whole = Outcome.unknown(math.prod(shape), course.x0.shape[1])
        levels = [level[chunk] if isinstance(level, np.ndarray) else level for chunk in chunks]
        parts = work(job, pieces, levels, progress=progress, should_stop=should_stop)
        for chunk, part in zip(chunks, parts, strict=False):
            whole.final[chunk], whole.best[chunk], whole.stopped[chunk] = part.final, part.best, part.stopped
            whole.count[chunk], whole.x[chunk] = part.count, part.x
        return whole.shaped(shape)

    found = outcome(threshold, progress or _untold, should_stop or _never)
    counts = {np.array(threshold).tobytes(): found.count}

    def counted(level: Level) -> np.ndarray:
        key = np.array(level).tobytes()
        if key not in counts:
            counts[key] = outcome(level, _untold, _never).count
        return counts[key]

    return Sweep(grid, course.steps, found.final, found.best, found.stopped, found.x, counted, surfaces)


def along(
    rule: Rule,
    objective: Any,
    *,
    axis: str,
    values: Any,
    start: Any = None,
    hypers: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Trajectory:
    """A run for each of the `values` (runs,) of one axis of `sweep`, side by side and kept whole.

    Each equals the run that `simulate` makes alone. Raises ValueError as `sweep` does.
    """
    return recorded(_along(rule, objective, axis, values, start=start, hypers=hypers, **settings))


def _along(
    rule: Rule, objective: Any, axis: str, values: Any, start: Any = None, hypers: Any = None, **settings: Any
) -> Course:
    grid = {axis: _axis(axis, values)}
    return _course(rule, objective, grid, start=start, hypers=dict(hypers or {}), settings=settings)


@dataclass(frozen=True)
class Paths:
    """Some of the rows of runs side by side: as in a trajectory, x (rows, runs, parameters), value (rows, runs), stopped."""

    x: np.ndarray
    value: np.ndarray
    stopped: np.ndarray


def paths_along(jobs: Sequence[Mapping[str, Any]], rows: Sequence[int]) -> list[Paths]:
    """For each job, the arguments of `along`, those of its rows (steps, upwards) that are wanted."""
    return [glimpsed(_along(**job), np.array(rows)) for job in jobs]


def glimpsed(course: Course, rows: np.ndarray) -> Paths:
    """What `recorded` has in some rows (steps, upwards). Of the rest no more than a piece is ever held."""
    parameters, runs = course.x0.T.shape
    x, value = np.empty((len(rows), parameters, runs)), np.empty((len(rows), runs))
    stopped, done = np.full(runs, course.steps + 1), 0
    path: list[Any] = []
    last_x, last_value = np.empty((parameters, runs)), np.empty(runs)

    def keep(state: Sequence[np.ndarray], loss: None) -> None:
        path.append(coordinates(state, parameters))
        if len(path) == PIECE:
            judge()

    def judge() -> None:
        """Look at a piece; a run that dies in it rests from there on."""
        nonlocal done
        piece = np.array(path)
        losses, fine = valued(course.objective, piece)
        for run in np.flatnonzero((stopped > course.steps) & ~fine.all(axis=0)):
            dead = fine[:, run].argmin()
            stopped[run], last_x[:, run], last_value[run] = done + dead, piece[dead, :, run], losses[dead, run]
        resting = np.arange(done, done + len(piece))[:, None] >= stopped
        here = slice(*np.searchsorted(rows, (done, done + len(piece))))
        wanted = rows[here] - done
        x[here] = np.where(resting[wanted, None], last_x, piece[wanted])
        value[here] = np.where(resting[wanted], last_value, losses[wanted])
        done += len(piece)
        path.clear()

    with np.errstate(all="ignore"):
        loop = partial(march, progress=_untold, should_stop=_never)
        on_arrays(partial(loop, alive=lambda state: within(coordinates(state, parameters))), course, keep)
        if path:
            judge()
    left = np.searchsorted(rows, done)  # no run was alive any more
    x[left:], value[left:] = last_x, last_value
    return Paths(x.swapaxes(1, 2), value, stopped)


@dataclass(frozen=True)
class Outcome:
    """What is kept of some runs: arrays (runs,), and the last position (runs, parameters). `count`: steps to the threshold."""

    final: np.ndarray
    best: np.ndarray
    stopped: np.ndarray
    count: np.ndarray
    x: np.ndarray

    @staticmethod
    def unknown(runs: int, parameters: int) -> "Outcome":
        nothing = np.zeros(runs, dtype=int)
        return Outcome(
            np.full(runs, np.nan), np.full(runs, np.nan), nothing, nothing.copy(), np.full((runs, parameters), np.nan)
        )

    def shaped(self, shape: tuple[int, ...]) -> "Outcome":
        """The same as arrays of the grid's shape, read-only."""
        arrays = [a.reshape(*shape, *a.shape[1:]) for a in (self.final, self.best, self.stopped, self.count, self.x)]
        for array in arrays:
            array.setflags(write=False)
        return Outcome(*arrays)


def reduced(
    course: Course, level: Level, *, progress: Callable[[float], None], should_stop: Callable[[], bool]
) -> Outcome | None:
    """A course run to its end; None when it was cancelled."""
    _keep_memory()
    height, runs, rows = _height(course.objective), len(course.x0), 0
    rates = np.broadcast_to(course.rate, runs)
    course = replace(course, rate=rates.copy())
    begin: list[np.ndarray] = []
    alive, stopped = np.ones(runs, dtype=bool), np.full(runs, course.steps + 1)
    value, best = np.empty(runs), np.full(runs, np.inf)
    x: Any = course.x0.T
    last = course.x0.T.copy()
    count = np.zeros(runs, dtype=int)

    def keep(state: Sequence[np.ndarray], loss: np.ndarray | None) -> None:
        nonlocal begin, x
        if begin:
            judge(height(x) if loss is None else loss, state)
        else:
            begin = [part.copy() for part in state]
        x = coordinates(state, course.x0.shape[1])

    def judge(loss: np.ndarray, after: Sequence[np.ndarray]) -> None:
        """Look at x and its loss; runs that are beyond the bound end here, whatever the state after."""
        nonlocal rows, value
        value = loss
        if not all(_surely_within(part) for part in (*x, value)):
            fine = (np.abs(x) <= DIVERGENCE_BOUND).all(axis=0) & (np.abs(value) <= DIVERGENCE_BOUND)
            dying = np.flatnonzero(alive & ~fine)
            stopped[dying], last[:, dying], alive[dying] = rows, np.stack(x)[:, dying], False
            value = np.where(fine, value, np.inf)
            # A dead run rests at its start, where its numbers are tame; its best is already at most the loss there.
            course.rate[dying] = 0.0
            for part, first in zip(after, begin, strict=False):  # after the last step there is none
                part[..., dying] = first[..., dying]
        np.minimum(best, value, out=best)
        if level is not None:
            np.add(count, best > level, out=count)
        rows += 1

    with np.errstate(all="ignore"):
        loop = partial(march, alive=lambda state: bool(alive.any()), progress=progress, should_stop=should_stop)
        on_arrays(loop, course, keep, losses=True)
        judge(height(x), [])
    if rows <= course.steps and alive.any():
        return None
    count[count == rows] = course.steps + 1  # a chunk whose runs have all diverged ends early
    return Outcome(np.where(alive, value, np.inf), best, stopped, count, np.where(alive, np.stack(x), last).T)


@cache
def _keep_memory() -> None:
    """Freeing one large block tells glibc's allocator to keep smaller ones, rather than return and fault them in again.

    Without it the first sweep of a process takes twice as long. It sets nothing that a large program would not set by itself.
    """
    np.empty(30_000_000, dtype=np.uint8)


def _surely_within(numbers: np.ndarray) -> bool:
    """No number can be beyond the bound, not finite either, if the sum of their squares is not beyond its square."""
    return bool(np.dot(numbers, numbers) <= DIVERGENCE_BOUND**2)


def _untold(share: float) -> None:
    """Progress that nobody asked for."""


def _never() -> bool:
    return False


Job = Callable[[Mapping[str, np.ndarray]], Course]
Pieces = Sequence[Mapping[str, np.ndarray]]


def _in_turn(
    job: Job, pieces: Pieces, levels: Sequence[Level], *, progress: Callable[[float], None], should_stop: Callable[[], bool]
) -> Iterator[Outcome]:
    for i, (piece, level) in enumerate(zip(pieces, levels, strict=True)):

        def tell(share: float, done: int = i) -> None:
            progress((done + share) / len(pieces))

        part = reduced(job(piece), level, progress=tell, should_stop=should_stop)
        if part is None:
            return
        progress((i + 1) / len(pieces))
        yield part


def _shared(
    job: Job,
    pieces: Pieces,
    levels: Sequence[Level],
    *,
    progress: Callable[[float], None],
    should_stop: Callable[[], bool],
    processes: int,
) -> Iterator[Outcome]:
    """The pieces in order, each worked on by one of the workers."""
    futures = [workers(processes).submit(_alone, job, piece, level) for piece, level in zip(pieces, levels, strict=True)]
    try:
        for i, future in enumerate(futures):
            while not wait([future], timeout=PATIENCE).done:
                if should_stop():
                    return
            progress((i + 1) / len(pieces))
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _alone(job: Job, piece: Mapping[str, np.ndarray], level: Level) -> Outcome:
    part = reduced(job(piece), level, progress=_untold, should_stop=_never)
    assert part is not None  # nobody cancels it
    return part


def _course(
    rule: Rule,
    objective: Any,
    values: Mapping[str, np.ndarray],
    *,
    start: Any,
    hypers: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Course:
    """The runs at these values, each of them (runs,)."""
    left = dict(values)

    def take(names: Iterable[str]) -> dict[str, np.ndarray]:
        return {name: left.pop(name) for name in names if name in left}

    surface = objective if isinstance(objective, Surface) else None
    schedule = scheduled(settings.get("schedule"))
    own, loop = take(rule.hypers), take(name for name in DRIVER if name not in SINGLE)
    shape, decline = take([*surface.hypers, ANGLE.name] if surface else ()), take(schedule.hypers)
    runs = max((len(numbers) for numbers in values.values()), default=1)
    begins = np.repeat(starts(objective, start, {}), runs, axis=0)
    for name, numbers in take(STARTS[: begins.shape[1]]).items():
        begins[:, STARTS.index(name)] = numbers
    if left:
        known = [*rule.hypers, *(n for n in DRIVER if n not in SINGLE), *schedule.hypers, *STARTS]
        known += [*surface.hypers, ANGLE.name] if surface else []
        raise ValueError(f"axis {next(iter(left))!r} is unknown: allowed is one of {', '.join(known)}")
    if surface and shape:
        objective = surface.across(start=begins, **shape)
        begins = objective.start
    settings = {**settings, **loop, "schedule": schedule.with_(**decline)}
    return prepared(rule, objective, start=begins, hypers={**hypers, **own}, **settings)


def _height(objective: Any) -> Callable[[Any], np.ndarray]:
    """The value on an array (parameters, runs), or on as many arrays."""
    if isinstance(objective, Analytic):
        return lambda x: np.broadcast_to(objective.height(*x, *objective.constants), x[0].shape)
    return lambda x: objective.value(x.T)


def _axis(name: str, values: Any) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"axis {name} = {values!r} is not a list of numbers") from None
    if numbers.ndim != 1:
        raise ValueError(f"axis {name} has shape {numbers.shape}: allowed is (values,)")
    return numbers
