"""The inside of a step: a rule's own statements, evaluated with the numbers of a run, one by one."""

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core import maths
from core.effects import before
from core.engine.recorded import recorded
from core.knowledge import Supply
from core.maths import real
from core.rule import Rule
from core.simulate import prepared
from core.symbolic.notation import Equation, statements
from core.symbolic.source import constants
from core.trajectory import Trajectory

Kind = Literal["vector", "square", "size", "other"]
FACTOR = 3.0
"""Gradients are scaled by this to find out how a slot follows them."""


@dataclass(frozen=True)
class Line:
    """One statement of the rule, at every step.

    given  {name: values} of what stands on its right-hand side, each (steps, parameters) or one number for all; functions
           and matrices are not among them
    value  (steps, parameters), what comes out
    terms  the values of its summands where it is a sum, in the order they are written
    """

    equation: Equation
    given: Mapping[str, Any]
    value: np.ndarray
    terms: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Anatomy:
    """A single run taken apart; its arrays have a row for each step, down to the one at which it stopped.

    gradient  (steps, parameters) as the rule saw it: with noise, coupled decay and clipping
    lines     the rule's statements; the last gives its direction
    moved     (steps, parameters) what the step added to x
    kinds     what each slot is, see `kinds_of`
    """

    run: Trajectory
    gradient: np.ndarray
    lines: tuple[Line, ...]
    moved: np.ndarray
    kinds: Mapping[str, Kind]

    @property
    def steps(self) -> int:
        return len(self.moved)

    @property
    def direction(self) -> np.ndarray:
        """(steps, parameters), what lr is multiplied with, before any decoupled decay."""
        return self.lines[-1].value

    def slot(self, name: str) -> np.ndarray:
        """(steps, parameters) a slot's value after each step."""
        return self.run.state[name][1 : self.steps + 1, 0]

    @property
    def stride(self) -> np.ndarray:
        """(steps, parameters) each coordinate's step in units of lr; NaN where a schedule makes lr 0."""
        with np.errstate(all="ignore"):
            return np.abs(self.moved) / self.run.lr[: self.steps]

    @property
    def effective(self) -> np.ndarray:
        """(steps, parameters) the learning rate with which plain descent makes this step of a coordinate; NaN where g = 0."""
        with np.errstate(all="ignore"):
            return np.where(self.gradient == 0, np.nan, -self.moved / self.gradient)

    def angle_to(self, vectors: np.ndarray) -> np.ndarray:
        """(steps,) degrees between each step and a vector (steps, parameters); NaN where either is zero."""
        with np.errstate(all="ignore"):
            one, other = (v / np.abs(v).max(axis=1, keepdims=True) for v in (self.moved, vectors))
            cos = (one * other).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
        return np.degrees(np.arccos(np.clip(cos, -1, 1)))


def dissect(rule: Rule, objective: Any, **arguments: Any) -> Anatomy:
    """Run a rule once, as `simulate` does with these arguments, and take every step apart.

    Everything is read off the run and off the rule's own source. Raises ValueError as `simulate` does.
    """
    course = prepared(rule, objective, **arguments)
    run = recorded(course)
    steps = min(int(run.stopped[0]), run.steps)
    x = run.x[: steps + 1, 0]

    def altered(place: np.ndarray, slope: np.ndarray) -> np.ndarray:
        parts = [slope.T]
        for effect in before(course.effects, course.numbers):
            parts = effect(parts, [place.T], [course.draws[:steps].T])
        return parts[0].T

    with np.errstate(all="ignore"):
        here, draws = x[:-1], np.array([course.drawing(n)() for n in range(steps if "rng" in rule.needs else 0)])
        g = altered(here, run.gradient[:steps, 0])
        given = {name: run.state[name][:steps, 0] for name in rule.slots}
        given |= {name: real(course.numbers[name]) for name in rule.hypers if name != "lr"}
        given |= {
            "t": np.arange(1.0, steps + 1)[:, None] + course.age,
            "x": here,
            "x0": np.broadcast_to(x[:1], here.shape),
            "lr": run.lr[:steps],
            "g": g,
        }
        given |= Supply(rule.needs).at(objective, here, altered, lambda: draws)
        lines = tuple(_evaluated(rule, given))
        return Anatomy(run, g, lines, np.diff(x, axis=0), kinds_of(rule))


def _evaluated(rule: Rule, given: dict[str, Any]) -> Iterator[Line]:
    """The rule's lines; `given` has the values of all names to begin with."""
    shape, functions = given["g"].shape, {name: getattr(maths, name) for name in maths.__all__} | {"math": math}
    given = {**constants(rule.update), **given}
    for equation in statements(rule.update):
        names = [node.id for node in ast.walk(equation.source) if isinstance(node, ast.Name) and node.id in given]
        # What is evaluated is the rule's own source.
        result, *terms = (
            np.broadcast_to(eval(compile(ast.Expression(node), rule.key, "eval"), functions, given), shape)
            for node in (equation.source, *_summands(equation.source))
        )
        plain = {name: given[name] for name in names if not callable(given[name]) and np.ndim(given[name]) <= len(shape)}
        yield Line(equation, plain, result, tuple(terms))
        given = {**given, equation.target: result}


def _summands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*(_summands(node.left) or [node.left]), node.right]
    return []


def kinds_of(rule: Rule) -> dict[str, Kind]:
    """What each slot holds, found by scaling and turning the gradients that the rule is fed.

    A "vector" grows with the gradient and turns with it (a momentum); a "square" grows with its square, whichever way it
    points (a second moment); a "size" grows with it, whichever way it points; anything else is "other".
    """
    plain, larger, turned = (_fed(rule, factor) for factor in (1.0, FACTOR, -1.0))
    kinds: dict[str, Kind] = {}
    for name in rule.slots:
        with np.errstate(all="ignore"):
            growth = larger[name] / plain[name]
        turns = np.allclose(turned[name], -plain[name])
        follows = {power: np.allclose(growth, FACTOR**power, rtol=1e-3) for power in (1, 2)}
        if follows[2] and not turns:
            kinds[name] = "square"
        elif follows[1]:
            kinds[name] = "vector" if turns else "size"
        else:
            kinds[name] = "other"
    return kinds


class _Bowl:
    """½|x|²: its gradient is the place."""

    def value(self, points: np.ndarray) -> np.ndarray:
        return 0.5 * (points**2).sum(axis=-1)

    def grad(self, points: np.ndarray) -> np.ndarray:
        return points

    def hessian(self, points: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.eye(points.shape[-1]), (*points.shape, points.shape[-1]))

    blocks = ((slice(0, 8), (2, 4)),)


def _fed(rule: Rule, factor: float) -> dict[str, np.ndarray]:
    """A rule's slots (1, parameters) after a few gradients of fixed but irregular sizes."""
    gradients = factor * np.random.default_rng(0).uniform(1.0, 2.0, (5, 1, 8))
    numbers = {name: hyper.default for name, hyper in rule.hypers.items() if name != "lr"}
    slots = [np.full((1, 8), initial) for initial in rule.slots.values()]
    for t, g in enumerate(gradients, start=1):
        x = g if rule.together else g * 0
        given = {"t": float(t), "x": x, "x0": x, "lr": rule.hypers["lr"].default}
        given |= Supply(rule.needs).at(_Bowl(), g, lambda place, slope: slope, lambda: np.ones(8))
        if rule.slots:
            _, *slots = rule.update(g, *slots, **{name: given[name] for name in rule.needs}, **numbers)
    return dict(zip(rule.slots, (np.broadcast_to(slot, (1, 8)) for slot in slots), strict=True))
