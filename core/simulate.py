"""The only loop in the project: every trajectory comes from `simulate`."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np

from core.engine.clocks import aged
from core.engine.step import Step, flat, identity, step_of
from core.hyper import Hyper, declared
from core.maths import power
from core.rule import Rule
from core.schedule import SCHEDULES, Schedule
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
    age      steps that the rule believes it made before
    slots    {slot: what it holds to begin with}, a float or (runs,)
    """

    rule: Rule
    objective: Any
    x0: np.ndarray
    rate: Any
    factors: np.ndarray
    numbers: Mapping[str, Any]
    effects: frozenset[str]
    draws: np.ndarray
    age: float
    slots: Mapping[str, Any]

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
    Setting,
    Hyper(
        1e-6,
        10.0,
        "log",
        off=0.0,
        help="Decoupled decay λ: every parameter x, biases too, shrinks by lr·λ·x each step (AdamW).",
    ),
]
L2 = Annotated[
    Setting,
    Hyper(1e-6, 10.0, "log", off=0.0, help="Coupled decay: λ·x of every parameter x, biases too, is added to the gradient."),
]
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
Age = Annotated[
    int,
    Hyper(
        1,
        1e6,
        "log",
        off=0.0,
        whole=True,
        help="Steps a rule that counts them believes it made before. From some thousand on, bias correction is as good as off.",
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
    age: Age = 0,
    progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Trajectory:
    """Run a rule on an objective, one run or many at once.

    start: (parameters,) or (runs, parameters), by default the objective's own. Each hyperparameter, and each of noise,
    clip_norm, clip_value, weight_decay and l2: a float or (runs,). The gradient is what the objective gives, plus l2·x,
    plus noise, then clipped by value, then by norm; the rule turns it into a direction; then
    x ← x − lr·factor(t)·(direction + weight_decay·x).
    A schedule is one of SCHEDULES or its name. Noise is one stream of standard normals (steps, parameters) from `seed`,
    shared by all runs and all rules. The t that a rule is told starts from 1 + age, and a slot that goes by the count of steps
    alone starts as it is after so many.

    `progress` is told the share done; when `should_stop` says True the trajectory so far is returned. A run whose position
    or loss is not finite or exceeds DIVERGENCE_BOUND is frozen at that step and marked in `stopped`; it is not an error.

    Raises ValueError, naming parameter, value and what is allowed, for an unknown or bad argument.
    """
    settings = {"noise": noise, "clip_norm": clip_norm, "clip_value": clip_value, "weight_decay": weight_decay, "l2": l2}
    course = prepared(
        rule, objective, start=start, hypers=hypers, steps=steps, schedule=schedule, seed=seed, age=age, **settings
    )
    return recorded(course, progress, should_stop)


DRIVER: Mapping[str, Hyper] = declared(simulate)
"""The hyperparameters of the loop itself, told once in `simulate`'s signature."""


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
        if record is None:
            record = _path_on_arrays(loop, course)
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
        evaluations=_read_only(np.minimum(stopped, taken)),
        objective=course.objective,
    )


def march(
    state: Any,
    advance: Callable[[int, Any], Any],
    keep: Callable[[Any], None],
    steps: int,
    *,
    alive: Callable[[Any], bool],
    progress: Callable[[float], None],
    should_stop: Callable[[], bool],
    check_every: int = CHECK_EVERY,
) -> None:
    """The loop. `keep` is given the start and every state after it, fewer than steps+1 when cancelled or none is alive."""
    keep(state)
    for step in range(steps):
        if step % check_every == 0:
            progress(step / steps)
            if should_stop() or not alive(state):
                return
        state = advance(step, state)
        keep(state)


def _path_on_floats(loop: Callable[..., None], course: Course) -> np.ndarray | None:
    """One run on plain floats: what is recorded, (1+slots, rows, parameters, 1); None where the rule needs arrays."""
    made = _flat(course, course.x0[0].tolist(), floats=True)
    if made is None:
        return None
    start, advance = made
    parameters, tracks = course.x0.shape[1], 1 + len(course.rule.slots)
    path: list[tuple[float, ...]] = []
    loop(start, advance, path.append, course.steps, alive=lambda state: _within(state[:parameters]))
    every = np.array(path)[:, : tracks * parameters].reshape(len(path), tracks, parameters, 1)
    return np.ascontiguousarray(every.swapaxes(0, 1))


def _path_on_arrays(loop: Callable[..., None], course: Course) -> np.ndarray:
    """Many runs at a time: what is recorded, (1+slots, rows, parameters, runs)."""
    parameters, runs = course.x0.T.shape
    path: list[Sequence[np.ndarray]] = []

    def keep(state: Sequence[np.ndarray], loss: None) -> None:
        path.append(state)  # nobody writes to it, so it is copied when all is done

    on_arrays(partial(loop, alive=lambda state: within(coordinates(state, parameters))), course, keep)
    record = np.empty((len(path[0]), len(path), *path[0][0].shape))
    for track, column in zip(record, zip(*path, strict=True), strict=True):
        np.concatenate(column, out=track.reshape(-1, *track.shape[2:]))
    return record if record.ndim == 4 else record.reshape(-1, parameters, len(path), runs).swapaxes(1, 2)


def on_arrays(
    loop: Callable[..., None],
    course: Course,
    keep: Callable[[Sequence[np.ndarray], Any], None],
    *,
    losses: bool = False,
) -> None:
    """Runs side by side: `keep` is given the state at the start and after every step.

    The state is x and the slots, each (parameters, runs) or as many arrays (runs,). With `losses`, `keep` is also given the
    loss (runs,) of the state before, where it comes along with the step; else None.
    """
    x, tracks = np.ascontiguousarray(course.x0.T), 1 + len(course.rule.slots)
    made = _flat(course, list(x), floats=False, losses=losses)
    if made is None:
        loop(*_stepwise(course, x), lambda state: keep(state, None), course.steps)
    else:
        parts = tracks * len(x)
        loop(*made, lambda state: keep(state[:parts], state[-1] if losses else None), course.steps)


State = Sequence[Any]


def _flat(
    course: Course, x: list[Any], *, floats: bool, losses: bool = False
) -> tuple[State, Callable[[int, State], State]] | None:
    """Where a course starts and what a step makes of a state, by one flat function; None where it cannot be one."""
    rule, objective = course.rule, course.objective
    if not isinstance(objective, Analytic):
        return None
    height = objective.height if losses else None
    made = flat(rule, course.effects, len(x), objective.partials, len(objective.constants), height=height, floats=floats)
    if made is None:
        return None
    ready = float if floats else np.asarray  # numpy is faster with arrays, even of one number
    numbers = {name: ready(value) for name, value in course.numbers.items()}
    constants = [*numbers.values(), *(ready(constant) for constant in objective.constants)]
    constants += [ready(value) for value in made.once(*constants)]
    step, draws, plain = made.step, course.draws.tolist(), bool(np.all(course.factors == 1.0))
    lrs = (course.rate * course.factors).T.tolist()[0] if floats else None

    def lr(n: int) -> Any:
        if lrs is not None:
            return lrs[n]
        return course.rate if plain else course.rate * course.factors[n]

    first = ready(1.0 + course.age)

    def quiet(n: int, state: State) -> State:
        return step(*state, lr(n), n + first, *constants)

    def noisy(n: int, state: State) -> State:
        return step(*state, lr(n), n + first, *draws[n], *constants)

    begin = (*x, *(part * 0.0 + initial for initial in course.slots.values() for part in x))
    powers = (ready(np.power(numbers[name], first)) for name in made.powers)
    begin = (*begin, *powers, *(None for _ in (height,) if height))
    return begin, noisy if draws else quiet


def _stepwise(course: Course, x: np.ndarray) -> tuple[State, Callable[[int, State], State]]:
    """The same for any rule on any objective, of arrays (parameters, runs)."""
    noisy, timed = "noise" in course.effects, "t" in course.rule.needs
    step = step_of(course.rule, course.effects, course.numbers)
    first = 1.0 + course.age
    powers = {identity(value): (first, power(value, first)) for value in course.numbers.values()}

    def advance(n: int, state: State) -> State:
        x, *slots = state
        g = np.ascontiguousarray(course.objective.grad(x.T).T)
        t = Step.after(n + course.age, powers) if timed else None
        draw = [course.draws[n, :, None]] if noisy else []
        (moved,), (kept,) = step([x], [g], [slots], course.rate * course.factors[n], t, draw)
        return [moved, *kept]

    return [x, *(x * 0.0 + initial for initial in course.slots.values())], advance


def coordinates(state: State, parameters: int) -> Any:
    """x of a state as `on_arrays` keeps it, the coordinates first."""
    return state[0] if state[0].ndim > 1 else state[:parameters]


def within(x: Any) -> bool:
    return bool(np.any(np.abs(x) <= DIVERGENCE_BOUND))


def _within(x: Sequence[float]) -> bool:
    """The same of plain floats, which numpy would be slow with."""
    return any(abs(part) <= DIVERGENCE_BOUND for part in x)


def valued(objective: Objective, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def prepared(
    rule: Rule,
    objective: Any,
    *,
    start: Any = None,
    hypers: Mapping[str, Any] | None = None,
    steps: int = 500,
    schedule: Schedule | str | None = None,
    seed: int = 0,
    age: float = 0.0,
    **settings: Any,
) -> Course:
    """The arguments of `simulate` as a course that can be run; ValueError for an unknown or bad one."""
    checked = {name: DRIVER[name].check(DRIVER[name].off if value is None else value) for name, value in settings.items()}
    steps, seed, age = int(_single("steps", steps)), int(_single("seed", seed)), _single("age", age)
    rates = rule.check(hypers)
    factors = scheduled(schedule).factors(steps)
    x0 = starts(objective, start, {**rates, **checked, "schedule": factors[0]})
    rate = rates.pop("lr")
    effects = frozenset(name for name, value in checked.items() if np.any(np.asarray(value) != DRIVER[name].off))
    # A norm bound of infinity within a batch is the largest number: inf/inf would not be 1.
    numbers = rates | {name: np.minimum(checked[name], np.finfo(float).max) for name in sorted(effects)}
    numbers = {name: float(value) if np.ndim(value) == 0 else value for name, value in numbers.items()}
    return Course(
        rule=rule,
        objective=objective,
        x0=x0,
        rate=rate,
        factors=factors,
        numbers=numbers,
        effects=effects,
        draws=np.random.default_rng(seed).standard_normal((steps if "noise" in effects else 0, x0.shape[1])),
        age=age,
        slots=aged(rule, numbers, age),
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
    number = DRIVER[name].check(DRIVER[name].off if value is None else value)
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
