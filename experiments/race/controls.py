"""What may be set in a race: where learning rates come from, and every number with its name in links."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from core import DRIVER, SCHEDULES, Hyper, Schedule, Surface
from core.surface import ANGLE
from core.words import quoted
from experiments.control import Control
from optimizers import ENTRANTS, Entrant
from surfaces import SURFACES

SHARED, EACH, DEFAULT, TUNED = "shared", "each", "default", "tuned"

LOOKS = ("3d", "linear")
PROTOCOLS = {
    SHARED: "with one learning rate for all",
    EACH: "with the learning rates set here",
    DEFAULT: "each rule with its default learning rate",
    TUNED: "each rule with the best of {tried}",
}
"""Where the learning rates come from, and how the verdict says it."""


@dataclass(frozen=True)
class Tuning:
    """What is tried for each rule: learning rates alone or in `pairs` with its first own number, on a grid or at `random`."""

    title: str
    words: str
    pairs: bool = False
    random: bool = False


TUNINGS = {
    "grid": Tuning("lr, on a grid", "{tries:g} learning rates from {low} to {high:g}"),
    "random": Tuning("lr, at random", "{tries:g} random learning rates from {low} to {high:g}", random=True),
    "pairs": Tuning(
        "lr and one more, on a grid",
        "at most {tries:g} pairs of a learning rate from {low} to {high:g} and its first own number, on a grid",
        pairs=True,
    ),
    "random-pairs": Tuning(
        "lr and one more, at random",
        "{tries:g} random pairs of a learning rate from {low} to {high:g} and its first own number",
        pairs=True,
        random=True,
    ),
}
"""Ways to spend the tries; whatever is random comes from one seed, the same for every rule."""

TRIED = (1e-5, 10.0)
"""The learning rates that tuning tries lie between these, evenly on a logarithmic scale."""

TRIES = Hyper(
    4,
    256,
    "log",
    whole=True,
    name="tries",
    default=64,
    help="How many times each rule is tried, as said beside the surface; the try that ends lowest runs.",
)

THRESHOLD = Hyper(1e-12, 1e3, "log", name="threshold", default=1e-3, help="The table counts the steps to a loss this near.")

SHARED_LR = Control("lr", "All rules", next(iter(ENTRANTS.values())).hypers["lr"].with_default(1e-2))

TRIED_TIMES = Control(TRIES.name, "All rules", TRIES)

OF_RUN = [Control("steps", "Run", DRIVER["steps"]), Control(THRESHOLD.name, "Run", THRESHOLD)]

AGE = Control("age", "Noise, clipping, decay", DRIVER["age"], True)

OF_GRADIENT = [Control(name, AGE.group, hyper, True) for name, hyper in DRIVER.items() if name not in ("steps", AGE.id)]


def surface_controls(surface: Surface) -> Iterator[Control]:
    yield Control(ANGLE.name, "Surface", ANGLE)
    for name, hyper in surface.hypers.items():
        yield Control(f"{surface.key}.{name}", "Surface", hyper)


def entrant_controls(entrant: Entrant) -> Iterator[Control]:
    for name, hyper in entrant.hypers.items():
        yield Control(f"{entrant.key}.{name}", entrant.key, hyper)


def schedule_controls(schedule: Schedule) -> Iterator[Control]:
    for name, hyper in schedule.hypers.items():
        yield Control(f"{schedule.key}.{name}", "Schedule", hyper)


@cache
def every_control() -> Mapping[str, Control]:
    def every() -> Iterator[Control]:
        yield from (SHARED_LR, TRIED_TIMES, *OF_RUN, *OF_GRADIENT, AGE)
        for schedule in SCHEDULES.values():
            yield from schedule_controls(schedule)
        for surface in SURFACES.values():
            yield from surface_controls(surface)
        for entrant in ENTRANTS.values():
            yield from entrant_controls(entrant)

    return {control.id: control for control in every()}


def checked_step(value: Any) -> int:
    """The step at which the playing pauses; ValueError in words."""
    return int(Hyper(0, DRIVER["steps"].high, whole=True, name="step").check(value))


def checked_place(name: str, values: Any, length: int) -> tuple[float, ...]:
    """A start (2) or a view (4) as finite floats of a size that can be drawn; ValueError in words otherwise."""
    try:
        numbers = [float(v) for v in values]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != length or not all(math.isfinite(v) and abs(v) <= 1e6 for v in numbers):
        raise ValueError(f"{name} = {quoted(values)} is not allowed: it must be {length} finite numbers up to a million")
    if any(high - low < 1e-9 for low, high in zip(numbers[::2], numbers[1::2], strict=True)) and length == 4:
        raise ValueError(f"{name} = {quoted(values)} is not allowed: it must run from low to high, x then y")
    return tuple(numbers)
