"""Courses reduced on the way: of many runs the outcomes are kept, or some rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import cache, partial
from threading import Event
from typing import Any

import numpy as np

from core.engine.course import Analytic, Course
from core.engine.kernel import Leg, has_leg, leg_of
from core.engine.loop import CHECK_EVERY, DIVERGENCE_BOUND, coordinates, march, on_arrays, within
from core.engine.recorded import valued
from core.engine.step import carrying
from core.engine.workers import workers
from core.symbolic.llvm import LANES, state_rows

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
    leg = leg_of(course)
    if leg is None:
        return _by_numpy(course, level, progress, should_stop)
    return _by_legs(leg, course, level, progress, should_stop)


def _by_legs(
    leg: Leg, course: Course, level: Threshold, progress: Callable[[float], None], should_stop: Callable[[], bool]
) -> Outcome | None:
    """The same by machine code, as many steps at a time as `march` makes between two looks."""
    (runs, parameters), names = course.x0.shape, state_rows(leg.record.before)
    wide = -(-runs // LANES) * LANES  # the runs beyond those that are wanted count as stopped
    state, first = np.zeros((len(names), wide)), 1.0 + course.age
    at = {name: row[:runs] for name, row in zip(names, state, strict=True)}
    powers = (np.power(course.numbers[name], first) for name in carrying(course.rule)[1])
    slots = (part * 0.0 + initial for initial in course.slots.values() for part in course.x0.T)
    for name, value in zip(leg.record.before, (*course.x0.T, *slots, *powers), strict=True):
        at[name][:] = value
    at["rate"][:], at["best"][:], at["alive"][:] = course.rate, np.inf, 1.0
    at["stopped"][:], at["level"][:] = course.steps + 1, np.inf if level is None else level
    settled = np.zeros((len(leg.record.settled), wide))
    own = course.x0.T if "x0" in course.rule.needs else ()
    for row, value in zip(settled, (*course.numbers.values(), *course.objective.constants, *own), strict=True):
        row[:runs] = value
    factors = np.pad(course.factors, ((0, 0), (0, wide - runs))) if course.factors.shape[1] > 1 else course.factors
    arrays = state, settled, np.ascontiguousarray(factors), np.ascontiguousarray(course.draws)
    legs, steps = -(-course.steps // CHECK_EVERY), 0

    def advance(n: int, state: None) -> None:
        nonlocal steps
        begin, steps = steps, min((n + 1) * CHECK_EVERY, course.steps)
        leg.code.run(*(array.ctypes.data for array in arrays), wide, begin, steps, first, DIVERGENCE_BOUND)

    march(
        None,
        advance,
        lambda state: None,
        legs,
        alive=lambda state: bool(at["alive"].any()),
        progress=lambda share: progress(share * legs * CHECK_EVERY / course.steps),
        should_stop=should_stop,
        check_every=1,
    )
    if steps < course.steps and at["alive"].any():
        return None
    return _ended(at, parameters, _height(course.objective), course.steps, steps)


def _ended(
    at: Mapping[str, np.ndarray], parameters: int, height: Callable[[Any], np.ndarray], whole: int, steps: int
) -> Outcome:
    """What legs have come to, the place after the last step judged too."""
    x, last = (np.stack([at[f"{kind}_{i}"] for i in range(parameters)]) for kind in ("x", "last_x"))
    with np.errstate(all="ignore"):
        value = height(x)
        fine = (np.abs(x) <= DIVERGENCE_BOUND).all(axis=0) & (np.abs(value) <= DIVERGENCE_BOUND)
    alive, stopped = at["alive"] > 0, at["stopped"].astype(int)
    stopped[alive & ~fine] = steps
    x = np.where(alive, x, last)
    alive &= fine
    best = np.where(alive, np.minimum(at["best"], value), at["best"])
    count = (at["count"] + (best > at["level"])).astype(int)
    count[count == steps + 1] = whole + 1  # a chunk whose runs have all diverged ends early
    return Outcome(np.where(alive, value, np.inf), best, stopped, count, x.T)


def _by_numpy(
    course: Course, level: Threshold, progress: Callable[[float], None], should_stop: Callable[[], bool]
) -> Outcome | None:
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
    """The pieces in order, so many at a time: by threads where machine code lets the others go on, else by processes."""
    cancelled = Event()
    threaded = has_leg(job(pieces[0]))
    pool: Any = _threads(processes) if threaded else workers(processes)
    stop = (cancelled.is_set,) if threaded else ()
    futures = [pool.submit(_alone, job, piece, level, *stop) for piece, level in zip(pieces, levels, strict=True)]
    try:
        for i, future in enumerate(futures):
            while not wait([future], timeout=_PATIENCE).done:
                if should_stop():
                    return
            progress((i + 1) / len(pieces))
            yield future.result()
    finally:
        cancelled.set()
        for future in futures:
            future.cancel()


@cache
def _threads(many: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(many, thread_name_prefix="legs")


def _alone(job: _Job, piece: Mapping[str, np.ndarray], level: Threshold, should_stop: Callable[[], bool] = never) -> Outcome:
    part = reduced(job(piece), level, progress=untold, should_stop=should_stop)
    # A piece that was cancelled is asked for by nobody any more.
    return part or Outcome.unknown(len(next(iter(piece.values()))), 0)


def _height(objective: Any) -> Callable[[Any], np.ndarray]:
    """The value on an array (parameters, runs), or on as many arrays."""
    if isinstance(objective, Analytic):
        return lambda x: np.broadcast_to(objective.height(*x, *objective.constants), x[0].shape)
    return lambda x: objective.value(x.T)
