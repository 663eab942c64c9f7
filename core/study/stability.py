"""When a rule is stable on a quadratic: derived from the rule itself, so a new linear rule has its theory for free.

On ½λx² a rule that is linear in gradient and state moves (λx, slots) by a fixed matrix which depends on lr·λ and its
hyperparameters alone. It converges where the largest eigenvalue of that matrix is below one in magnitude (Polyak 1964;
Goh, Distill 2017, "Why Momentum Really Works").
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.maths import real
from core.rule import Rule
from core.surface import Surface

_NEAR = 0.15
"""Roots this near each other, relative to how far they are from 1, are called equal."""

CLOSE = 1e-12
"""Relative width to which a limit is bracketed."""

ROUNDING = 1e-12
"""Curvatures less than this part of the largest are none: their Hessian was rounded."""

REACH = 1e-6
"""A curvature must bear out over this part of the surface's width."""

EQUAL = 1e-7
"""Roots nearer to each other than this are equal but for rounding."""

_WIDE = 1e-4
"""Values that are equally fast are an interval where it is wider than this, relatively."""


def linear(rule: Rule, hypers: Mapping[str, Any] | None = None) -> bool:
    """Is the rule linear in gradient and state, and the same at every step?"""
    if rule.needs or any(rule.slots.values()):
        return False
    numbers = {name: value for name, value in rule.check(hypers).items() if name != "lr"}
    one, two = np.random.default_rng(0).standard_normal((2, 1 + len(rule.slots), 8))
    with np.errstate(all="ignore"):
        apart = np.add(_moved(rule, one, numbers), _moved(rule, two, numbers))
        together = np.array(_moved(rule, one + two, numbers))
    return bool(np.allclose(apart, together, rtol=1e-9, atol=1e-12))


def growth(rule: Rule, hypers: Mapping[str, Any] | None, lr_lambda: Any) -> np.ndarray:
    """By how much a mode is multiplied each step in the long run, at lr·λ (…), for a `linear` rule; below 1 it converges.

    The hyperparameters are floats or of one shape with `lr_lambda`.
    """
    return _growth(rule, rule.check(hypers), np.asarray(lr_lambda, dtype=np.float64))


def roots(rule: Rule, hypers: Mapping[str, Any] | None, lr_lambda: Any) -> np.ndarray:
    """(…, 1 + slots) complex: what the parts of a mode are multiplied by each step, at lr·λ (…), for a `linear` rule."""
    return _roots(rule, rule.check(hypers), np.asarray(lr_lambda, dtype=np.float64))


def damping(rule: Rule, hypers: Mapping[str, Any] | None, lr_lambda: Any) -> np.ndarray:
    """What a mode does at lr·λ (…) under a `linear` rule, as places in DAMPINGS.

    The largest root decides: beyond 1 in magnitude the mode grows; complex or negative it swings; two that are equal are
    critical, as fast as it goes without swinging; positive it creeps.
    """
    sizes = np.asarray(lr_lambda, dtype=np.float64)
    found = roots(rule, hypers, np.where(np.isfinite(sizes), sizes, 0.0))
    found = np.take_along_axis(found, np.argsort(-np.abs(found), axis=-1), axis=-1)
    first, others = found[..., 0], found[..., 1:]
    swings = (np.abs(np.imag(first)) > 1e-9) | (np.real(first) < 0)
    critical = np.abs(first - others[..., 0]) <= _NEAR * (1 - np.abs(first)) if others.size else np.abs(first) < _NEAR**2
    converging = np.where(critical, 2, np.where(swings, 3, 1))
    told = np.where(sizes < 0, 0, np.where(np.abs(first) > 1 + CLOSE, 4, converging))
    return np.where(np.isfinite(sizes), told, 5)


DAMPINGS = ("falls away", "over-damped", "critically damped", "under-damped", "unstable", "undefined")
"""What a mode may do; the first where the surface curves downwards, so that growing is right, the last without a curvature."""


def limit(rule: Rule, hypers: Mapping[str, Any] | None = None) -> np.ndarray:
    """The largest stable lr·λ of a `linear` rule, in the shape of its hyperparameters; 0 where nothing is stable."""
    numbers = rule.check(hypers)
    shape = np.broadcast_shapes(*(np.shape(value) for value in numbers.values()))
    # The edge is bracketed on a grid from below, so that an unstable gap would not be stepped over.
    grid = np.geomspace(1e-4, 1e6, 1001)
    sizes = np.broadcast_to(grid.reshape(-1, *(1 for _ in shape)), (len(grid), *shape))
    stable = _growth(rule, numbers, sizes) <= 1 + CLOSE
    first = np.where(stable.all(axis=0), len(grid), stable.argmin(axis=0))
    low, high = grid[np.maximum(first - 1, 0)], grid[np.minimum(first, len(grid) - 1)]
    while np.any(high - low > CLOSE * high):
        middle = (low + high) / 2
        if np.all((middle == low) | (middle == high)):
            break
        inside = _growth(rule, numbers, middle) <= 1 + CLOSE
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.where(first == 0, 0.0, low)


@dataclass(frozen=True)
class Fastest:
    """Where convergence is fastest: at every value from `low` to `high`, which are one number where it is at one alone.

    `rate` is what the slowest mode is multiplied by each step in the long run.
    """

    low: float
    high: float
    rate: float


def optimum(rule: Rule, hypers: Mapping[str, Any] | None, curvatures: Any, name: str = "lr") -> Fastest | None:
    """The values of one hyperparameter at which the slowest of the modes (modes,) shrinks fastest, for a `linear` rule.

    None where a mode has no curvature, or a downward one, or where no value makes all of them shrink.
    """
    curvatures, numbers = settled(np.asarray(curvatures, dtype=np.float64)), rule.check(hypers)
    if not (np.isfinite(curvatures) & (curvatures > 0)).all():
        return None
    low, high = rule.hypers[name].low, rule.hypers[name].high
    if name == "lr":
        high = float(limit(rule, hypers)) / float(curvatures.max())
        low = 1e-15 * high
    if not low < high:
        return None
    space = np.geomspace if name == "lr" else np.linspace

    def slowest(values: np.ndarray) -> np.ndarray:
        now = numbers | {name: values[:, None]}
        return _growth(rule, now, np.broadcast_to(now["lr"] * curvatures, (len(values), len(curvatures)))).max(axis=1)

    for _ in range(12):  # a grid that closes in: the slowest rate has kinks and a level floor, but one valley
        values = space(low, high, 201).tolist()
        rates = slowest(np.array(values))
        best = int(rates.argmin())
        # Beyond an interval's ends two equal roots part, so steeply that this misses them by less than rounding does.
        level = float(rates[best]) + 1e-9 * (1 - float(rates[best]))
        worse = np.flatnonzero(rates > level)
        before, after = max(worse[worse < best], default=-1), min(worse[worse > best], default=len(values))
        first, last = values[before + 1], values[after - 1]
        if after - before > 3 and last - first > _WIDE * last:

            def as_fast(value: float, level: float = level) -> bool:
                return bool(slowest(np.array([value]))[0] <= level)

            low, high = _edge(first, values[max(before, 0)], as_fast), _edge(last, values[min(after, 200)], as_fast)
            break
        low, high = values[max(best - 1, 0)], values[min(best + 1, 200)]
    else:
        low = high = (low + high) / 2
    rate = float(slowest(np.array([(low + high) / 2]))[0])
    return Fastest(low, high, rate) if rate < 1 else None


def _edge(inside: float, outside: float, holds: Callable[[float], bool]) -> float:
    """The last value from `inside` towards `outside` at which something holds, as it does inside."""
    while (middle := (inside + outside) / 2) not in (inside, outside):
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside


def settled(curvatures: np.ndarray) -> np.ndarray:
    """Curvatures (…, modes) with 0 for those that are nothing but rounding beside the largest."""
    sizes = np.abs(curvatures)
    least = ROUNDING * sizes.max(axis=-1, keepdims=True)
    return np.where(sizes <= np.where(np.isfinite(least), least, 0.0), 0.0, curvatures)


def curvatures(surface: Surface) -> np.ndarray:
    """(2,) curvatures at the surface's first minimum, ascending.

    Raises ValueError where it has no minimum, or one at a tip, where there is no curvature.
    """
    if not surface.minima:
        raise ValueError(f"{surface.title} has no minimum, so no curvature there")
    (found,), _ = modes(surface, np.array(surface.minima[:1]))
    if not np.isfinite(found).all():
        raise ValueError(f"{surface.title}’s minimum is a tip, where no curvature is defined")
    return found


def critical(rule: Rule, hypers: Mapping[str, Any] | None, curvature: float, name: str) -> float | None:
    """The value of one hyperparameter on whose one side a mode swings and on whose other it creeps, for a `linear` rule.

    The lowest such value; None where there is none, as for a rule without memory.
    """
    numbers, hyper = rule.check(hypers), rule.hypers[name]

    def swings(values: np.ndarray) -> np.ndarray:
        now = numbers | {name: values}
        return np.any(np.imag(_roots(rule, now, np.broadcast_to(now["lr"] * curvature, values.shape))) != 0, axis=-1)

    values = (np.geomspace if name == "lr" else np.linspace)(hyper.low, hyper.high, 2001)
    turns = np.flatnonzero(np.diff(swings(values)))
    if not len(turns):
        return None
    low, high = values[turns[0]], values[turns[0] + 1]
    before = swings(np.array([low]))[0]
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if swings(np.array([middle]))[0] == before else (low, middle)
    return float((low + high) / 2)


def modes(surface: Surface, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curvatures (…, 2) at points (…, 2), ascending, and the direction (…, 2) of the larger one.

    One that is only rounding is 0. Both are NaN where the Hessian is not finite, or tells of slopes that are not there a little
    farther on, as at the tip of a cone.
    """
    with np.errstate(all="ignore"):
        hessians = surface.hessian(points)
        a, b, c = hessians[..., 0, 0], hessians[..., 0, 1], hessians[..., 1, 1]
        middle, apart = (a + c) / 2, np.hypot((a - c) / 2, b)
        turn = np.arctan2(2 * b, a - c) / 2
        found, steep = np.stack([middle - apart, middle + apart], axis=-1), np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        found = settled(found)
        (xlo, xhi), _ = surface.domain
        reach = (REACH * (xhi - xlo) + CLOSE * np.abs(points).max(axis=-1))[..., None]
        borne = np.ones(steep.shape[:-1], dtype=bool)
        flat = np.stack([-steep[..., 1], steep[..., 0]], axis=-1)
        for axis, curvature in zip((flat, steep), np.moveaxis(found, -1, 0), strict=True):
            ahead, behind = surface.grad(points + reach * axis), surface.grad(points - reach * axis)
            change, rounding = np.hypot(*np.moveaxis(ahead - behind, -1, 0)), 1e-12 * np.abs(ahead + behind).max(axis=-1)
            borne &= 2 * reach[..., 0] * np.abs(curvature) <= 2 * change + rounding
    return np.where(borne[..., None], found, np.nan), steep


def quadratic(surface: Surface) -> bool:
    """Is the surface's Hessian the same everywhere, so that the theory of quadratics is exact on it?"""
    (xlo, xhi), (ylo, yhi) = surface.domain
    points = np.random.default_rng(0).uniform((xlo, ylo), (xhi, yhi), (16, 2))
    hessians = surface.hessian(points)
    return bool(np.allclose(hessians, hessians[0], rtol=1e-9, atol=0))


def _growth(rule: Rule, numbers: Mapping[str, Any], sizes: np.ndarray) -> np.ndarray:
    found = _roots(rule, numbers, sizes)
    found = np.take_along_axis(found, np.argsort(-np.abs(found), axis=-1), axis=-1)
    first, second = found[..., 0], found[..., min(1, found.shape[-1] - 1)]
    # Rounding parts two equal roots by the root of itself, but not their mean.
    return np.abs(np.where(np.abs(first - second) < EQUAL, (first + second) / 2, first))


def _roots(rule: Rule, numbers: Mapping[str, Any], sizes: np.ndarray) -> np.ndarray:
    own = {name: np.broadcast_to(value, sizes.shape) for name, value in numbers.items() if name != "lr"}
    columns = []
    for unit in np.eye(1 + len(rule.slots)):
        direction, *slots = _moved(rule, [np.full(sizes.shape, part) for part in unit], own)
        columns.append(np.stack([unit[0] - sizes * direction, *slots], axis=-1))
    return np.linalg.eigvals(np.stack(columns, axis=-1)).astype(complex)


def _moved(rule: Rule, state: Sequence[np.ndarray], numbers: Mapping[str, Any]) -> list[np.ndarray]:
    """Direction and new slots after the gradient and the slots in `state`."""
    moved = rule.update(*state, **{name: real(value) for name, value in numbers.items()})
    return [np.asarray(part) for part in (moved if rule.slots else (moved,))]
