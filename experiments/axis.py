"""One number of a race and the range it runs over."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core import DRIVER, Hyper
from core.hyper import spread
from core.surface import ANGLE
from core.sweep import SINGLE, STARTS
from core.words import quoted
from experiments.link import SEPARATOR
from experiments.race.spec import Race
from optimizers import ENTRANTS


@dataclass(frozen=True)
class Axis:
    """One number and the range it runs over."""

    name: str
    low: float
    high: float

    @property
    def link(self) -> str:
        return SEPARATOR.join((self.name, f"{self.low:.6g}", f"{self.high:.6g}"))

    @property
    def range(self) -> str:
        """From where to where, as a person types it."""
        return f"{self.low:.6g} … {self.high:.6g}"


def options_of(race: Race) -> dict[str, Hyper]:
    """Every number of a race that can be an axis, by its name without the rule's or the surface's."""
    (xlo, xhi), (ylo, yhi) = race.landscape.domain
    hypers = {name: h for key in race.entrants for name, h in ENTRANTS[key].rule.hypers.items()}
    hypers |= {name: h for name, h in DRIVER.items() if name not in SINGLE}
    hypers |= {**race.landscape.hypers, ANGLE.name: ANGLE, **race.decline.hypers}
    return hypers | dict(zip(STARTS, (Hyper(xlo, xhi, name="x"), Hyper(ylo, yhi, name="y")), strict=True))


def usual(default: Axis, options: Mapping[str, Hyper], other: Axis | None) -> Axis:
    """The default axis if there is such a number, else the first that is; never the other axis."""
    taken = other.name if other else ""
    if default.name in options and default.name != taken:
        return default
    return axis_of(next(name for name in options if name != taken), options)


def checked_axis(side: str, text: str, options: Mapping[str, Hyper]) -> Axis:
    """An axis from a link, name~low~high; ValueError in words."""
    name, *ends = text.split(SEPARATOR)
    if name not in options:
        raise ValueError(f"{side} {quoted(name)} is unknown: allowed is one of {', '.join(options)}")
    return checked_range(name, " ".join(ends), options) if ends else axis_of(name, options)


def checked_range(name: str, text: str, options: Mapping[str, Hyper]) -> Axis:
    """An axis from its two ends as typed, such as 0.1 … 10; ValueError in words."""
    ends = re.split(r"[\s…;,]+|\.{2,}|(?<=\d)[–-](?=\d)", text.strip())
    if len(ends) != 2:
        raise ValueError(f"{name} from … to {quoted(text)} is not two numbers, such as {axis_of(name, options).range}")
    hyper = options[name].named(name)
    low, high = (float(f"{hyper.check(end):.6g}") for end in ends)  # rounded as the link writes it
    if not hyper.low <= low <= high <= hyper.high and low <= high:
        raise ValueError(f"{name} from {low:g} to {high:g} is not allowed: an axis runs within {hyper.low:g} to {hyper.high:g}")
    if not low < high:
        raise ValueError(f"{name} from {low:g} to {high:g} is not allowed: it must run upwards")
    return Axis(name, low, high)


def axis_of(name: str, options: Mapping[str, Hyper]) -> Axis:
    """The axis of a number over its whole range; a learning rate's is the part that matters on most surfaces."""
    hyper = options[name]
    if name == "lr":
        return Axis(name, 1e-4, 1e1)
    return Axis(name, hyper.low, hyper.high)


def values_of(axis: Axis, hyper: Hyper, many: int) -> np.ndarray:
    """(many,) values from low to high, spaced as the number's slider is."""
    values = spread(hyper.scale, axis.low, axis.high, np.linspace(0, 1, many))
    return np.unique(np.clip(np.round(values), axis.low, axis.high)) if hyper.whole else values
