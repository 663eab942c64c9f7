"""A hyperparameter, told once: default, check, slider, link value and documentation all derive from a `Hyper`."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_type_hints

import numpy as np

from core.words import brief

Scale = Literal["linear", "log", "complement"]


@dataclass(frozen=True)
class Hyper:
    """One number a person may choose.

    `low` and `high` are inclusive. `scale` says how its slider is spaced: "complement" is logarithmic in 1 − value, as
    for β, where 0.9, 0.99 and 0.999 are equally far apart. `off` is one further allowed value, outside the range, that
    switches the effect off. `whole` admits integers alone.
    """

    low: float
    high: float
    scale: Scale = "linear"
    help: str = ""
    off: float | None = None
    whole: bool = False
    name: str = ""
    default: float = math.nan

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"{self.name or 'a Hyper'}: low {self.low:g} must be below high {self.high:g}")
        if (self.scale == "log" and self.low <= 0) or (self.scale == "complement" and self.high >= 1):
            raise ValueError(f"{self.name or 'a Hyper'}: a {self.scale} scale does not reach {self.low:g} to {self.high:g}")
        if not math.isnan(self.default):
            self.check(self.default)

    def with_default(self, default: float) -> "Hyper":
        """The same hyperparameter with another default."""
        return replace(self, default=default)

    def named(self, name: str) -> "Hyper":
        """The same hyperparameter under another name, for its messages."""
        return replace(self, name=name)

    @property
    def allowed(self) -> str:
        """What may be chosen, in words."""
        kind = "a whole number" if self.whole else "a number"
        off = f", or {self.off:g} for off" if self.off is not None else ""
        return f"{kind} from {self.low:g} to {self.high:g}{off}"

    def check(self, value: Any) -> Any:
        """The value as float, or as float64 array (runs,); ValueError names the parameter, the value and what is allowed."""
        try:
            numbers = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{self.name} = {brief(value)} is not a number: allowed is {self.allowed}") from None
        if numbers.ndim > 1:
            raise ValueError(f"{self.name} has shape {numbers.shape}: allowed is one number, or one for each run")
        good = (numbers >= self.low) & (numbers <= self.high)
        if self.whole:
            good &= numbers == np.round(numbers)
        if self.off is not None:
            good |= numbers == self.off
        if not good.all():
            wrong = numbers[~good].flat[0]
            raise ValueError(f"{self.name} = {wrong:.6g} is not allowed: it must be {self.allowed}")
        return float(numbers) if numbers.ndim == 0 else numbers

    @cached_property
    def stops(self) -> tuple[float, ...]:
        """The values a slider rests at, ascending, `off` and the default always among them."""
        if self.whole and self.high - self.low <= 200:
            values = np.arange(self.low, self.high + 1)
        elif self.scale == "log":
            values = np.geomspace(self.low, self.high, 40 * round(math.log10(self.high / self.low)) + 1)
        elif self.scale == "complement":
            decades = math.log10((1 - self.low) / (1 - self.high))
            values = 1 - np.geomspace(1 - self.low, 1 - self.high, 40 * round(decades) + 1)
        else:
            values = np.linspace(self.low, self.high, 201)
        values = {float(_rounded(value, self.scale)) for value in values} | {self.low, self.high}
        if self.whole:
            values = {float(round(value)) for value in values}
        return tuple(sorted(values | ({self.default} if self.off is None else {self.default, self.off})))


def spread(scale: Scale, low: float, high: float, shares: np.ndarray) -> np.ndarray:
    """The values at shares (…) of the way from low to high, 0 to 1, on a scale; the ends exactly."""
    if scale == "log":
        values = low * (high / low) ** shares
    elif scale == "complement":
        values = 1 - (1 - low) * ((1 - high) / (1 - low)) ** shares
    else:
        values = low + (high - low) * shares
    return np.where(shares == 1, high, np.clip(values, low, high))


def _rounded(value: float, scale: Scale) -> str:
    """Three significant digits, of 1 − value on the complement scale, so that stops read well."""
    if scale == "complement":
        decimals = 3 - math.ceil(math.log10(1 - value) - 1e-9)
        return f"{value:.{max(decimals, 0)}f}"
    return f"{value:.3g}" if scale == "log" else f"{value:.6g}"


def declared(function: Callable[..., Any]) -> Mapping[str, Hyper]:
    """What a signature declares: keywords, or a dataclass's fields, with a default and an annotated `Hyper`, in order."""
    hints = get_type_hints(function, include_extras=True)
    found, fields = {}, inspect.isclass(function)
    for name, parameter in inspect.signature(function).parameters.items():
        if not (fields or parameter.kind is parameter.KEYWORD_ONLY) or parameter.default is parameter.empty:
            continue
        for note in get_args(hints.get(name))[1:]:
            if isinstance(note, Hyper):
                found[name] = replace(note, name=name, default=float(parameter.default))
    return MappingProxyType(found)


LearningRate = Annotated[
    float, Hyper(1e-6, 1e2, "log", help="How far one step goes. Too small crawls; past the stability limit it diverges.")
]
Momentum = Annotated[
    float, Hyper(0.0, 0.9999, "complement", help="How much of the last step is kept. It remembers about 1/(1−value) steps.")
]
Memory = Annotated[
    float,
    Hyper(0.0, 0.99999, "complement", help="How slowly the average of squared gradients forgets: about 1/(1−value) steps."),
]
Epsilon = Annotated[
    float,
    Hyper(1e-16, 1e4, "log", off=0.0, help="Keeps the denominator from zero. Large values make adaptive steps plain."),
]
