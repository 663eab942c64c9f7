"""What hyperparameters do: a rule run over a grid of them, reduced on the way. No trajectory is kept."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from core.engine.course import Course, scheduled, starts
from core.engine.recorded import recorded
from core.engine.reduced import Outcome, Paths, Threshold, glimpsed, in_turn, never, shared, untold
from core.rule import Rule
from core.simulate import DRIVER, prepared
from core.surface import ANGLE, Family, Surface
from core.trajectory import Trajectory

RUNS = 8192
"""Runs that go side by side: few enough that they and their state stay in the processor's cache."""

STARTS = ("x", "y")
"""The axes that move the start."""

SINGLE = ("steps", "seed", "age")
"""Settings of the loop that are one number for all runs."""


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

    With more than one of `processes` the work is shared among as many threads where there is machine code for it, else among as
    many processes; the numbers are the same, bit for bit.
    `progress` is told the share done; when `should_stop` says True the sweep so far is returned.

    Raises ValueError, naming parameter, value and what is allowed, for an unknown or bad argument.
    """
    grid = {name: _axis(name, values) for name, values in axes.items()}
    shape, flat = _cells(grid, paired)
    job = partial(_course, rule, objective, start=start, hypers=dict(hypers or {}), settings=settings)
    course = job({name: np.array([values.min(), values.max()]) for name, values in grid.items()})  # bad ones are told now
    chunks = [slice(at, at + RUNS) for at in range(0, math.prod(shape), RUNS)]
    pieces = [{name: values[chunk] for name, values in flat.items()} for chunk in chunks]
    work = partial(shared, processes=processes) if processes > 1 and len(pieces) > 1 else in_turn

    surfaces = _family(objective, flat)
    if within is not None:
        threshold = (surfaces().floor if surfaces else 0.0) + within

    def outcome(level: Threshold, progress: Callable[[float], None], should_stop: Callable[[], bool]) -> Outcome:
        whole = Outcome.unknown(math.prod(shape), course.x0.shape[1])
        levels = [level[chunk] if isinstance(level, np.ndarray) else level for chunk in chunks]
        parts = work(job, pieces, levels, progress=progress, should_stop=should_stop)
        for chunk, part in zip(chunks, parts, strict=False):
            whole.final[chunk], whole.best[chunk], whole.stopped[chunk] = part.final, part.best, part.stopped
            whole.count[chunk], whole.x[chunk] = part.count, part.x
        return whole.shaped(shape)

    found = outcome(threshold, progress or untold, should_stop or never)
    counts = {np.array(threshold).tobytes(): found.count}

    def counted(level: Threshold) -> np.ndarray:
        key = np.array(level).tobytes()
        if key not in counts:
            counts[key] = outcome(level, untold, never).count
        return counts[key]

    return Sweep(grid, course.steps, found.final, found.best, found.stopped, found.x, counted, surfaces)


def _family(objective: Any, flat: Mapping[str, np.ndarray]) -> Callable[[], Family] | None:
    """Makes the surface of every cell, where the objective is one."""
    if not isinstance(objective, Surface):
        return None
    return partial(objective.across, **{name: flat[name] for name in (*objective.hypers, ANGLE.name) if name in flat})


def _cells(grid: Mapping[str, np.ndarray], paired: bool) -> tuple[tuple[int, ...], dict[str, np.ndarray]]:
    """The shape of the results, and for each axis its value in every cell, in a row."""
    shape = tuple(len(values) for values in grid.values())
    if not shape or not math.prod(shape):
        raise ValueError("axes is empty: allowed is one name or more, each with its values")
    if not paired:
        return shape, dict(zip(grid, (a.ravel() for a in np.meshgrid(*grid.values(), indexing="ij")), strict=True))
    if len(set(shape)) > 1:
        raise ValueError(f"axes have {', '.join(map(str, shape))} values: allowed is as many for each, as they are paired")
    return shape[:1], dict(grid)


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


def paths_along(jobs: Sequence[Mapping[str, Any]], rows: Sequence[int]) -> list[Paths]:
    """For each job, the arguments of `along`, those of its rows (steps, upwards) that are wanted."""
    return [glimpsed(_along(**job), np.array(rows)) for job in jobs]


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


def _axis(name: str, values: Any) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"axis {name} = {values!r} is not a list of numbers") from None
    if numbers.ndim != 1:
        raise ValueError(f"axis {name} has shape {numbers.shape}: allowed is (values,)")
    return numbers
