"""A record written out as flat Python functions, which run on floats, numpy arrays and tensors alike."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core import maths
from core.symbolic.expression import Expr, Function
from core.symbolic.program import Program, flattened_record, places_of, settled_part

Writing = Mapping[str, Any]
"""How each operation is written: a text with places for its operands, or a function, called by the operation's name."""

_OPERATORS: Writing = {op: f"{{0}} {op} {{1}}" for op in ("+", "-", "*", "/", ">", "<")} | {"neg": "-{0}"}

_ANYWHERE: Writing = {**_OPERATORS, **{op: getattr(maths, op) for op in maths.ELEMENTWISE}}

_ON_ARRAYS: Writing = {
    **_OPERATORS,
    **{op: getattr(np, op) for op in maths.ELEMENTWISE},
    "spread": lambda value, like: np.full_like(like, value),
}
"""Functions of numpy; "spread" is a number that all runs share, once for each."""

_PLAIN = {
    "root": math.sqrt,
    "fabs": math.fabs,
    "raised": np.power,
    "floored": np.floor,
    "nan": math.nan,
    "inf": math.inf,
}
"""What the texts below name."""

_ON_FLOATS: Writing = {
    **_ANYWHERE,
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


def compiled(outputs: Sequence[Expr], symbols: Sequence[str]) -> Function:
    """A flat Python function of the symbols that returns the outputs' values as a tuple. Each shared part is computed once."""
    steps, results = flattened_record(outputs)
    return _written(steps, results, symbols, _ANYWHERE)


def hoisted(
    outputs: Sequence[Expr], symbols: Sequence[str], settled: Sequence[str], *, on_floats: bool
) -> tuple[Function, Function]:
    """The same in two functions, for symbols of which some, `settled`, are the same at every call.

    The first takes those and returns all that can be computed of them once; the second takes the symbols, the settled ones,
    then these values. They are for Python floats alone with `on_floats`, else for numpy arrays alone.
    """
    steps, results = flattened_record(outputs)
    once = settled_part(steps, settled)
    every = {name: step for name, step in steps.items() if name not in once}
    used = {arg for _, args in every.values() for arg in args} | set(results)
    kept = [name for name in once if name in used]
    functions = _ON_FLOATS if on_floats else _ON_ARRAYS
    return _written(once, kept, settled, functions), _written(every, results, [*symbols, *settled, *kept], functions)


def _written(steps: Program, results: Sequence[str], symbols: Sequence[str], writing: Writing) -> Function:
    """The function of the symbols that takes these steps."""

    def text(op: str, args: Sequence[str]) -> str:
        way = writing[op]
        return way.format(*args) if isinstance(way, str) else f"{op}({', '.join(args)})"

    places = places_of(steps, results)
    lines = [f"    {places[name]} = {text(op, [places.get(arg, arg) for arg in args])}" for name, (op, args) in steps.items()]
    given = "".join(f"{places.get(result, result)}, " for result in results)
    source = "\n".join([f"def recorded({', '.join(symbols)}):", *lines, f"    return ({given})"])
    scope = {op: way for op, way in writing.items() if callable(way)} | _PLAIN
    exec(source, scope)  # the text is written above from numbers, operators and the functions in scope alone
    return scope["recorded"]
