"""What a map is: a race, two of its numbers as axes, and what the cells show. A frozen, hashable spec that is also its link."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core import DRIVER, Hyper, Schedule, Surface, Sweep, sweep
from core.hosting.machine import set_by_host
from core.hyper import spread
from core.rule import Rule
from core.study.stability import limit
from core.surface import ANGLE, Point
from core.sweep import SINGLE, STARTS
from core.words import quoted
from experiments.host import kept, progress, superseded
from experiments.race.run import Numbers
from experiments.race.spec import DEFAULT, EACH, SEPARATOR, TUNED, Race, read_link
from experiments.race.theory import curvatures_for
from optimizers import ENTRANTS


@dataclass(frozen=True)
class Told:
    """What the colour of a cell tells, in words, whether on a logarithmic scale, and what an empty cell means."""

    words: str
    log: bool
    nothing: str


COLOURS = {
    "final": Told("final loss", log=True, nothing="diverged"),
    "best": Told("best loss", log=True, nothing="never within bounds"),
    "steps": Told("steps to the threshold", log=True, nothing="never within the threshold"),
    "stopped": Told("step of divergence", log=True, nothing="did not diverge"),
    "minimum": Told("minimum reached", log=False, nothing="at no known minimum"),
}
"""What the colour of a cell may tell."""


CORES = min(2, os.cpu_count() or 1)
"""Worker processes for a large map."""


MOST = 1e6 * set_by_host("RAVINE_MAP_MILLIONS", 2000)
"""Steps of runs that a map may take: as many as six rules at all cells for the most steps, if the host does not say less."""


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


Cell = tuple[str, float, float]
"""An entrant and the two numbers, across and up."""


@dataclass(frozen=True)
class Map:
    """A race's rules, each run at every pair of values of two numbers; `cell` is the one that is played, if any."""

    race: Race
    across: Axis
    up: Axis
    colour: str = "final"
    cell: Cell | None = None

    @property
    def shown(self) -> list[str]:
        """The entrants that have both numbers."""
        names = {self.across.name, self.up.name}
        return [key for key in self.race.entrants if names <= options_of(replace(self.race, entrants=(key,))).keys()]

    def link(self) -> dict[str, str]:
        link = {**self.race.link(), "across": self.across.link, "up": self.up.link, "colour": self.colour}
        if self.cell:
            key, *point = self.cell
            link["cell"] = SEPARATOR.join((key, *(f"{number:.9g}" for number in point)))
        return link


def options_of(race: Race) -> dict[str, Hyper]:
    """Every number of a race that can be an axis, by its name without the rule's or the surface's."""
    (xlo, xhi), (ylo, yhi) = race.landscape.domain
    hypers = {name: h for key in race.entrants for name, h in ENTRANTS[key].rule.hypers.items()}
    hypers |= {name: h for name, h in DRIVER.items() if name not in SINGLE}
    hypers |= {**race.landscape.hypers, ANGLE.name: ANGLE, **race.decline.hypers}
    return hypers | dict(zip(STARTS, (Hyper(xlo, xhi, name="x"), Hyper(ylo, yhi, name="y")), strict=True))


def read_map(link: Mapping[str, str], default: Map) -> tuple[Map, list[str]]:
    """The map a link asks for, and a sentence for each thing in it that could not be granted."""
    own = ("across", "up", "colour", "cell")
    race, problems = read_link({k: v for k, v in link.items() if k not in own}, default.race)
    race = replace(race, lrs=DEFAULT) if race.lrs == TUNED else race  # every cell its own terms: nothing to tune
    colour = link.get("colour", default.colour)
    if colour not in COLOURS:
        problems.append(f"The link's colour {quoted(colour)} is unknown: {default.colour} is shown instead.")
        colour = default.colour
    options = options_of(race)
    axes: dict[str, Axis | None] = {"across": None, "up": None}
    for side in axes:
        if side in link:
            try:
                axes[side] = checked_axis(side, link[side], options)
            except ValueError as error:
                problems.append(f"The link's {error}; another number is shown instead.")
    across, up = axes["across"], axes["up"]
    if across and up and across.name == up.name:
        problems.append(f"The link's axes are both {across.name}: another number goes up instead.")
        up = None
    across = across or usual(default.across, options, up)
    view = Map(race, across, up or usual(default.up, options, across), colour)
    if "cell" in link:
        try:
            view = replace(view, cell=checked_cell(link["cell"], view))
        except ValueError as error:
            problems.append(f"The link's {error}; none is played.")
    return view, problems


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


def checked_cell(text: str, view: Map) -> Cell:
    """A cell from a link, rule~across~up; ValueError in words."""
    key, *numbers = text.split(SEPARATOR)
    if key not in view.shown or len(numbers) != 2:
        raise ValueError(f"cell {quoted(text)} is not a rule that is shown and two numbers")
    options = options_of(view.race)
    across, up = (
        options[axis.name].named(axis.name).check(number) for axis, number in zip((view.across, view.up), numbers, strict=True)
    )
    return key, across, up


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


def beyond(view: Map, many: int) -> str:
    """Why a map with so many values a side is not computed here, and what would be; empty where it is."""
    steps, rules, cells = int(view.race["steps"]), len(view.shown), cells_of(view, many)
    if rules * cells * steps <= MOST:
        return ""
    fitting = int(MOST / (rules * cells))
    can = f"{fitting:,} steps would" if fitting else "fewer rules may"
    what = f"{rules} {'rule' if rules == 1 else 'rules'} × {cells:,} cells × {steps:,} steps"
    return f"{what} are more than the {MOST / 1e6:,.0f} million steps of runs that this server allows a map: {can} fit."


def cells_of(view: Map, many: int) -> int:
    """How many cells a map with so many values a side has."""
    options = options_of(view.race)
    return math.prod(len(values_of(axis, options[axis.name], many)) for axis in (view.across, view.up))


def ahead(view: Map, many: int) -> float:
    """Steps of runs that a map with so many values a side takes yet; the rules whose cells are kept take none."""
    left = [key for key in view.shown if not _swept.has(*_order((view.across, view.up), view.race, key, many))]
    return len(left) * cells_of(view, many) * view.race["steps"]


def swept(view: Map, key: str, many: int) -> Sweep:
    """The map of an entrant that is shown, with so many values a side."""
    return swept_along((view.across, view.up), view.race, key, many)


def swept_along(axes: Sequence[Axis], race: Race, key: str, many: int) -> Sweep:
    """An entrant run at so many values along each of the axes, which it has."""
    return _swept(*_order(axes, race, key, many))


Order = tuple[Rule, Surface, Point, Numbers, Numbers, Schedule, tuple[tuple[str, tuple[float, ...]], ...], float]
"""What `_swept` is given."""


def _order(axes: Sequence[Axis], race: Race, key: str, many: int) -> Order:
    entrant, options = ENTRANTS[key], options_of(race)
    settings = race.settings_of(entrant)
    taken = {axis.name for axis in axes}
    return (
        entrant.rule,
        race.landscape,
        race.origin,
        tuple((name, settings[name]) for name in entrant.rule.hypers if name not in taken),
        tuple((name, settings[name]) for name in DRIVER if name not in taken),
        race.decline,
        tuple((axis.name, tuple(values_of(axis, options[axis.name], many).tolist())) for axis in axes),
        race["threshold"],
    )


@kept
def _swept(
    rule: Rule,
    surface: Surface,
    start: Point,
    hypers: Numbers,
    driver: Numbers,
    schedule: Schedule,
    axes: tuple[tuple[str, tuple[float, ...]], ...],
    within: float,
) -> Sweep:
    return sweep(
        rule,
        surface,
        axes=dict(axes),
        start=start,
        hypers=dict(hypers),
        schedule=schedule,
        within=within,
        processes=CORES,
        progress=progress,
        should_stop=superseded,
        **dict(driver),  # type: ignore[arg-type]
    )


def boundary(view: Map, key: str, many: int = 96) -> tuple[np.ndarray, np.ndarray] | None:
    """Where theory says the rule stops being stable, as a line (across, up); None where it has nothing to say."""
    race, rule = view.race, ENTRANTS[key].rule
    bends = curvatures_for(race, key)
    if not bounded(view, key) or bends is None:
        return None
    other = view.up if view.across.name == "lr" else view.across
    settings = race.settings_of(ENTRANTS[key])
    values = values_of(other, rule.hypers[other.name], many)
    lrs = limit(rule, {name: settings[name] for name in rule.hypers} | {other.name: values}) / bends.max()
    return (lrs, values) if other is view.up else (values, lrs)


def bounded(view: Map, key: str) -> bool:
    """Whether the map is one that theory may speak of: lr is an axis, and another of the rule's own numbers the other."""
    names = {view.across.name, view.up.name}
    return "lr" in names and names <= ENTRANTS[key].rule.hypers.keys()


def played(view: Map, cell: Cell) -> Race:
    """The race of one cell: its rule alone, with the cell's numbers."""
    key, across, up = cell
    return alone(view.race, key, {view.across.name: across, view.up.name: up})


def alone(race: Race, key: str, numbers: Mapping[str, float]) -> Race:
    """The race of one entrant, with some numbers (named as axes are) changed."""
    race = replace(race, entrants=(key,), hidden=(), lrs=EACH if "lr" in numbers else race.lrs)
    point = dict(zip(STARTS, race.origin, strict=True)) | {name: numbers[name] for name in STARTS if name in numbers}
    ids = {control.hyper.name: control.id for control in reversed(race.controls)}  # a preset's own comes before the loop's
    race = race.having({ids[name]: value for name, value in numbers.items() if name not in STARTS})
    if numbers.keys() & set(STARTS):
        (start,) = race.landscape.unturned((tuple(point.values()),))  # type: ignore[arg-type]
        race = replace(race, start=start)
    return race


def moved(view: Map) -> dict[str, float]:
    """The axes along which the surface changes, and with it its minima, each with the value at which these are named."""
    surface = view.race.landscape
    now = {**dict(zip(surface.hypers, surface.parameters, strict=True)), ANGLE.name: surface.angle}
    return {axis.name: now[axis.name] for axis in (view.across, view.up) if axis.name in now}


def shades(view: Map, found: Sweep) -> np.ndarray:
    """What the colour of each cell tells, NaN where there is nothing to tell: it diverged, left, or never got there."""
    diverged = found.stopped <= found.steps
    if view.colour == "stopped":
        return np.where(diverged, found.stopped, np.nan)
    if view.colour == "minimum":
        (xlo, xhi), _ = view.race.landscape.domain
        which = found.ended(within=0.05 * (xhi - xlo))
        return np.where(which >= 0, which, np.nan)
    if view.colour == "steps":
        count = found.steps_within(view.race["threshold"])
        return np.where(count <= found.steps, count, np.nan)
    loss = np.where(diverged, np.nan, found.final) if view.colour == "final" else found.best
    return np.where(found.left, np.nan, found.above(loss))


def below(view: Map, found: Sweep) -> np.ndarray:
    """Of the cells with nothing to tell those whose run left below the minimum, and is still within bounds."""
    told = view.colour in ("final", "best", "steps")
    return found.left & (found.stopped > found.steps) & told
