"""Which rules run as one flat function on which surfaces: all that see their coordinates one by one, on every surface."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core import Surface, simulate
from core.engine.course import Analytic
from core.engine.step import flat
from core.symbolic.expression import Expr, Unrecorded, expr
from optimizers import ENTRANTS
from surfaces import SURFACES


class Bare:
    """A surface that says no more than its values and gradients."""

    def __init__(self, surface: Surface) -> None:
        self.value, self.grad, self.start = surface.value, surface.grad, surface.start


EFFECTS = (frozenset[str](), frozenset({"l2", "noise", "clip_value", "clip_norm", "weight_decay"}))
TOGETHER = {key for key, entrant in ENTRANTS.items() if entrant.rule.together}


def fast(key: str, surface: Analytic, *, floats: bool, effects: frozenset[str] = EFFECTS[0]) -> bool:
    heights = (None,) if floats else (None, surface.height)
    constants = len(surface.constants)
    every = [
        flat(ENTRANTS[key].rule, effects, 2, surface.partials, constants, height=height, floats=floats) for height in heights
    ]
    return all(every)


@pytest.mark.parametrize("floats", [True, False], ids=["floats", "arrays"])
def test_who_is_not_on_the_fast_path_is_known(floats):
    slow = {
        (key, name)
        for key in ENTRANTS
        for name, surface in SURFACES.items()
        for effects in EFFECTS
        if not fast(key, surface, floats=floats, effects=effects)
    }
    assert slow == {(key, name) for key in TOGETHER for name in SURFACES}


def test_those_that_see_all_coordinates_together_are_few():
    assert len(TOGETHER) <= 2


@pytest.mark.parametrize("key", sorted({*ENTRANTS} - TOGETHER))
def test_a_slope_that_is_the_same_everywhere_is_a_run_like_any_other(key):
    """On the plane what a rule keeps may not depend on the run at all; the same numbers come without the flat function."""
    plane, rates = SURFACES["plane"], np.array([0.01, 0.1, 1.0])
    given: dict[str, Any] = {"start": (0.5, -0.5), "hypers": {"lr": rates}, "steps": 20}
    found, plain = simulate(ENTRANTS[key].rule, plane, **given), simulate(ENTRANTS[key].rule, Bare(plane), **given)
    np.testing.assert_array_equal(found.x, plain.x)
    for slot in found.state:
        assert found.state[slot].shape == (21, 3, 2)
        np.testing.assert_array_equal(found.state[slot], plain.state[slot])


UNRECORDED: dict[str, Callable[[Expr], Any]] = {
    "a branch": lambda x: 1.0 if x > 0 else 2.0,
    "math": lambda x: __import__("math").sqrt(x),
    "numpy": lambda x: np.arctan(x),  # type: ignore[arg-type]
    "numpy over an array": lambda x: np.array([1.0, 2.0]) * x,
    "a reduction": lambda x: np.add.reduce(x),  # type: ignore[arg-type]
    "an index": lambda x: x[0],
    "an iteration": lambda x: [*x],
    "a matrix": lambda x: x @ x,
    "an attribute": lambda x: x.shape,
    "no number": lambda x: expr("one"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("deed", UNRECORDED)
def test_what_cannot_be_recorded_says_so_by_an_exception_of_its_own(deed):
    with pytest.raises(Unrecorded):
        UNRECORDED[deed](Expr("symbol", "x"))


def test_whether_it_has_an_attribute_may_be_asked():
    assert not hasattr(Expr("symbol", "x"), "shape")
    assert getattr(Expr("symbol", "x"), "nbytes", 0) == 0


def test_numbers_of_numpy_are_numbers():
    x = Expr("symbol", "x")
    two: Any = np.float32(2.0)
    for made in (np.float64(2.0) * x, two + x, x / np.float64(4.0), np.float64(1.0) - x):
        assert isinstance(made, Expr)


def test_a_mistake_in_a_surface_of_ones_own_is_told_not_taken_for_something_slow():
    class Mistaken(Bare):
        constants = ()

        @staticmethod
        def partials(x: Any, y: Any) -> tuple[Any, Any]:
            return x + len(3), y  # type: ignore[arg-type]

        height = staticmethod(lambda x, y: x * y)

    with pytest.raises(TypeError, match="has no len"):
        simulate(ENTRANTS["sgd"].rule, Mistaken(SURFACES["plane"]), start=(0.0, 0.0), steps=2)
