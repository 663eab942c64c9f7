"""A surface turned about the middle of its domain: points carried along, value and slopes there."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from core.symbolic.derivative import Formula


def turn_of(degrees: float) -> tuple[float, float]:
    """Cosine and sine."""
    quarters, rest = divmod(degrees, 90.0)
    if not rest:  # quarter turns are exact, which cos(π/2) is not
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarters) % 4]
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def carried(x: Any, y: Any, cos: Any, sin: Any, cx: Any, cy: Any, *, back: bool = False) -> tuple[Any, Any]:
    """A point turned about the centre (cx, cy), or turned back."""
    dx, dy = x - cx, y - cy
    if back:
        return cos * dx + sin * dy + cx, cos * dy - sin * dx + cy
    return cos * dx - sin * dy + cx, sin * dx + cos * dy + cy


@cache
def height_turned(formula: Formula) -> Callable[..., Any]:
    """(x, y, cos, sin, cx, cy, *parameters) → f of the turned surface."""

    def height(x: Any, y: Any, cos: Any, sin: Any, cx: Any, cy: Any, *parameters: Any) -> Any:
        return formula.value(*carried(x, y, cos, sin, cx, cy, back=True), *parameters)

    return height


@cache
def partials_turned(formula: Formula) -> Callable[..., tuple[Any, Any]]:
    """(x, y, cos, sin, cx, cy, *parameters) → (fx, fy) of the turned surface."""

    def partials(x: Any, y: Any, cos: Any, sin: Any, cx: Any, cy: Any, *parameters: Any) -> tuple[Any, Any]:
        fu, fv = formula.gradient(*carried(x, y, cos, sin, cx, cy, back=True), *parameters)
        return cos * fu - sin * fv, sin * fu + cos * fv

    return partials
