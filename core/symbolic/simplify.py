"""What recorded arithmetic becomes that is simpler and has the same value: numbers are computed, signs are pulled outwards."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.symbolic.expression import Expr


def _sum(a: "Expr", b: "Expr") -> "Expr | float | None":
    if a.constant is not None and b.constant is not None:
        return a.constant + b.constant
    if b.constant == 0:
        return a
    if a.constant == 0:
        return b
    if b.op == "neg":
        return -(-a + b.args[0]) if a.op == "neg" else a - b.args[0]
    return b - a.args[0] if a.op == "neg" else None


def _difference(a: "Expr", b: "Expr") -> "Expr | float | None":
    if a.constant is not None and b.constant is not None:
        return a.constant - b.constant
    if b.constant == 0:
        return a
    if a.constant == 0:
        return -b
    return a + b.args[0] if b.op == "neg" else None


def _product(a: "Expr", b: "Expr") -> "Expr | float | None":
    if a.constant is not None and b.constant is not None:
        return a.constant * b.constant
    for one, rest in ((a, b), (b, a)):
        if one.constant == 0:
            return 0.0
        if one.constant == 1:
            return rest
        if one.constant == -1:
            return -rest
        if one.op == "neg":
            return -(one.args[0] * rest)
    return None


def _quotient(a: "Expr", b: "Expr") -> "Expr | float | None":
    return a if a.constant == 0 or b.constant == 1 else None


def _negative(a: "Expr") -> "Expr | float | None":
    if a.constant is not None:
        return -a.constant
    if a.op == "-":
        return type(a)("-", *reversed(a.args))
    return a.args[0] if a.op == "neg" else None


SIMPLER: Mapping[str, Callable[..., "Expr | float | None"]] = {
    "+": _sum,
    "-": _difference,
    "*": _product,
    "/": _quotient,
    "neg": _negative,
}
"""For each operation what is simpler than it with these operands; None where nothing is."""
