"""Courses reduced on the way: of many runs the outcomes are kept, or some rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from core.engine.course import Analytic, Course
from core.engine.loop import DIVERGENCE_BOUND, coordinates, march, on_arrays, within
from core.engine.recorded import valued
from core.engine.workers import workers

_PIECE = 256
"""Steps of runs that are kept in part are looked at together."""

_PATIENCE = 0.02
"""Seconds between looks at whether a shared sweep was cancelled."""

Threshold = float | np.ndarray | None
"""A threshold for all cells, or one for each (cells,); None where no steps are counted."""

_Job = Callable[[Mapping[str, np.ndarray]], Course]
Pieces = Sequence[Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Paths:
    """Some of the rows of runs side by side: as in a trajectory, x (rows, runs, parameters), value (rows, runs), stopped."""

    x: np.ndarray
    value: np.ndarray
    stopped: np.ndarray


def glimpsed(course: Course, rows: np.ndarray) -> Paths:
    """What `recorded` has in some rows (steps, upwards). Of the rest no more than a piece is ever held."""
    parameters, runs = course.x0.T.shape
    x, value = np.empty((len(rows), parameters, runs)), np.empty((len(rows), runs))
    stopped, done = np.full(runs, course.steps + 1), 0
    path: list[Any] = []
    last_x, last_value = np.empty((parameters, runs)), np.empty(runs)

    def keep(state: Sequence[np.ndarray], loss: None) -> None:
        path.append(coordinates(state, parameters))
        if len(path) == _PIECE:
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
        loop = partial(march, progress=untold, should_stop=never)
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
    course: Course, level: Threshold, *, progress: Callable[[float], None], should_stop: Callable[[], bool]
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


def untold(share: float) -> None:
    """Progress that nobody asked for."""


def never() -> bool:
    return False


def in_turn(
    job: _Job,
    pieces: Pieces,
    levels: Sequence[Threshold],
    *,
    progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> Iterator[Outcome]:
    for i, (piece, level) in enumerate(zip(pieces, levels, strict=True)):

        def tell(share: float, done: int = i) -> None:
            progress((done + share) / len(pieces))

        part = reduced(job(piece), level, progress=tell, should_stop=should_stop)
        if part is None:
            return
        progress((i + 1) / len(pieces))
        yield part


def shared(
    job: _Job,
    pieces: Pieces,
    levels: Sequence[Threshold],
    *,
    progress: Callable[[float], None],
    should_stop: Callable[[], bool],
    processes: int,
) -> Iterator[Outcome]:
    """The pieces in order, each worked on by one of the workers."""
    futures = [workers(processes).submit(_alone, job, piece, level) for piece, level in zip(pieces, levels, strict=True)]
    try:
        for i, future in enumerate(futures):
            while not wait([future], timeout=_PATIENCE).done:
                if should_stop():
                    return
            progress((i + 1) / len(pieces))
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _alone(job: _Job, piece: Mapping[str, np.ndarray], level: Threshold) -> Outcome:
    part = reduced(job(piece), level, progress=untold, should_stop=never)
    assert part is not None  # nobody cancels it
    return part


def _height(objective: Any) -> Callable[[Any], np.ndarray]:
    """The value on an array (parameters, runs), or on as many arrays."""
    if isinstance(objective, Analytic):
        return lambda x: np.broadcast_to(objective.height(*x, *objective.constants), x[0].shape)
    return lambda x: objective.value(x.T)
