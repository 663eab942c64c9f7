"""The few functions that rules and formulas use, on whatever they are given.

A rule runs unchanged on Python floats (one run), numpy arrays (many runs), torch tensors (networks) and traced
expressions (formulas). The kind of the argument decides; tensors and expressions bring these functions as methods.

On a float the transcendental functions still go through numpy: its vector kernels and the C library may differ in the
last bit, and a run alone must equal the same run inside a batch bit for bit.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["abs", "clip", "cos", "exp", "floor", "log", "maximum", "power", "sign", "sin", "solve", "sqrt", "tanh", "where"]

ELEMENTWISE = tuple(name for name in __all__ if name != "solve")
"""The functions that are the same number by number."""


class Real(float):
    """A float whose arithmetic never raises: as on arrays, x/0 is inf or nan, and so is a power that overflows or has no value.

    What comes of it and of other floats is a Real again. Beside an array it is a plain number, which leaves the array's
    precision as it is.
    """

    __array_ufunc__: Any = None  # so that an array leaves its arithmetic with a Real to the methods below

    def __add__(self, other: Any) -> Any:
        return _combined(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return _combined(operator.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return _combined(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _combined(operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return _combined(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _combined(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Any:
        return _combined(operator.truediv, self, other, np.divide)

    def __rtruediv__(self, other: Any) -> Any:
        return _combined(operator.truediv, other, self, np.divide)

    def __pow__(self, other: Any, modulo: None = None) -> Any:
        return _combined(operator.pow, self, other, np.power)

    def __rpow__(self, other: Any, modulo: None = None) -> Any:
        return _combined(operator.pow, other, self, np.power)

    def __neg__(self) -> "Real":
        return Real(-float(self))


Operation = Callable[[Any, Any], Any]

_NUMBERS = float, int


def _combined(operation: Operation, a: Any, b: Any, on_numbers: Operation | None = None) -> Any:
    """An operation on a Real and something else, and how it is done on two numbers where floats would raise."""
    if isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS):
        if on_numbers is None:
            return Real(operation(float(a), float(b)))
        with np.errstate(all="ignore"):
            return Real(on_numbers(float(a), float(b)))
    return operation(_plain(a), _plain(b))


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Real) else value


def real(value: Any) -> Any:
    """A plain float as a Real; anything else, arrays and what is recorded, as it is."""
    return Real(value) if type(value) is float else value


def kin(value: Any, *others: Any) -> Any:
    """The value, a Real where it is a float that stands for or comes of a Real."""
    for other in others:
        if isinstance(other, Real):
            return Real(value) if isinstance(value, float) else value
    return value


def _function(name: str, on_float: Callable[[float], float] | None = None) -> Callable[[Any], Any]:
    on_array = getattr(np, name)

    def function(x: Any) -> Any:
        if isinstance(x, float):
            return kin(on_float(x) if on_float else float(on_array(float(x))), x)
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
floor = _function("floor")


def maximum(a: Any, b: Any) -> Any:
    """Elementwise maximum of two values of one kind; a NaN in either is kept."""
    if isinstance(a, float):
        return kin(a if a >= b or math.isnan(a) else b, a, b)
    return np.maximum(a, _plain(b)) if isinstance(a, np.ndarray) else a.maximum(b)


def clip(x: Any, low: Any, high: Any) -> Any:
    """x held within [low, high]; a NaN is kept."""
    if isinstance(x, float):
        return kin(low if x < low else high if x > high else x, x, low, high)
    return np.clip(x, _plain(low), _plain(high)) if isinstance(x, np.ndarray) else x.clamp(low, high)


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`. A plain bool picks."""
    if isinstance(condition, bool | np.bool_):
        return kin(a if condition else b, a, b)
    if isinstance(condition, np.ndarray):
        return np.where(condition, _plain(a), _plain(b))
    chosen = a if hasattr(a, "where") else condition * 0 + a  # a number, beside what is recorded or a tensor
    return chosen.where(condition, b)


def power(base: Any, exponent: Any) -> Any:
    """base ** exponent for a base that is not a hyperparameter of the rule (those are written `beta**t`)."""
    if isinstance(base, float) and isinstance(exponent, float):
        return kin(float(np.power(float(base), float(exponent))), base, exponent)
    return base**exponent


def solve(matrix: Any, vector: Any) -> Any:
    """The y with matrix·y = vector, of (…, n, n) and (…, n); NaN where the matrix has no inverse."""
    if isinstance(matrix, np.ndarray):
        try:
            return np.linalg.solve(matrix, vector[..., None])[..., 0]
        except np.linalg.LinAlgError:  # one of many spoils no other
            size = vector.shape[-1]
            every = zip(matrix.reshape(-1, size, size), vector.reshape(-1, size), strict=True)
            return np.stack([_alone(a, b) for a, b in every]).reshape(vector.shape)
    return matrix.solve(vector)


def _alone(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(matrix, vector)
    except np.linalg.LinAlgError:
        return np.full_like(vector, np.nan)
