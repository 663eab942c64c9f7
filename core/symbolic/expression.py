"""Recorded arithmetic: a pure function called with symbols leaves a record of what it does.

It is made simpler on the way (core.symbolic.simplify). The record can be differentiated (core.symbolic.derivative), put in
order (core.symbolic.program) and written out again (core.symbolic.emit).
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from core.symbolic.simplify import SIMPLER

Number = int | float
Function = Callable[..., Any]


class Unrecorded(Exception):
    """What a function does with a symbol is no arithmetic of this language, so there is no record of it."""


class _NoSuchPart(Unrecorded, AttributeError):
    """The same where an attribute is asked for, so that whoever asks whether there is one gets an answer."""


class Expr:
    """A recorded expression: an operation and its arguments; a leaf is a symbol's name or a constant."""

    __slots__ = ("args", "op")

    def __init__(self, op: str, *args: Any) -> None:
        self.op = op
        self.args = args

    def __add__(self, other: "Expr | Number") -> "Expr":
        return _recorded("+", self, other)

    def __sub__(self, other: "Expr | Number") -> "Expr":
        return _recorded("-", self, other)

    def __mul__(self, other: "Expr | Number") -> "Expr":
        return _recorded("*", self, other)

    def __truediv__(self, other: "Expr | Number") -> "Expr":
        return _recorded("/", self, other)

    def __neg__(self) -> "Expr":
        return _recorded("neg", self)

    def __pow__(self, exponent: "Expr | int") -> "Expr":
        if isinstance(exponent, Expr):
            return Expr("power", self, exponent)
        # Products, not pow(): the C library, numpy and torch round powers differently.
        if not isinstance(exponent, int) or exponent < 1:
            raise ValueError(f"a formula takes powers 1, 2, 3, …, not {exponent!r}")
        if exponent == 1:
            return self
        half = self ** (exponent // 2)
        return half * half * self if exponent % 2 else half * half

    def __radd__(self, other: Number) -> "Expr":
        return expr(other) + self

    def __rsub__(self, other: Number) -> "Expr":
        return expr(other) - self

    def __rmul__(self, other: Number) -> "Expr":
        return expr(other) * self

    def __rtruediv__(self, other: Number) -> "Expr":
        return expr(other) / self

    def __rpow__(self, other: Number) -> "Expr":
        return expr(other) ** self

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

    def floor(self) -> "Expr":
        return Expr("floor", self)

    def solve(self, other: "Expr") -> "Expr":
        return Expr("solve", self, other)

    def abs(self) -> "Expr":
        return Expr("abs", self)

    def sign(self) -> "Expr":
        return Expr("sign", self)

    def maximum(self, other: "Expr | Number") -> "Expr":
        return Expr("maximum", self, expr(other))

    def clamp(self, low: "Expr | Number", high: "Expr | Number") -> "Expr":
        return Expr("clip", self, expr(low), expr(high))

    def where(self, condition: "Expr", other: "Expr | Number") -> "Expr":
        return Expr("where", condition, self, expr(other))

    def __gt__(self, other: "Expr | Number") -> "Expr":
        return Expr(">", self, expr(other))

    def __lt__(self, other: "Expr | Number") -> "Expr":
        return Expr("<", self, expr(other))

    def __bool__(self) -> bool:
        raise Unrecorded("what is recorded has no value yet, so it cannot decide a branch: use where")

    def __float__(self) -> float:
        raise Unrecorded("what is recorded has no value yet, so the functions of math do not take it: use those of core.maths")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **_: Any) -> "Expr":
        if method == "__call__" and ufunc in _BY_UFUNC:
            return _BY_UFUNC[ufunc](*map(expr, inputs))
        raise Unrecorded(f"numpy’s {ufunc.__name__} is not recorded: use operators and the functions of core.maths")

    def __getitem__(self, _: Any) -> Any:
        raise Unrecorded("what is recorded is one number: it has no parts")

    def __matmul__(self, _: Any) -> Any:
        raise Unrecorded("what is recorded is one number: it is in no matrix product")

    def __iter__(self) -> Iterator[Any]:
        return self[0]

    __rmatmul__ = __matmul__

    def __getattr__(self, name: str) -> Any:
        raise _NoSuchPart(f"what is recorded is one number: it has no {name}")

    @property
    def constant(self) -> float | None:
        """The number, where the expression is one."""
        return self.args[0] if self.op == "number" else None


def expr(value: "Expr | Number") -> Expr:
    if isinstance(value, Expr):
        return value
    if not isinstance(value, Real):
        raise Unrecorded(f"{value!r} is not a number")
    return Expr("number", float(value))


def _recorded(op: str, *args: Expr | Number) -> Expr:
    operands = [expr(a) for a in args]
    simpler = SIMPLER[op](*operands)
    return Expr(op, *operands) if simpler is None else expr(simpler)


_BY_UFUNC: Mapping[np.ufunc, Callable[..., Expr]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
}
"""What a number of numpy's does with an expression beside it."""


def parts_of(outputs: Sequence[Expr]) -> Iterator[Expr]:
    """Every expression that the outputs are made of, each once."""
    seen: set[int] = set()
    waiting = list(outputs)
    while waiting:
        e = waiting.pop()
        if id(e) not in seen:
            seen.add(id(e))
            yield e
            waiting += [a for a in e.args if isinstance(a, Expr)]
