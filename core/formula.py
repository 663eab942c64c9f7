"""Exact derivatives of a formula that is written once.

The formula's function is called with symbols, which record what it does; the record is differentiated by the rules of
calculus and written out again as plain Python. So value, gradient and Hessian are three fast functions that run on floats,
numpy arrays and tensors alike, and none of them is a finite difference.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from core import maths

Number = int | float
Function = Callable[..., Any]


class Expr:
    """A recorded expression: an operation and its arguments; a leaf is a symbol's name or a constant."""

    __slots__ = ("args", "op")

    def __init__(self, op: str, *args: Any) -> None:
        self.op = op
        self.args = args

    def __add__(self, other: "Expr | Number") -> "Expr":
        a, b = self, _expr(other)
        if a.constant is not None and b.constant is not None:
            return _expr(a.constant + b.constant)
        if b.constant == 0:
            return a
        if a.constant == 0:
            return b
        return Expr("+", a, b)

    def __sub__(self, other: "Expr | Number") -> "Expr":
        a, b = self, _expr(other)
        if a.constant is not None and b.constant is not None:
            return _expr(a.constant - b.constant)
        if b.constant == 0:
            return a
        return -b if a.constant == 0 else Expr("-", a, b)

    def __mul__(self, other: "Expr | Number") -> "Expr":
        a, b = self, _expr(other)
        if a.constant is not None and b.constant is not None:
            return _expr(a.constant * b.constant)
        for one, rest in ((a, b), (b, a)):
            if one.constant == 0:
                return _expr(0.0)
            if one.constant == 1:
                return rest
            if one.constant == -1:
                return -rest
        return Expr("*", a, b)

    def __truediv__(self, other: "Expr | Number") -> "Expr":
        a, b = self, _expr(other)
        if a.constant == 0:
            return a
        return a if b.constant == 1 else Expr("/", a, b)

    def __neg__(self) -> "Expr":
        if self.constant is not None:
            return _expr(-self.constant)
        return self.args[0] if self.op == "neg" else Expr("neg", self)

    def __pow__(self, exponent: int) -> "Expr":
        # Products, not pow(): the C library, numpy and torch round powers differently.
        if not isinstance(exponent, int) or exponent < 1:
            raise ValueError(f"a formula takes powers 1, 2, 3, …, not {exponent!r}")
        if exponent == 1:
            return self
        half = self ** (exponent // 2)
        return half * half * self if exponent % 2 else half * half

    def __radd__(self, other: Number) -> "Expr":
        return _expr(other) + self

    def __rsub__(self, other: Number) -> "Expr":
        return _expr(other) - self

    def __rmul__(self, other: Number) -> "Expr":
        return _expr(other) * self

    def __rtruediv__(self, other: Number) -> "Expr":
        return _expr(other) / self

    def sqrt(self) -> "Expr":
        return Expr("sqrt", self)

    def exp(self) -> "Expr":
        return Expr("exp", self)

    def log(self) -> "Expr":
        return Expr("log", self)

    def sin(self) -> "Expr":
        return Expr("sin", self)

    def cos(self) -> "Expr":
        return Expr("cos", self)

    def tanh(self) -> "Expr":
        return Expr("tanh", self)

    @property
    def constant(self) -> float | None:
        """The number, where the expression is one."""
        return self.args[0] if self.op == "number" else None


def _expr(value: "Expr | Number") -> Expr:
    return value if isinstance(value, Expr) else Expr("number", float(value))


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


def derivative(expr: Expr, symbol: str) -> Expr:
    """∂expr/∂symbol by the chain rule."""
    known: dict[int, Expr] = {}

    def of(e: Expr) -> Expr:
        if e.op in ("symbol", "number"):
            return _expr(float(e.op == "symbol" and e.args[0] == symbol))
        if id(e) not in known:
            inner = [of(a) for a in e.args]
            total = _expr(0.0)
            if any(d.constant != 0 for d in inner):
                for factor, d in zip(_PARTIALS[e.op](e, *e.args), inner, strict=True):
                    total = total + d * factor
            known[id(e)] = total
        return known[id(e)]

    return of(expr)


def compiled(outputs: Sequence[Expr], symbols: Sequence[str]) -> Function:
    """A plain Python function of the symbols that returns the outputs' values, each shared part computed once."""
    lines: list[str] = []
    names: dict[Any, str] = {}

    def name(e: Expr) -> str:
        if e.op == "symbol":
            return e.args[0]
        if e.op == "number":
            return f"({e.args[0]!r})" if math.isfinite(e.args[0]) else f"float('{e.args[0]}')"
        by_identity = ("id", id(e))
        if by_identity not in names:
            args = [name(a) for a in e.args]
            by_shape = (e.op, *args)
            if by_shape not in names:
                names[by_shape] = f"_{len(lines)}"
                call = f"-{args[0]}" if e.op == "neg" else f"{e.op}({args[0]})"
                lines.append(f"    {names[by_shape]} = " + (f"{args[0]} {e.op} {args[1]}" if len(args) == 2 else call))
            names[by_identity] = names[by_shape]
        return names[by_identity]

    results = ", ".join(name(e) for e in outputs)
    source = "\n".join([f"def formula({', '.join(symbols)}):", *lines, f"    return {results}"])
    scope = {op: getattr(maths, op) for op in ("sqrt", "exp", "log", "sin", "cos", "tanh")}
    exec(source, scope)  # the text is written above from numbers, operators and the functions in scope alone
    return scope["formula"]


class Formula:
    """A function f(x, y, **parameters) with its exact first and second derivatives in x and y.

    `value`, `gradient` and `hessian` take (x, y, *parameters in the order of the signature) and return f; (fx, fy);
    (fxx, fxy, fyy). A constant derivative comes back as a plain number, to be broadcast by the caller.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.symbols = tuple(inspect.signature(function).parameters)
        given = {s: Expr("symbol", s) for s in self.symbols}
        self._f = _expr(function(given.pop("x"), given.pop("y"), **given))

    @cached_property
    def _first(self) -> tuple[Expr, Expr]:
        return derivative(self._f, "x"), derivative(self._f, "y")

    @cached_property
    def value(self) -> Function:
        return compiled([self._f], self.symbols)

    @cached_property
    def gradient(self) -> Function:
        return compiled(self._first, self.symbols)

    @cached_property
    def hessian(self) -> Function:
        fx, fy = self._first
        return compiled([derivative(fx, "x"), derivative(fx, "y"), derivative(fy, "y")], self.symbols)
