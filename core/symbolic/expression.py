"""Recorded arithmetic: a pure function called with symbols leaves a record of what it does.

Signs are pulled outwards on the way, which changes no value. The record can be differentiated (core.symbolic.derivative) and
written out again as one flat Python function (`compiled`, `hoisted`), which runs on floats, numpy arrays and tensors alike.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np

from core import maths

Number = int | float
Function = Callable[..., Any]


class Unrecorded(Exception):
    """What a function does with a symbol is no arithmetic of this language, so there is no record of it."""


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
        if b.op == "neg":
            return -(-a + b.args[0]) if a.op == "neg" else a - b.args[0]
        return b - a.args[0] if a.op == "neg" else Expr("+", a, b)

    def __sub__(self, other: "Expr | Number") -> "Expr":
        a, b = self, expr(other)
        if a.constant is not None and b.constant is not None:
            return expr(a.constant - b.constant)
        if b.constant == 0:
            return a
        if a.constant == 0:
            return -b
        return a + b.args[0] if b.op == "neg" else Expr("-", a, b)

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
            if one.op == "neg":
                return -(one.args[0] * rest)
        return Expr("*", a, b)

    def __truediv__(self, other: "Expr | Number") -> "Expr":
        a, b = self, expr(other)
        if a.constant == 0:
            return a
        return a if b.constant == 1 else Expr("/", a, b)

    def __neg__(self) -> "Expr":
        if self.constant is not None:
            return expr(-self.constant)
        if self.op == "-":
            return Expr("-", *reversed(self.args))
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
        if name.startswith("__"):  # how Python and numpy ask what a thing is
            raise AttributeError(name)
        raise Unrecorded(f"what is recorded is one number: it has no {name}")

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


_OPERATORS = ("+", "-", "*", "/", ">", "<")

_ANYWHERE = {op: getattr(maths, op) for op in maths.ELEMENTWISE}

_ON_ARRAYS = {op: getattr(np, op) for op in maths.ELEMENTWISE} | {"spread": lambda value, like: np.full_like(like, value)}
"""Those of numpy; "spread" is a number that all runs share, once for each."""

_PLAIN = {
    "root": math.sqrt,
    "fabs": math.fabs,
    "raised": np.power,
    "floored": np.floor,
    "nan": math.nan,
    "inf": math.inf,
}
"""What the texts below name."""

_ON_FLOATS = _ANYWHERE | {
    "sqrt": "(root({0}) if {0} >= 0 else nan)",
    "abs": "fabs({0})",
    "sign": "(1.0 if {0} > 0 else -1.0 if {0} < 0 else {0} if {0} != {0} else 0.0)",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "clip": "({1} if {0} < {1} else {2} if {0} > {2} else {0})",
    "where": "({1} if {0} else {2})",
    "floor": "float(floored({0}))",
    "power": "float(raised({0}, {1}))",
}
"""The functions of core.maths, written out for floats: the same values bit for bit, without the call."""


_Steps = Mapping[str, tuple[str, list[str]]]
"""{name: (operation, the names of its arguments)}, in an order in which they can be computed; a literal stands in brackets."""


def compiled(outputs: Sequence[Expr], symbols: Sequence[str]) -> Function:
    """A flat Python function of the symbols that returns the outputs' values as a tuple. Each shared part is computed once."""
    steps, results = _flattened(outputs, {})
    return _written(steps, results, symbols, _ANYWHERE)


def hoisted(
    outputs: Sequence[Expr],
    symbols: Sequence[str],
    settled: Sequence[str],
    *,
    on_floats: bool,
    known: Mapping[Any, str] = MappingProxyType({}),
) -> tuple[Function, Function]:
    """The same in two functions, for symbols of which some, `settled`, are the same at every call.

    The first takes those and returns all that can be computed of them once; the second takes the symbols, the settled ones,
    then these values. They are for Python floats alone with `on_floats`, else for numpy arrays alone. `known` maps parts, an
    operation and the names of its arguments, to symbols that bring their values.
    """
    steps, results = _flattened(outputs, known)
    once: dict[str, tuple[str, list[str]]] = {}
    for name, (op, args) in steps.items():
        if all(arg in once or arg in settled or arg.startswith("(") for arg in args):
            once[name] = op, args
    every = {name: step for name, step in steps.items() if name not in once}
    used = {arg for _, args in every.values() for arg in args} | set(results)
    kept = [name for name in once if name in used]
    functions = _ON_FLOATS if on_floats else _ON_ARRAYS
    return _written(once, kept, settled, functions), _written(every, results, [*symbols, *settled, *kept], functions)


def _flattened(outputs: Sequence[Expr], known: Mapping[Any, str]) -> tuple[_Steps, list[str]]:
    """The steps that lead to the outputs, and the outputs' names."""
    steps: dict[str, tuple[str, list[str]]] = {}
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
                names[by_shape] = f"_{len(steps)}"
                steps[names[by_shape]] = e.op, args
            names[by_identity] = names[by_shape]
        return names[by_identity]

    return steps, [name(e) for e in outputs]


def _written(steps: _Steps, results: Sequence[str], symbols: Sequence[str], functions: Mapping[str, Any]) -> Function:
    """The function of the symbols that takes these steps; of `functions`, texts are written out and the others called."""

    def text(op: str, args: list[str]) -> str:
        if op in _OPERATORS:
            return f"{args[0]} {op} {args[1]}"
        if op == "neg":
            return f"-{args[0]}"
        function = functions[op]
        return function.format(*args) if isinstance(function, str) else f"{op}({', '.join(args)})"

    places = _places(steps, results)
    lines = [f"    {places[name]} = {text(op, [places.get(arg, arg) for arg in args])}" for name, (op, args) in steps.items()]
    given = "".join(f"{places.get(result, result)}, " for result in results)
    source = "\n".join([f"def recorded({', '.join(symbols)}):", *lines, f"    return ({given})"])
    scope = {**functions, **_PLAIN}
    exec(source, scope)  # the text is written above from numbers, operators and the functions in scope alone
    return scope["recorded"]


def _places(steps: _Steps, results: Sequence[str]) -> dict[str, str]:
    """Which variable holds each step's value: one whose value is not needed any more, so that arrays stay in the cache."""
    last = {arg: name for name, (_, args) in steps.items() for arg in args} | dict.fromkeys(results, "")
    free: list[str] = []
    places: dict[str, str] = {}
    for name, (_, args) in steps.items():
        free += [places[arg] for arg in dict.fromkeys(args) if arg in places and last[arg] == name]
        places[name] = free.pop() if free else name
    return places
