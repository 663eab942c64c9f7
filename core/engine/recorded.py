"""A course run to its end, everything kept."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import numpy as np

from core.engine.course import Analytic, Course
from core.engine.loop import DIVERGENCE_BOUND, coordinates, flattened, march, on_arrays, within
from core.knowledge import KINDS
from core.trajectory import Objective, Trajectory

_BLOCK = 8192
"""Numbers looked at together after the run: few enough to stay in the processor's cache."""


def recorded(
    course: Course, progress: Callable[[float], None] | None = None, should_stop: Callable[[], bool] | None = None
) -> Trajectory:
    """A course run to its end, or to where `should_stop` says True, everything kept."""
    rule, steps, runs = course.rule, course.steps, len(course.x0)
    loop = partial(march, progress=_onwards(progress or (lambda share: None)), should_stop=should_stop or (lambda: False))

    with np.errstate(all="ignore"):
        record = None  # where floats raise (x/0), arrays hold inf or nan
        with suppress(ArithmeticError):
            record = _path_on_floats(loop, course) if course.alone else None
        spent: Sequence[Counter[str]] = ()
        if record is None:
            record, spent = _path_on_arrays(loop, course)
        rows = record.shape[1]
        value, fine = valued(course.objective, record[0])

    dead = np.flatnonzero(~fine.all(axis=0))
    taken = steps if len(dead) == runs else rows - 1
    if taken >= rows:  # no run was alive any more
        record = np.concatenate([record, np.repeat(record[:, -1:], taken + 1 - rows, axis=1)], axis=1)
        value = np.concatenate([value, np.repeat(value[-1:], taken + 1 - rows, axis=0)])
    stopped = np.full(runs, taken + 1)
    for run in dead:
        stopped[run] = last = fine[:, run].argmin()
        record[:, last:, :, run] = record[:, last, None, :, run]
        value[last:, run] = value[last, run]
    if progress and taken == steps:
        progress(1.0)
    x, *slots = (_read_only(track.swapaxes(1, 2)) for track in record)
    return Trajectory(
        x=x,
        value=_read_only(value),
        stopped=_read_only(stopped),
        state=dict(zip(rule.slots, slots, strict=True)),
        lr=np.broadcast_to(course.rate * course.factors, (steps, runs))[:taken],
        evaluations=_evaluations(np.minimum(stopped, taken), spent),
        objective=course.objective,
    )


def _path_on_floats(loop: Callable[..., None], course: Course) -> np.ndarray | None:
    """One run on plain floats: what is recorded, (1+slots, rows, parameters, 1); None where the rule needs arrays."""
    made = flattened(course, course.x0[0].tolist(), floats=True)
    if made is None:
        return None
    start, advance = made
    parameters, tracks = course.x0.shape[1], 1 + len(course.rule.slots)
    path: list[tuple[float, ...]] = []
    loop(start, advance, path.append, course.steps, alive=lambda state: _within(state[:parameters]))
    every = np.array(path)[:, : tracks * parameters].reshape(len(path), tracks, parameters, 1)
    return np.ascontiguousarray(every.swapaxes(0, 1))


def _evaluations(made: np.ndarray, spent: Sequence[Counter[str]]) -> dict[str, np.ndarray]:
    """{kind: (runs,)} what was asked of the objective in the steps that each run has made, the gradient at x once in each."""
    found = {"grad": made}
    for kind in KINDS:
        every = np.cumsum([0, *(one[kind] for one in spent)])
        if every[-1]:
            found[kind] = found.get(kind, 0) + every[made]
    return {kind: _read_only(count) for kind, count in found.items()}


def _path_on_arrays(loop: Callable[..., None], course: Course) -> tuple[np.ndarray, Sequence[Counter[str]]]:
    """Many runs at a time: what is recorded, (1+slots, rows, parameters, runs), and what was asked beside the gradient."""
    parameters, runs = course.x0.T.shape
    path: list[Sequence[np.ndarray]] = []

    def keep(state: Sequence[np.ndarray], loss: None) -> None:
        path.append(state)  # nobody writes to it, so it is copied when all is done

    supply = on_arrays(partial(loop, alive=lambda state: within(coordinates(state, parameters))), course, keep)
    record = np.empty((len(path[0]), len(path), *path[0][0].shape))
    for track, column in zip(record, zip(*path, strict=True), strict=True):
        np.concatenate(column, out=track.reshape(-1, *track.shape[2:]))
    every = record if record.ndim == 4 else record.reshape(-1, parameters, len(path), runs).swapaxes(1, 2)
    return every, supply.spent


def _within(x: Sequence[float]) -> bool:
    """The same of plain floats, which numpy would be slow with."""
    return any(abs(part) <= DIVERGENCE_BOUND for part in x)


def valued(objective: Objective, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every row of a path (rows, parameters, runs): the value, and whether it and x are within the bound."""
    rows = len(path)
    value = np.empty((rows, path.shape[2]))
    fine = np.empty((rows, path.shape[2]), dtype=bool)
    height = max(1, _BLOCK // path[0].size) if isinstance(objective, Analytic) else 1
    for row in range(0, rows, height):
        block = slice(row, min(row + height, rows))
        value[block] = objective.value(path[block].swapaxes(1, 2))
        fine[block] = (np.abs(path[block]) <= DIVERGENCE_BOUND).all(axis=1) & (np.abs(value[block]) <= DIVERGENCE_BOUND)
    return value, fine


def _onwards(progress: Callable[[float], None]) -> Callable[[float], None]:
    """Progress that never goes back, also when a run is done twice."""
    furthest = -1.0

    def tell(share: float) -> None:
        nonlocal furthest
        if share > furthest:
            furthest = share
            progress(share)

    return tell


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
