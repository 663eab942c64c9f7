"""Recorded arithmetic: a pure function called with symbols leaves a record of what it does.

The record can be differentiated (core.formula) and written out again as one flat Python function (`compiled`), which runs on
floats, numpy arrays and tensors alike.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
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
        a, b = self, expr(other)
        if a.constant is not None and b.constant is not None:
            return expr(a.constant + b.constant)
        if b.constant == 0:
            return a
        if a.constant == 0:
            return b
        return Expr("+", a, b)

    def __sub__(self, other: "Expr | Number") -> "Expr":
        a, b = self, expr(other)
        if a.constant is not None and b.constant is not None:
            return expr(a.constant - b.constant)
        if b.constant == 0:
            return a
        return -b if a.constant == 0 else Expr("-", a, b)

    def __mul__(self, other: "Expr | Number") -> "Expr":
        a, b = self, expr(other)
        if a.constant is not None and b.constant is not None:
            return expr(a.constant * b.constant)
        for one, rest in ((a, b), (b, a)):
            if one.constant == 0:
                return expr(0.0)
            if one.constant == 1:
                return rest
            if one.constant == -1:
                return -rest
        return Expr("*", a, b)

    def __truediv__(self, other: "Expr | Number") -> "Expr":
        a, b = self, expr(other)
        if a.constant == 0:
            return a
        return a if b.constant == 1 else Expr("/", a, b)

    def __neg__(self) -> "Expr":
        if self.constant is not None:
            return expr(-self.constant)
        return self.args[0] if self.op == "neg" else Expr("neg", self)

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
        raise TypeError("what is recorded has no value yet, so it cannot decide a branch: use where")

    @property
    def constant(self) -> float | None:
        """The number, where the expression is one."""
        return self.args[0] if self.op == "number" else None


def expr(value: "Expr | Number") -> Expr:
    return value if isinstance(value, Expr) else Expr("number", float(value))


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


_OPERATORS = ("+", "-", "*", "/", ">", "<")

_ON_FLOATS = {
    "sqrt": "(root({0}) if {0} >= 0 else nan)",
    "abs": "fabs({0})",
    "sign": "(1.0 if {0} > 0 else -1.0 if {0} < 0 else {0} if {0} != {0} else 0.0)",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "clip": "({1} if {0} < {1} else {2} if {0} > {2} else {0})",
    "where": "({1} if {0} else {2})",
}
"""The functions of core.maths, written out for floats: the same values bit for bit, without the call."""


def compiled(
    outputs: Sequence[Expr], symbols: Sequence[str], *, on_floats: bool = False, known: Mapping[Any, str] = MappingProxyType({})
) -> Function:
    """A flat Python function of the symbols that returns the outputs' values as a tuple.

    Each shared part is computed once. With `on_floats` it is for Python floats alone, and faster. `known` maps parts, an
    operation and the names of its arguments, to symbols that bring their values.
    """
    lines: list[str] = []
    names: dict[Any, str] = dict(known)

    def name(e: Expr) -> str:
        if e.op == "symbol":
            return e.args[0]
        if e.op == "number":
            return f"({e.args[0]!r})"
        by_identity = ("id", id(e))
        if by_identity not in names:
            args = [name(a) for a in e.args]
            by_shape = (e.op, *args)
            if by_shape not in names:
                names[by_shape] = f"_{len(lines)}"
                lines.append(f"    {names[by_shape]} = {text(e.op, args)}")
            names[by_identity] = names[by_shape]
        return names[by_identity]

    def text(op: str, args: list[str]) -> str:
        if op in _OPERATORS:
            return f"{args[0]} {op} {args[1]}"
        if op == "neg":
            return f"-{args[0]}"
        return _ON_FLOATS[op].format(*args) if on_floats and op in _ON_FLOATS else f"{op}({', '.join(args)})"

    results = "".join(f"{name(e)}, " for e in outputs)
    source = "\n".join([f"def recorded({', '.join(symbols)}):", *lines, f"    return ({results})"])
    scope = {op: getattr(maths, op) for op in maths.__all__}
    scope |= {"root": math.sqrt, "fabs": math.fabs, "nan": math.nan, "inf": math.inf}
    exec(source, scope)  # the text is written above from numbers, operators and the functions in scope alone
    return scope["recorded"]
