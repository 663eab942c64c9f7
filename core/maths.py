"""The few functions that rules and formulas use, on whatever they are given.

A rule runs unchanged on Python floats (one run), numpy arrays (many runs), torch tensors (networks) and traced
expressions (formulas). The kind of the argument decides; tensors and expressions bring these functions as methods.

On a float the transcendental functions still go through numpy: its vector kernels and the C library may differ in the
last bit, and a run alone must equal the same run inside a batch bit for bit.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["abs", "clip", "cos", "exp", "log", "maximum", "power", "sign", "sin", "sqrt", "tanh", "where"]


def _function(name: str, on_float: Callable[[float], float] | None = None) -> Callable[[Any], Any]:
    on_array = getattr(np, name)

    def function(x: Any) -> Any:
        if isinstance(x, float):
            return on_float(x) if on_float else float(on_array(x))
        if isinstance(x, np.ndarray):
            return on_array(x)
        return getattr(x, name)()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Elementwise {name}; same shape as x."
    return function


def _sqrt(x: float) -> float:
    return math.sqrt(x) if x >= 0 else math.nan


def _sign(x: float) -> float:
    return x if math.isnan(x) else float((x > 0) - (x < 0))


sqrt = _function("sqrt", _sqrt)
abs = _function("abs", math.fabs)
sign = _function("sign", _sign)
exp = _function("exp")
log = _function("log")
sin = _function("sin")
cos = _function("cos")
tanh = _function("tanh")


def maximum(a: Any, b: Any) -> Any:
    """Elementwise maximum of two values of one kind; a NaN in either is kept."""
    if isinstance(a, float):
        return a if a >= b or math.isnan(a) else b
    return np.maximum(a, b) if isinstance(a, np.ndarray) else a.maximum(b)


def clip(x: Any, low: Any, high: Any) -> Any:
    """x held within [low, high]; a NaN is kept."""
    if isinstance(x, float):
        return low if x < low else high if x > high else x
    return np.clip(x, low, high) if isinstance(x, np.ndarray) else x.clamp(low, high)


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`. A plain bool picks; on tensors `a` must be a tensor."""
    if isinstance(condition, bool | np.bool_):
        return a if condition else b
    return np.where(condition, a, b) if isinstance(condition, np.ndarray) else a.where(condition, b)


def power(base: Any, exponent: Any) -> Any:
    """base ** exponent for a base that is not a hyperparameter of the rule (those are written `beta**t`)."""
    if isinstance(base, float) and isinstance(exponent, float):
        return float(np.power(base, exponent))
    return base**exponent
