"""The only loop in the project: every trajectory comes from `simulate`."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np

from core.hyper import Hyper, declared
from core.rule import Rule
from core.schedule import SCHEDULES, Schedule
from core.step import Step, identity, on_floats, step_of
from core.trajectory import Objective, Trajectory

DIVERGENCE_BOUND = 1e30
"""A run whose position or loss exceeds this in magnitude has diverged."""

CHECK_EVERY = 32
"""Steps between looks at progress, cancellation and whether any run is still alive."""

BLOCK = 8192
"""Numbers looked at together after the run: few enough to stay in the processor's cache."""


@runtime_checkable
class Analytic(Protocol):
    """An objective that gives value and partial derivatives coordinate by coordinate, on floats as well as on arrays.

    Both take the coordinates, then the `constants`, and are the same functions whatever the constants are.
    """

    @property
    def height(self) -> Callable[..., Any]: ...

    @property
    def partials(self) -> Callable[..., Sequence[Any]]: ...

    @property
    def constants(self) -> tuple[Any, ...]: ...


@dataclass(frozen=True)
class Course:
    """What is to be run, checked: so many runs of one rule on one objective.

    x0       (runs, parameters), where they start
    rate     lr: a float or (runs,)
    factors  (steps, 1) or (steps, runs), the schedule
    numbers  the rule's hyperparameters but lr, and those settings of the loop that are in `effects`, the ones that are on
    draws    (steps, parameters) standard normals, the noise; no rows where there is none
    """

    rule: Rule
    objective: Any
    x0: np.ndarray
    rate: Any
    factors: np.ndarray
    numbers: Mapping[str, Any]
    effects: frozenset[str]
    draws: np.ndarray

    @property
    def steps(self) -> int:
        return len(self.factors)

    @property
    def alone(self) -> bool:
        """One run, with floats for all its numbers."""
        numbers = (self.rate, *self.numbers.values())
        return len(self.x0) == 1 and self.factors.shape[1] == 1 and all(isinstance(number, float) for number in numbers)


Setting = float | Sequence[float] | np.ndarray | None
"""One number for all runs, or one for each; None is off."""

Steps = Annotated[int, Hyper(1, 5000, "log", whole=True, help="How many updates every rule makes.")]
WeightDecay = Annotated[
    Setting, Hyper(1e-6, 10.0, "log", off=0.0, help="Decoupled decay λ: x shrinks by lr·λ·x each step (AdamW).")
]
L2 = Annotated[Setting, Hyper(1e-6, 10.0, "log", off=0.0, help="Coupled decay: λ·x is added to the gradient.")]
ClipNorm = Annotated[
    Setting, Hyper(1e-3, 1e3, "log", off=math.inf, help="A gradient longer than this is shortened to it, direction kept.")
]
ClipValue = Annotated[Setting, Hyper(1e-3, 1e3, "log", off=math.inf, help="Each gradient component is held within ± this.")]
Noise = Annotated[
    Setting,
    Hyper(
        1e-4, 100.0, "log", off=0.0, help="Standard deviation of the noise on each gradient component, the same for every rule."
    ),
]
Seed = Annotated[int, Hyper(0, 9999, whole=True, help="Which noise: the same seed gives the same numbers.")]


def simulate(
    rule: Rule,
    objective: Objective,
    *,
    start: Any = None,
    hypers: Mapping[str, Any] | None = None,
    steps: Steps = 500,
    schedule: Schedule | str | None = None,
    noise: Noise = 0.0,
    seed: Seed = 0,
    clip_norm: ClipNorm = math.inf,
    clip_value: ClipValue = math.inf,
    weight_decay: WeightDecay = 0.0,
    l2: L2 = 0.0,
    progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Trajectory:
    """Run a rule on an objective, one run or many at once.

    start: (parameters,) or (runs, parameters), by default the objective's own. Each hyperparameter, and each of noise,
    clip_norm, clip_value, weight_decay and l2: a float or (runs,). The gradient is what the objective gives, plus l2·x,
    plus noise, then clipped by value, then by norm; the rule turns it into a direction; then
    x ← x − lr·factor(t)·(direction + weight_decay·x).
    A schedule is one of SCHEDULES or its name. Noise is one stream of standard normals (steps, parameters) from `seed`,
    shared by all runs and all rules.

    `progress` is told the share done; when `should_stop` says True the trajectory so far is returned. A run whose position
    or loss is not finite or exceeds DIVERGENCE_BOUND is frozen at that step and marked in `stopped`; it is not an error.

    Raises ValueError, naming parameter, value and what is allowed, for an unknown or bad argument.
    """
    settings = {"noise": noise, "clip_norm": clip_norm, "clip_value": clip_value, "weight_decay": weight_decay, "l2": l2}
    course = prepared(rule, objective, start=start, hypers=hypers, steps=steps, schedule=schedule, seed=seed, **settings)
    steps, runs = course.steps, len(course.x0)
    loop = partial(march, progress=_onwards(progress or (lambda share: None)), should_stop=should_stop or (lambda: False))

    with np.errstate(all="ignore"):
        record = None  # where floats raise (x/0), arrays hold inf or nan
        with suppress(ArithmeticError):
            record = _recorded_on_floats(loop, course) if course.alone and isinstance(objective, Analytic) else None
        if record is None:
            record = _recorded(loop, course)
        rows = record.shape[1]
        value, fine = _valued(objective, record[0])

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
        evaluations=_read_only(np.minimum(stopped, taken)),
        objective=objective,
    )


DRIVER: Mapping[str, Hyper] = declared(simulate)
"""The hyperparameters of the loop itself, told once in `simulate`'s signature."""


def march(
    state: Any,
    advance: Callable[[int, Any], Any],
    keep: Callable[[Any], None],
    steps: int,
    *,
    alive: Callable[[Any], bool],
    progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> None:
    """The loop. `keep` is given the start and every state after it, fewer than steps+1 when cancelled or none is alive."""
    keep(state)
    for step in range(steps):
        if step % CHECK_EVERY == 0:
            progress(step / steps)
            if should_stop() or not alive(state):
                return
        state = advance(step, state)
        keep(state)


def _recorded_on_floats(loop: Callable[..., None], course: Course) -> np.ndarray | None:
    """One run on plain floats: what is recorded, (1+slots, rows, parameters, 1); None where the rule needs arrays."""
    rule, objective, x0 = course.rule, course.objective, course.x0[0].tolist()
    recorded = on_floats(rule, course.effects, len(x0), objective.partials, len(objective.constants))
    if recorded is None:
        return None
    step, powers = recorded
    parameters, constants = len(x0), (*course.numbers.values(), *objective.constants)
    lrs, draws = (course.rate * course.factors[:, 0]).tolist(), course.draws.tolist()

    def quiet(n: int, state: tuple[float, ...]) -> tuple[float, ...]:
        return step(*state, lrs[n], n + 1.0, *constants)

    def noisy(n: int, state: tuple[float, ...]) -> tuple[float, ...]:
        return step(*state, lrs[n], n + 1.0, *draws[n], *constants)

    path: list[tuple[float, ...]] = []
    start = (*x0, *(initial for initial in rule.slots.values() for _ in x0), *(course.numbers[name] for name in powers))
    loop(start, noisy if draws else quiet, path.append, course.steps, alive=lambda state: _within(state[:parameters]))
    tracks = 1 + len(rule.slots)
    flat = np.array(path)[:, : tracks * parameters].reshape(len(path), tracks, parameters, 1)
    return np.ascontiguousarray(flat.swapaxes(0, 1))


def _recorded(loop: Callable[..., None], course: Course) -> np.ndarray:
    """Many runs at a time: what is recorded, (1+slots, rows, parameters, runs)."""
    record = np.empty((1 + len(course.rule.slots), course.steps + 1, *course.x0.T.shape))
    rows = 0

    def keep(state: list[np.ndarray]) -> None:
        nonlocal rows
        for track, now in zip(record, state, strict=True):
            track[rows] = now
        rows += 1

    def again() -> None:
        nonlocal rows
        rows = 0

    on_arrays(partial(loop, alive=lambda state: _within(state[0])), course, keep, again)
    return record[:, :rows]


def on_arrays(
    loop: Callable[..., None], course: Course, keep: Callable[[list[np.ndarray]], None], again: Callable[[], None]
) -> None:
    """Runs side by side: `keep` is given [x, *slots], each (parameters, runs), at the start and after every step.

    Runs are the last axis because numpy crawls over a trailing axis of length 2. Where a hyperparameter that is a float
    raises (x/0), all is done `again` with arrays alone, which hold inf or nan there.
    """
    gradient, rule, noisy = _on_columns(course.objective), course.rule, "noise" in course.effects
    x = np.ascontiguousarray(course.x0.T)
    start = [x, *(x * 0.0 + initial for initial in rule.slots.values())]

    def run(numbers: Mapping[str, Any]) -> None:
        step = step_of(rule, course.effects, numbers)
        powers = {identity(value): (0.0, 1.0) for value in numbers.values()}
        timed = "t" in rule.needs

        def advance(n: int, state: list[np.ndarray]) -> list[np.ndarray]:
            x, *slots = state
            t = Step.after(n, powers) if timed else None
            lr = course.rate * course.factors[n]
            (moved,), (kept,) = step([x], [gradient(x)], [slots], lr, t, [course.draws[n, :, None]] if noisy else [])
            return [moved, *kept]

        loop(start, advance, keep, course.steps)

    try:
        run(course.numbers)
    except ArithmeticError:
        again()
        run({name: np.atleast_1d(value) for name, value in course.numbers.items()})


def _within(x: Any) -> bool:
    return bool(np.any(np.abs(x) <= DIVERGENCE_BOUND))


def _valued(objective: Objective, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every row of a path (rows, parameters, runs): the value, and whether it and x are within the bound."""
    rows = len(path)
    value = np.empty((rows, path.shape[2]))
    fine = np.empty((rows, path.shape[2]), dtype=bool)
    height = max(1, BLOCK // path[0].size) if isinstance(objective, Analytic) else 1
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


def _on_columns(objective: Objective) -> Callable[[np.ndarray], np.ndarray]:
    """The gradient on an array (parameters, runs)."""
    if not isinstance(objective, Analytic):
        return lambda x: np.ascontiguousarray(objective.grad(x.T).T)
    partials, constants = objective.partials, objective.constants

    def gradient(x: np.ndarray) -> np.ndarray:
        g = np.empty(x.shape)
        for i, slope in zip(range(len(g)), partials(*x, *constants), strict=True):
            g[i] = slope
        return g

    return gradient


def prepared(
    rule: Rule,
    objective: Any,
    *,
    start: Any = None,
    hypers: Mapping[str, Any] | None = None,
    steps: int = 500,
    schedule: Schedule | str | None = None,
    seed: int = 0,
    **settings: Any,
) -> Course:
    """The arguments of `simulate` as a course that can be run; ValueError for an unknown or bad one."""
    checked = {name: DRIVER[name].check(DRIVER[name].off if value is None else value) for name, value in settings.items()}
    steps, seed = int(_single("steps", steps)), int(_single("seed", seed))
    rates = rule.check(hypers)
    factors = scheduled(schedule).factors(steps)
    x0 = starts(objective, start, {**rates, **checked, "schedule": factors[0]})
    rate = rates.pop("lr")
    effects = frozenset(name for name, value in checked.items() if np.any(np.asarray(value) != DRIVER[name].off))
    # A norm bound of infinity within a batch is the largest number: inf/inf would not be 1.
    numbers = rates | {name: np.minimum(checked[name], np.finfo(float).max) for name in sorted(effects)}
    return Course(
        rule=rule,
        objective=objective,
        x0=x0,
        rate=rate,
        factors=factors,
        numbers={name: float(value) if np.ndim(value) == 0 else value for name, value in numbers.items()},
        effects=effects,
        draws=np.random.default_rng(seed).standard_normal((steps if "noise" in effects else 0, x0.shape[1])),
    )


def scheduled(schedule: Schedule | str | None) -> Schedule:
    """A schedule by itself or by its name; ValueError where there is none of that name."""
    if isinstance(schedule, Schedule):
        return schedule
    name = "constant" if schedule is None else schedule
    if name not in SCHEDULES:
        raise ValueError(f"schedule = {schedule!r} is unknown: allowed is one of {', '.join(SCHEDULES)}")
    return SCHEDULES[name]


def _single(name: str, value: Any) -> float:
    number = DRIVER[name].check(value)
    if not isinstance(number, float):
        raise ValueError(f"{name} has shape {number.shape}: allowed is one number for all runs")
    return number


def starts(objective: Objective, start: Any, settings: Mapping[str, Any]) -> np.ndarray:
    """(runs, parameters): as many runs as the starts and the arrays among the settings say."""
    start = getattr(objective, "start", None) if start is None else start
    if start is None:
        raise ValueError("start is missing: this objective has none of its own")
    try:
        x0 = np.asarray(start, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"start = {start!r} is not a point: allowed is (parameters,) or (runs, parameters)") from None
    own = getattr(objective, "start", None)
    parameters = np.shape(own)[-1] if own is not None else x0.shape[-1] if x0.ndim else 1
    if x0.ndim not in (1, 2) or x0.shape[-1] != parameters or not x0.size:
        raise ValueError(f"start has shape {x0.shape}: allowed is ({parameters},) or (runs, {parameters})")
    if not np.isfinite(x0).all():
        raise ValueError(f"start = {start!r} is not allowed: every coordinate must be finite")
    lengths = {name: len(value) for name, value in settings.items() if isinstance(value, np.ndarray) and len(value) != 1}
    if x0.ndim == 2 and len(x0) > 1:
        lengths["start"] = len(x0)
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"the numbers of runs differ ({told}): allowed is one value, or one for each run")
    return np.broadcast_to(x0, (max(lengths.values(), default=1), parameters)).copy()


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
