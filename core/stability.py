"""When a rule is stable on a quadratic: derived from the rule itself, so a new linear rule has its theory for free.

On ½λx² a rule that is linear in gradient and state moves (λx, slots) by a fixed matrix which depends on lr·λ and its
hyperparameters alone. It converges where the largest eigenvalue of that matrix is below one in magnitude (Polyak 1964;
Goh, Distill 2017, "Why Momentum Really Works").
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.rule import Rule
from core.surface import Surface

NEAR = 0.15
"""Roots this near each other, relative to how far they are from 1, are called equal."""

CLOSE = 1e-12
"""Relative width to which a limit is bracketed."""


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
    found = roots(rule, hypers, sizes)
    found = np.take_along_axis(found, np.argsort(-np.abs(found), axis=-1), axis=-1)
    first, others = found[..., 0], found[..., 1:]
    swings = (np.abs(np.imag(first)) > 1e-9) | (np.real(first) < 0)
    critical = np.abs(first - others[..., 0]) <= NEAR * (1 - np.abs(first)) if others.size else np.abs(first) < NEAR**2
    settled = np.where(critical, 2, np.where(swings, 3, 1))
    return np.where(sizes < 0, 0, np.where(np.abs(first) > 1 + CLOSE, 4, settled))


DAMPINGS = ("falls away", "over-damped", "critically damped", "under-damped", "unstable")
"""What a mode may do; the first where the surface curves downwards, so that growing is right."""


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


def optimum(rule: Rule, hypers: Mapping[str, Any] | None, curvatures: Any, name: str = "lr") -> float:
    """The value of one hyperparameter at which the slowest of the modes (modes,) shrinks fastest, for a `linear` rule."""
    curvatures, numbers = np.asarray(curvatures, dtype=np.float64), rule.check(hypers)
    low, high = rule.hypers[name].low, rule.hypers[name].high
    if name == "lr":
        high = float(limit(rule, hypers)) / curvatures.max()
        low = 1e-6 * high
    for _ in range(12):  # a grid that closes in: the slowest rate has kinks, but one valley
        values = (np.geomspace if name == "lr" else np.linspace)(low, high, 101)[:, None]
        now = numbers | {name: values}
        slowest = _growth(rule, now, np.broadcast_to(now["lr"] * curvatures, (len(values), len(curvatures)))).max(axis=1)
        best = int(slowest.argmin())
        low, high = float(values[max(best - 1, 0), 0]), float(values[min(best + 1, 100), 0])
    return (low + high) / 2


def curvatures(surface: Surface) -> np.ndarray:
    """(2,) eigenvalues of the Hessian at the surface's first minimum, ascending; ValueError where it has none."""
    if not surface.minima:
        raise ValueError(f"{surface.key} has no minimum, so no curvature there")
    return np.linalg.eigvalsh(surface.hessian(surface.minima[0]))


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


def modes(hessians: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curvatures (…, 2), ascending, of Hessians (…, 2, 2), and the direction (…, 2) of the larger one; NaN where not finite."""
    a, b, c = hessians[..., 0, 0], hessians[..., 0, 1], hessians[..., 1, 1]
    middle, apart = (a + c) / 2, np.hypot((a - c) / 2, b)
    turn = np.arctan2(2 * b, a - c) / 2
    return np.stack([middle - apart, middle + apart], axis=-1), np.stack([np.cos(turn), np.sin(turn)], axis=-1)


def quadratic(surface: Surface) -> bool:
    """Is the surface's Hessian the same everywhere, so that the theory of quadratics is exact on it?"""
    (xlo, xhi), (ylo, yhi) = surface.domain
    points = np.random.default_rng(0).uniform((xlo, ylo), (xhi, yhi), (16, 2))
    hessians = surface.hessian(points)
    return bool(np.allclose(hessians, hessians[0], rtol=1e-9, atol=0))


def _growth(rule: Rule, numbers: Mapping[str, Any], sizes: np.ndarray) -> np.ndarray:
    return np.abs(_roots(rule, numbers, sizes)).max(axis=-1)


def _roots(rule: Rule, numbers: Mapping[str, Any], sizes: np.ndarray) -> np.ndarray:
    own = {name: np.broadcast_to(value, sizes.shape) for name, value in numbers.items() if name != "lr"}
    columns = []
    for unit in np.eye(1 + len(rule.slots)):
        direction, *slots = _moved(rule, [np.full(sizes.shape, part) for part in unit], own)
        columns.append(np.stack([unit[0] - sizes * direction, *slots], axis=-1))
    return np.linalg.eigvals(np.stack(columns, axis=-1)).astype(complex)


def _moved(rule: Rule, state: Sequence[np.ndarray], numbers: Mapping[str, Any]) -> list[np.ndarray]:
    """Direction and new slots after the gradient and the slots in `state`."""
    moved = rule.update(*state, **numbers)
    return [np.asarray(part) for part in (moved if rule.slots else (moved,))]
