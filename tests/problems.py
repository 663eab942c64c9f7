"""Little objectives with known answers, and the loop that feeds a rule gradients by hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np

from core import Hyper, Rule, surface
from core.knowledge import Supply
from surfaces import SURFACES

UNDERCUT = [key for key, one in SURFACES.items() if one.caveat]
"""Surfaces that fall below their minimum outside their domain."""


@surface(
    title="Sunken",
    kind="problems",
    source="(x − d)² + y² − d",
    lesson="The deeper it is, the further away.",
    domain=((-4.0, 4.0), (-4.0, 4.0)),
    start=(-1.0, 1.0),
    minima=lambda depth: ((depth, 0.0),),
)
def sunken(x, y, *, depth: Annotated[float, Hyper(0.5, 3.0)] = 1.0):
    return (x - depth) ** 2 + y**2 - depth


@dataclass(frozen=True)
class Quadratic:
    """½ Σ hᵢ xᵢ² in as many parameters as there are curvatures; no partials, so it runs on arrays alone."""

    curvatures: tuple[float, ...]

    @property
    def start(self) -> tuple[float, ...]:
        return (1.0,) * len(self.curvatures)

    def value(self, points: np.ndarray) -> np.ndarray:
        return sum((0.5 * h * points[..., i] ** 2 for i, h in enumerate(self.curvatures)), np.zeros(points.shape[:-1]))

    def grad(self, points: np.ndarray) -> np.ndarray:
        return points * np.array(self.curvatures)


@dataclass(frozen=True)
class Line:
    """gx in one parameter, from 0: a constant gradient. Its partials let one run go on plain floats."""

    slope: float = 1.0
    start: tuple[float] = (0.0,)

    def value(self, points: np.ndarray) -> np.ndarray:
        return self.slope * points[..., 0]

    def grad(self, points: np.ndarray) -> np.ndarray:
        return np.full(points.shape, self.slope)

    @property
    def constants(self) -> tuple[float, ...]:
        return (self.slope,)

    def height(self, x: Any, slope: Any) -> Any:
        return slope * x

    def partials(self, x: Any, slope: Any) -> Sequence[Any]:
        return (slope,)


@dataclass(frozen=True)
class Fourth:
    """x⁴ in one parameter."""

    start: tuple[float] = (1.0,)
    constants = ()

    def value(self, points: np.ndarray) -> np.ndarray:
        return points[..., 0] ** 4

    def grad(self, points: np.ndarray) -> np.ndarray:
        return 4 * points * points * points

    def height(self, x: Any) -> Any:
        return x * x * x * x

    def partials(self, x: Any) -> Sequence[Any]:
        return (4 * x * x * x,)


class Counting:
    """An objective that counts how many gradients were asked of it, for one run at a time."""

    def __init__(self, objective: Any) -> None:
        self.objective = objective
        self.start = objective.start
        self.asked = 0

    def value(self, points: np.ndarray) -> np.ndarray:
        return self.objective.value(points)

    def grad(self, points: np.ndarray) -> np.ndarray:
        self.asked += 1
        return self.objective.grad(points)


def given(rule: Rule, g: Any, t: float) -> dict[str, Any]:
    """What a rule asks for beside its gradients, on ½|x|² at x = g, which is the gradient there."""
    size = g.shape[-1] if getattr(g, "shape", ()) else 1
    bowl = SimpleNamespace(
        value=lambda x: 0.5 * (x * x).sum(axis=-1),
        grad=lambda x: x,
        hessian=lambda x: np.broadcast_to(np.eye(x.shape[-1]), (*x.shape, x.shape[-1])),
        blocks=[(slice(0, size), (size,))],
    )
    known = {"t": t, "x": g, "x0": g * 0.5, "lr": rule.hypers["lr"].default}
    known |= Supply(rule.needs).at(bowl, g, lambda place, slope: slope, lambda: np.ones(size))
    return {name: known[name] for name in rule.needs}


def fed(rule: Rule, gradients: Any, hypers: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """(direction, *slots) after each gradient, with no driver around the rule."""
    rates = {name: value for name, value in hypers.items() if name != "lr"}
    slots: tuple[Any, ...] = tuple(gradients[0] * 0.0 + initial for initial in rule.slots.values())
    for step, g in enumerate(gradients, start=1):
        result = rule.update(g, *slots, **rates, **given(rule, g, float(step)))
        result = result if isinstance(result, tuple) else (result,)
        slots = result[1:]
        yield result


def drawn(rule: Rule, rng: np.random.Generator) -> dict[str, float]:
    """Hyperparameters at random: lr at most a third of its default, so that nothing is chaotic; the others where a slider goes.

    β stays at or below 0.999: closer to 1 the rounding of βᵗ, however it is computed, is magnified in 1 − βᵗ.
    """

    def one(hyper: Hyper) -> float:
        return float(rng.choice([stop for stop in hyper.stops if hyper.scale != "complement" or stop <= 0.999]))

    return {name: one(hyper) for name, hyper in rule.hypers.items()} | {
        "lr": rule.hypers["lr"].default * 10 ** rng.uniform(-2, -0.5)
    }


def same(a: Any, b: Any) -> bool:
    """Whether two arrays hold the same numbers, none a bit off; NaN equals NaN."""
    return np.array_equal(a, b, equal_nan=True)
