"""The differentiator against torch's, which knows nothing of it: both are given the same Python function."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.maths import cos, exp, log, sin, sqrt, tanh
from core.symbolic.derivative import Expr, Formula, compiled, derivative

Function = Callable[[Any, Any, Any], Any]

# Each is smooth whatever its argument.
UNARY: tuple[Callable[[Any], Any], ...] = (
    lambda u: -u,
    lambda u: u**2 / 4,
    lambda u: u**3 / 8,
    lambda u: sqrt(1 + u * u),
    lambda u: exp(sin(u)),
    lambda u: log(2 + u * u),
    sin,
    cos,
    tanh,
    lambda u: 1 / (2 + cos(u)),
    lambda u: 2 - u,
)
BINARY: tuple[Callable[[Any, Any], Any], ...] = (
    lambda u, v: u + v,
    lambda u, v: u - v,
    lambda u, v: u * v,
    lambda u, v: u / (1 + v * v),
    lambda u, v: u * u - v * u,
)


def applied(operation: Callable[..., Any], *inner: Function) -> Function:
    return lambda x, y, a: operation(*(f(x, y, a) for f in inner))


LEAVES: st.SearchStrategy[Function] = st.one_of(
    st.sampled_from([lambda x, y, a: x, lambda x, y, a: y, lambda x, y, a: a * x, lambda x, y, a: x - y]),
    st.integers(-3, 3).map(lambda c: lambda x, y, a: c + 0 * x),
)
FORMULAS: st.SearchStrategy[Function] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(applied, st.sampled_from(UNARY), inner),
        st.builds(applied, st.sampled_from(BINARY), inner, inner),
    ),
    max_leaves=8,
)
POINTS = np.random.default_rng(0).uniform(-2, 2, (2, 40))
A = 0.7


def by_torch(function: Function) -> list[np.ndarray]:
    """f, fx, fy, fxx, fxy, fyy at POINTS."""
    p = torch.tensor(POINTS, requires_grad=True)
    hold = 0 * p.pow(3).sum()  # a derivative that is constant still has a graph
    f = function(p[0], p[1], A) + hold
    (first,) = torch.autograd.grad(f.sum(), p, create_graph=True)
    second = [torch.autograd.grad(row.sum(), p, retain_graph=True)[0] for row in first]
    return [t.detach().numpy() for t in (f, *first, second[0][0], second[0][1], second[1][1])]


def by_formula(function: Function) -> list[np.ndarray]:
    formula = Formula(function)
    x, y = POINTS
    parts = [formula.value(x, y, A), *formula.gradient(x, y, A), *formula.hessian(x, y, A)]
    return [np.broadcast_to(part, x.shape) for part in parts]


@given(FORMULAS)
@settings(max_examples=300, derandomize=True, deadline=None)
def test_derivatives_equal_torchs(function: Function) -> None:
    for ours, theirs in zip(by_formula(function), by_torch(function), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12 * max(1.0, np.abs(theirs).max()))


@pytest.mark.parametrize("name", ["sqrt", "exp", "log", "sin", "cos", "tanh"])
def test_each_function_alone(name: str) -> None:
    operation = {"sqrt": sqrt, "exp": exp, "log": log, "sin": sin, "cos": cos, "tanh": tanh}[name]

    def function(x: Any, y: Any, a: Any) -> Any:
        return operation((9 + a * x * y + x) / 9)

    for ours, theirs in zip(by_formula(function), by_torch(function), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13 * np.abs(theirs).max())


@pytest.mark.parametrize("exponent", range(1, 13))
def test_a_power_is_a_product(exponent: int) -> None:
    formula = Formula(lambda x, y: x**exponent + y)
    assert formula.value(3.0, 0.0) == 3.0**exponent
    assert formula.gradient(2.0, 0.0)[0] == exponent * 2.0 ** (exponent - 1)
    assert formula.hessian(2.0, 0.0)[0] == exponent * (exponent - 1) * 2.0 ** (exponent - 2)


@pytest.mark.parametrize("exponent", [0, -1, 0.5, 2.0, "2"])
def test_other_powers_are_refused(exponent: Any) -> None:
    with pytest.raises(ValueError, match=f"powers 1, 2, 3, …, not {exponent!r}"):
        Formula(lambda x, y: x**exponent)


def test_a_constant_derivative_is_a_plain_number() -> None:
    formula = Formula(lambda x, y: 3 * x + y**2)
    x = np.zeros((2, 3))
    fx, fy = formula.gradient(x, x)
    assert fx == 3.0
    assert fy.shape == (2, 3)
    assert formula.hessian(x, x)[:2] == (0.0, 0.0)
    assert Formula(lambda x, y: 5).gradient(x, x) == (0.0, 0.0)


def test_reflected_operators() -> None:
    formula = Formula(lambda x, y: 7 - (2 / x) + 3 * y + (1 + x))
    assert formula.value(4.0, 2.0) == 17.5
    assert formula.gradient(4.0, 2.0) == (1.125, 3.0)


def test_numbers_alone_are_computed_on_the_way() -> None:
    x = Expr("symbol", "x")
    minus = -x
    half = (Expr("number", 1.0) - 2) * 0.5
    assert half.constant == -0.5
    assert (x * 0).constant == (0 * x).constant == (0 / x).constant == 0
    assert x * 1 is x + 0 is x - 0 is x / 1 is -minus is x
    assert (x * 0 + half * 4).constant == -2


def test_a_shared_part_is_computed_once() -> None:
    class Counted(float):
        products = 0

        def __mul__(self, other: float) -> float:
            Counted.products += 1
            return float(self) * other

    x, y = Expr("symbol", "x"), Expr("symbol", "y")
    twice = x * y + (x * y) / (x * y)
    assert compiled([twice, derivative(x * x * y, "y")], ("x", "y"))(Counted(3.0), 2.0) == (7.0, 9.0)
    assert Counted.products == 2


def test_one_record_serves_floats_arrays_and_tensors() -> None:
    formula = Formula(lambda x, y: exp(sin(x) * y) / sqrt(1 + x**2) + log(2 + tanh(y)))
    x, y = POINTS
    for part in (formula.value, lambda *p: formula.gradient(*p)[0], lambda *p: formula.hessian(*p)[1]):
        on_array = part(x, y)
        assert np.array_equal(on_array, [part(u, v) for u, v in zip(x.tolist(), y.tolist(), strict=True)])
        np.testing.assert_allclose(part(torch.tensor(x), torch.tensor(y)).numpy(), on_array, rtol=1e-13)


def test_infinite_constants_survive() -> None:
    assert Formula(lambda x, y: x + math.inf).value(1.0, 0.0) == math.inf
