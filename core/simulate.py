"""The only loop in the project: every trajectory comes from `simulate`."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from operator import add
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np

from core.hyper import Hyper, declared
from core.maths import clip, maximum, sqrt
from core.rule import Rule
from core.schedule import SCHEDULES, Schedule
from core.trajectory import Objective, Trajectory

DIVERGENCE_BOUND = 1e30
"""A run whose position or loss exceeds this in magnitude has diverged."""

CHECK_EVERY = 32
"""Steps between looks at progress, cancellation and whether any run is still alive."""

BLOCK = 8192
"""Numbers looked at together after the run: few enough to stay in the processor's cache."""

Parts = Sequence[Any]
"""Parameters, gradients or directions: either one array (parameters, runs) or, for a single run, one float a coordinate."""


@runtime_checkable
class Analytic(Protocol):
    """An objective that gives its partial derivatives coordinate by coordinate, on floats as well as on arrays."""

    def partials(self, *coordinates: Any) -> Sequence[Any]: ...


Setting = float | Sequence[float] | np.ndarray | None
"""One number for all runs, or one for each; None is off."""

Steps = Annotated[int, Hyper(1, 5000, whole=True, help="How many updates every rule makes.")]
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
    weight_decay: WeightDecay = 0.0,
    l2: L2 = 0.0,
    clip_norm: ClipNorm = math.inf,
    clip_value: ClipValue = math.inf,
    noise: Noise = 0.0,
    schedule: Schedule | None = None,
    seed: Seed = 0,
    progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Trajectory:
    """Run a rule on an objective, one run or many at once.

    start: (parameters,) or (runs, parameters), by default the objective's own. Each hyperparameter, and each of weight_decay,
    l2, clip_norm, clip_value and noise: a float or (runs,). The gradient is what the objective gives, plus l2·x, plus noise,
    then clipped by value, then by norm; the rule turns it into a direction; x ← x − lr·factor(t)·(direction + weight_decay·x).
    Noise is one stream of standard normals (steps, parameters) from `seed`, shared by all runs and all rules.

    `progress` is told the share done; when `should_stop` says True the trajectory so far is returned. A run whose position
    or loss is not finite or exceeds DIVERGENCE_BOUND is frozen at that step and marked in `stopped`; it is not an error.

    Raises ValueError, naming parameter, value and what is allowed, for an unknown or bad argument.
    """
    asked = {"weight_decay": weight_decay, "l2": l2, "clip_norm": clip_norm, "clip_value": clip_value, "noise": noise}
    settings = {name: DRIVER[name].check(DRIVER[name].off if value is None else value) for name, value in asked.items()}
    steps, seed = int(_single("steps", steps)), int(_single("seed", seed))
    rates = rule.check(hypers)
    factors = (schedule or SCHEDULES["constant"]).factors(steps)
    x0 = _starts(objective, start, {**rates, **settings, "schedule": factors[0]})
    runs, parameters = x0.shape
    lr = rates.pop("lr") * factors
    draws = np.random.default_rng(seed).standard_normal((steps if np.any(settings["noise"]) else 0, parameters))
    march = partial(
        _march,
        rule,
        settings=settings,
        lrs=lr[:, 0].tolist() if lr.shape[1] == 1 else lr,
        progress=_onwards(progress or (lambda share: None)),
        should_stop=should_stop or (lambda: False),
    )
    tracks = 1 + len(rule.slots)  # what is recorded: x and each slot

    def on_floats(objective: Analytic) -> tuple[int, np.ndarray]:
        records = [[[0.0] * (steps + 1) for _ in range(tracks)] for _ in range(parameters)]
        rows = march(x0[0].tolist(), records, objective.partials, rates, draws=draws.tolist())
        return rows, np.array(records).transpose(1, 2, 0)[..., None]

    def on_arrays(rates: Mapping[str, Any]) -> tuple[int, np.ndarray]:
        record = np.empty((tracks, steps + 1, parameters, runs))
        rows = march([np.ascontiguousarray(x0.T)], [list(record)], _on_columns(objective), rates, draws=draws[:, None, :, None])
        return rows, record

    with np.errstate(all="ignore"):
        # One run goes several times faster on plain floats, and agrees with the same run on arrays bit for bit. Where
        # floats raise (x/0), arrays hold inf or nan; so the run is done again with no floats in it.
        plain = all(isinstance(value, float) for value in (*rates.values(), *settings.values()))
        try:
            alone = runs == 1 and plain
            rows, record = on_floats(objective) if alone and isinstance(objective, Analytic) else on_arrays(rates)
        except ArithmeticError:
            rows, record = on_arrays({name: np.atleast_1d(value) for name, value in rates.items()})
        value, fine = _valued(objective, record[0], rows)

    dead = np.flatnonzero(~fine.all(axis=0))
    taken = steps if len(dead) == runs else rows - 1
    stopped = np.full(runs, taken + 1)
    for run in dead:
        stopped[run] = last = fine[:, run].argmin()
        record[:, last:, :, run] = record[:, last, None, :, run]
        value[last:, run] = value[last, run]
    if progress and taken == steps:
        progress(1.0)
    x, *slots = (_read_only(track[: taken + 1].swapaxes(1, 2)) for track in record)
    return Trajectory(
        x=x,
        value=_read_only(value[: taken + 1]),
        stopped=_read_only(stopped),
        state=dict(zip(rule.slots, slots, strict=True)),
        lr=np.broadcast_to(lr, (steps, runs))[:taken],
        evaluations=_read_only(np.minimum(stopped, taken)),
        objective=objective,
    )


DRIVER: Mapping[str, Hyper] = declared(simulate)
"""The hyperparameters of the loop itself, told once in `simulate`'s signature."""


def _march(
    rule: Rule,
    x: list[Any],
    records: Sequence[Sequence[Any]],
    gradient: Callable[..., Sequence[Any]],
    rates: Mapping[str, Any],
    *,
    settings: Mapping[str, Any],
    lrs: Any,
    draws: Any,
    progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> int:
    """The loop, one gradient a step. `records` are, for each part of x, tracks of steps+1 rows: x, then each slot.

    Returns how many rows were filled: fewer than all when cancelled, or when no run is alive any more.
    """
    update = partial(rule.update if rule.slots else lambda *args, **kw: (rule.update(*args, **kw),), **rates)
    before = list(_before(settings, draws))
    decay = settings["weight_decay"] if np.any(settings["weight_decay"]) else None
    powers = {_identity(value): (0.0, 1.0) for value in rates.values()}
    wants_t, wants_x = "t" in rule.needs, "x" in rule.needs
    supplied: dict[str, Any] = {}
    slots = [[part * 0.0 + initial for initial in rule.slots.values()] for part in x]
    for part, held, tracks in zip(x, slots, records, strict=True):
        for track, now in zip(tracks, (part, *held), strict=True):
            track[0] = now

    for step, lr in enumerate(lrs):
        if step % CHECK_EVERY == 0:
            progress(step / len(lrs))
            if should_stop() or not any(np.any(np.abs(part) <= DIVERGENCE_BOUND) for part in x):
                return step + 1
        g = gradient(*x)
        for effect in before:
            g = effect(g, x, step)
        if wants_t:
            supplied["t"] = t = Step(step + 1)
            t.powers = powers
        for i, (slope, held, tracks) in enumerate(zip(g, slots, records, strict=True)):
            if wants_x:
                supplied["x"] = x[i]
            direction, *slots[i] = update(slope, *held, **supplied)
            x[i] = x[i] - lr * (direction if decay is None else direction + decay * x[i])
            for track, now in zip(tracks, (x[i], *slots[i]), strict=True):
                track[step + 1] = now
    return len(lrs) + 1


def _before(settings: Mapping[str, Any], draws: Any) -> Iterator[Callable[[Parts, Parts, int], Parts]]:
    """What happens to the gradient before the rule sees it, in order; effects that are off are not there."""
    if np.any(l2 := settings["l2"]):
        yield lambda g, x, step: [slope + l2 * part for slope, part in zip(g, x, strict=True)]
    if np.any(noise := settings["noise"]):
        yield lambda g, x, step: [slope + noise * draw for slope, draw in zip(g, draws[step], strict=True)]
    if np.any(np.isfinite(bound := settings["clip_value"])):
        yield lambda g, x, step: [clip(slope, -bound, bound) for slope in g]
    if np.any(np.isfinite(settings["clip_norm"])):
        length = np.minimum(settings["clip_norm"], np.finfo(float).max)
        length = length if length.ndim else float(length)

        def shorten(g: Parts, x: Parts, step: int) -> Parts:
            norm = sqrt(reduce(add, [c * c for slope in g for c in (slope if isinstance(slope, np.ndarray) else (slope,))]))
            share = length / maximum(norm, length)
            return [slope * share for slope in g]

        yield shorten


def _valued(objective: Objective, path: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """For the filled rows of a path (steps+1, parameters, runs): the value, and whether it and x are within the bound."""
    value = np.empty((len(path), path.shape[2]))
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


class Step(float):
    """The step's number t, from 1, as rules see it.

    `beta**t` of a hyperparameter is kept as a running product: it costs a multiplication, not a power, and it is the same
    on a float and on an array bit for bit.
    """

    powers: dict[Any, tuple[float, Any]]

    def __rpow__(self, base: Any, modulo: None = None) -> Any:
        done, product = self.powers.get(_identity(base), (None, None))
        if done is None:
            return base ** float(self)
        for _ in range(int(self - done)):
            product = product * base
        self.powers[_identity(base)] = float(self), product
        return product

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc is np.power and inputs[1] is self:
            return self.__rpow__(inputs[0])
        return getattr(ufunc, method)(*(float(i) if i is self else i for i in inputs), **kwargs)


def _identity(value: Any) -> Any:
    return value if isinstance(value, float) else id(value)


def _on_columns(objective: Objective) -> Callable[[np.ndarray], Parts]:
    """The gradient on an array (parameters, runs): runs last, because numpy crawls over a trailing axis of length 2."""
    if not isinstance(objective, Analytic):
        return lambda x: [np.ascontiguousarray(objective.grad(x.T).T)]
    partials = objective.partials

    def gradient(x: np.ndarray) -> Parts:
        g = np.empty(x.shape)
        for i, slope in zip(range(len(g)), partials(*x), strict=True):
            g[i] = slope
        return [g]

    return gradient


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
