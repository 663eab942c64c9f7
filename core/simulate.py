"""The only loop in the project: every trajectory comes from `simulate`."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
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
    """An objective that gives its partial derivatives coordinate by coordinate, on floats as well as on arrays.

    `partials` takes the coordinates, then the `constants`, and is the same function whatever the constants are.
    """

    @property
    def partials(self) -> Callable[..., Sequence[Any]]: ...

    @property
    def constants(self) -> tuple[float, ...]: ...


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
    given = {"noise": noise, "clip_norm": clip_norm, "clip_value": clip_value, "weight_decay": weight_decay, "l2": l2}
    settings = {name: DRIVER[name].check(DRIVER[name].off if value is None else value) for name, value in given.items()}
    steps, seed = int(_single("steps", steps)), int(_single("seed", seed))
    rates = rule.check(hypers)
    factors = _scheduled(schedule).factors(steps)
    x0 = _starts(objective, start, {**rates, **settings, "schedule": factors[0]})
    runs, parameters = x0.shape
    lr = rates.pop("lr") * factors
    effects = frozenset(name for name, value in settings.items() if np.any(np.asarray(value) != DRIVER[name].off))
    # A norm bound of infinity within a batch is the largest number: inf/inf would not be 1.
    numbers = rates | {name: np.minimum(settings[name], np.finfo(float).max) for name in sorted(effects)}
    numbers = {name: float(value) if np.ndim(value) == 0 else value for name, value in numbers.items()}
    draws = np.random.default_rng(seed).standard_normal((steps if "noise" in effects else 0, parameters))
    march = partial(_march, progress=_onwards(progress or (lambda share: None)), should_stop=should_stop or (lambda: False))

    with np.errstate(all="ignore"):
        # Where floats raise (x/0), arrays hold inf or nan: such a run is done again with no floats in it.
        record = None
        alone = runs == 1 and lr.shape[1] == 1 and all(isinstance(value, float) for value in numbers.values())
        with suppress(ArithmeticError):
            if alone and isinstance(objective, Analytic):
                record = _on_floats(march, rule, objective, effects, numbers, x0[0].tolist(), lr[:, 0].tolist(), draws.tolist())
            if record is None:
                record = _on_arrays(march, rule, objective, effects, numbers, x0, lr, draws)
        if record is None:
            arrays = {name: np.atleast_1d(value) for name, value in numbers.items()}
            record = _on_arrays(march, rule, objective, effects, arrays, x0, lr, draws)
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
        lr=np.broadcast_to(lr, (steps, runs))[:taken],
        evaluations=_read_only(np.minimum(stopped, taken)),
        objective=objective,
    )


DRIVER: Mapping[str, Hyper] = declared(simulate)
"""The hyperparameters of the loop itself, told once in `simulate`'s signature."""


def _march(
    state: Any,
    advance: Callable[[int, Any], Any],
    keep: Callable[[Any], None],
    alive: Callable[[Any], bool],
    steps: int,
    *,
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


def _on_floats(
    march: Callable[..., None],
    rule: Rule,
    objective: Analytic,
    effects: frozenset[str],
    numbers: Mapping[str, float],
    x0: list[float],
    lrs: list[float],
    draws: list[list[float]],
) -> np.ndarray | None:
    """One run on plain floats: what is recorded, (1+slots, rows, parameters, 1); None where the rule needs arrays."""
    parameters = len(x0)
    recorded = on_floats(rule, effects, parameters, objective.partials, len(objective.constants))
    if recorded is None:
        return None
    step, powers = recorded
    constants = (*numbers.values(), *objective.constants)

    def quiet(n: int, state: tuple[float, ...]) -> tuple[float, ...]:
        return step(*state, lrs[n], n + 1.0, *constants)

    def noisy(n: int, state: tuple[float, ...]) -> tuple[float, ...]:
        return step(*state, lrs[n], n + 1.0, *draws[n], *constants)

    path: list[tuple[float, ...]] = []
    start = (*x0, *(initial for initial in rule.slots.values() for _ in x0), *(numbers[name] for name in powers))
    march(start, noisy if draws else quiet, path.append, lambda state: _within(state[:parameters]), len(lrs))
    tracks = 1 + len(rule.slots)
    flat = np.array(path)[:, : tracks * parameters].reshape(len(path), tracks, parameters, 1)
    return np.ascontiguousarray(flat.swapaxes(0, 1))


def _on_arrays(
    march: Callable[..., None],
    rule: Rule,
    objective: Objective,
    effects: frozenset[str],
    numbers: Mapping[str, Any],
    x0: np.ndarray,
    lr: np.ndarray,
    draws: np.ndarray,
) -> np.ndarray:
    """Many runs at a time: what is recorded, (1+slots, rows, parameters, runs).

    Runs are the last axis because numpy crawls over a trailing axis of length 2.
    """
    gradient, step = _on_columns(objective), step_of(rule, effects, numbers)
    powers = {identity(value): (0.0, 1.0) for value in numbers.values()}
    record = np.empty((1 + len(rule.slots), len(lr) + 1, *x0.T.shape))
    rows, timed, noisy = 0, "t" in rule.needs, "noise" in effects

    def advance(n: int, state: list[np.ndarray]) -> list[np.ndarray]:
        x, *slots = state
        t = Step.after(n, powers) if timed else None
        (moved,), (kept,) = step([x], [gradient(x)], [slots], lr[n], t, [draws[n, :, None]] if noisy else [])
        return [moved, *kept]

    def keep(state: list[np.ndarray]) -> None:
        nonlocal rows
        for track, now in zip(record, state, strict=True):
            track[rows] = now
        rows += 1

    x = np.ascontiguousarray(x0.T)
    march([x, *(x * 0.0 + initial for initial in rule.slots.values())], advance, keep, lambda state: _within(state[0]), len(lr))
    return record[:, :rows]


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


def _scheduled(schedule: Schedule | str | None) -> Schedule:
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


def _starts(objective: Objective, start: Any, settings: Mapping[str, Any]) -> np.ndarray:
    """(runs, parameters): as many runs as the starts and the arrays among the settings say."""
    start = getattr(objective, "start", None) if start is None else start
    if start is None:
        raise ValueError("start is missing: this objective has none of its own")
    try:
        x0 = np.asarray(start, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"start = {start!r} is not a point: allowed is (parameters,) or (runs, parameters)") from None
    own = getattr(objective, "start", None)
    parameters = len(own) if own is not None else x0.shape[-1] if x0.ndim else 1
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
