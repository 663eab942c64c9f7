"""Exact derivatives of a formula that is written once.

The formula's function is recorded, the record is differentiated by the rules of calculus and written out again. So value,
gradient and Hessian are three fast functions, and none of them is a finite difference.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from core.symbolic.emit import compiled
from core.symbolic.expression import Expr, Function, expr

# How each operation changes with its arguments: given the expression and its arguments, one factor an argument.
_PARTIALS: dict[str, Callable[..., Sequence[Any]]] = {
    "+": lambda e, a, b: (1.0, 1.0),
    "-": lambda e, a, b: (1.0, -1.0),
    "*": lambda e, a, b: (b, a),
    "/": lambda e, a, b: (1.0 / b, -e / b),
    "neg": lambda e, a: (-1.0,),
    "sqrt": lambda e, a: (0.5 / e,),
    "exp": lambda e, a: (e,),
    "log": lambda e, a: (1.0 / a,),
    "sin": lambda e, a: (a.cos(),),
    "cos": lambda e, a: (-a.sin(),),
    "tanh": lambda e, a: (1.0 - e * e,),
}


ULPS = 4.0
"""An operation's result is called exact to so many units of rounding: the elementary functions are, the rest is nearer."""


def derivative(whole: Expr, symbol: str) -> Expr:
    """∂whole/∂symbol by the chain rule; ValueError where an operation that has none depends on the symbol."""
    known: dict[int, Expr] = {}

    def of(e: Expr) -> Expr:
        if e.op in ("symbol", "number"):
            return expr(float(e.op == "symbol" and e.args[0] == symbol))
        if id(e) not in known:
            inner = [of(a) for a in e.args]
            total = expr(0.0)
            if any(d.constant != 0 for d in inner):
                if e.op not in _PARTIALS:
                    raise ValueError(f"{e.op} has no derivative here: a formula takes {', '.join(_PARTIALS)} and whole powers")
                for factor, d in zip(_PARTIALS[e.op](e, *e.args), inner, strict=True):
                    total = total + d * factor
            known[id(e)] = total
        return known[id(e)]

    return of(whole)


def rounding(whole: Expr, rounded: Sequence[str]) -> Expr:
    """How far the computed value may be from the true one, where these symbols are themselves rounded: a running error bound.

    Higham, Accuracy and Stability of Numerical Algorithms, § 3.3: each operation passes on its arguments' errors and adds its
    own. Of the second order a product's alone is kept: it is all there is where squares vanish. An operation that has no
    derivative is of parameters alone, so it errs alike everywhere, which moves nothing.
    """
    unit, known = ULPS * float(np.finfo(np.float64).eps), dict[int, Expr]()

    def of(e: Expr) -> Expr:
        if e.op in ("symbol", "number"):
            return e.abs() * unit if e.op == "symbol" and e.args[0] in rounded else expr(0.0)
        if e.op not in _PARTIALS:
            return expr(0.0)
        if id(e) not in known:
            inner = [of(a) for a in e.args]
            total = e.abs() * unit
            for factor, error in zip(_PARTIALS[e.op](e, *e.args), inner, strict=True):
                total = total + expr(factor).abs() * error
            known[id(e)] = total + inner[0] * inner[1] if e.op == "*" else total
        return known[id(e)]

    return of(whole)


class Formula:
    """A function f(x, y, **parameters) with its exact first and second derivatives in x and y.

    `value`, `gradient` and `hessian` take (x, y, *parameters in the order of the signature) and return f; (fx, fy);
    (fxx, fxy, fyy). A constant derivative comes back as a plain number, to be broadcast by the caller. Raises ValueError for a
    function that has no first or no second derivative, Unrecorded for one that cannot be recorded.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.symbols = tuple(inspect.signature(function).parameters)
        if self.symbols[:2] != ("x", "y"):
            raise ValueError("its first two arguments must be x and y")
        given = {s: Expr("symbol", s) for s in self.symbols}
        self._f = expr(function(given.pop("x"), given.pop("y"), **given))
        fx, fy = self._first = derivative(self._f, "x"), derivative(self._f, "y")
        self._second = derivative(fx, "x"), derivative(fx, "y"), derivative(fy, "y")

    @cached_property
    def value(self) -> Function:
        value = compiled([self._f], self.symbols)
        return lambda *given: value(*given)[0]

    @cached_property
    def rounding(self) -> Function:
        """(x, y, *parameters) → how far the computed f may be off at a point whose coordinates are rounded."""
        bound = compiled([rounding(self._f, ("x", "y"))], self.symbols)
        return lambda *given: bound(*given)[0]

    @cached_property
    def gradient(self) -> Function:
        return compiled(self._first, self.symbols)

    @cached_property
    def hessian(self) -> Function:
        return compiled(self._second, self.symbols)
