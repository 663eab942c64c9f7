"""The runs of a map: one for each pair of values, in pieces that are kept."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core import Sweep, sweep
from core.hosting.machine import set_by_host
from core.study.stability import limit
from core.surface import ANGLE
from core.sweep import STARTS
from experiments.axis import Axis, options_of, values_of
from experiments.host import kept, progress, superseded
from experiments.map.spec import Chosen, Map
from experiments.race.controls import EACH
from experiments.race.run import Values
from experiments.race.setup import Setup
from experiments.race.spec import Race
from experiments.race.theory import curvatures_for
from optimizers import ENTRANTS

_CORES = min(2, os.cpu_count() or 1)
"""Threads, or processes where there is no machine code, for a large map."""

_MOST = 1e6 * set_by_host("RAVINE_MAP_MILLIONS", 2000)
"""Steps of runs that a map may take: as many as six rules at all cells for the most steps, if the host does not say less."""


def beyond(view: Map, many: int) -> str:
    """Why a map with so many values a side is not computed here, and what would be; empty where it is."""
    steps, rules, cells = int(view.race["steps"]), len(view.shown), _cells_of(view, many)
    if rules * cells * steps <= _MOST:
        return ""
    fitting = int(_MOST / (rules * cells))
    can = f"{fitting:,} steps would" if fitting else "fewer rules may"
    what = f"{rules} {'rule' if rules == 1 else 'rules'} × {cells:,} cells × {steps:,} steps"
    return f"{what} are more than the {_MOST / 1e6:,.0f} million steps of runs that this server allows a map: {can} fit."


def _cells_of(view: Map, many: int) -> int:
    """How many cells a map with so many values a side has."""
    options = options_of(view.race)
    return math.prod(len(values_of(axis, options[axis.name], many)) for axis in (view.across, view.up))


def ahead(view: Map, many: int) -> float:
    """Steps of runs that a map with so many values a side takes yet; the rules whose cells are kept take none."""
    left = [key for key in view.shown if not _swept.has(*_order((view.across, view.up), view.race, key, many))]
    return len(left) * _cells_of(view, many) * view.race["steps"]


def swept(view: Map, key: str, many: int) -> Sweep:
    """The map of an entrant that is shown, with so many values a side."""
    return swept_along((view.across, view.up), view.race, key, many)


def swept_along(axes: Sequence[Axis], race: Race, key: str, many: int) -> Sweep:
    """An entrant run at so many values along each of the axes, which it has."""
    return _swept(*_order(axes, race, key, many))


def _order(axes: Sequence[Axis], race: Race, key: str, many: int) -> tuple[Setup, Values, float]:
    """What `_swept` is given."""
    options = options_of(race)
    values = tuple((axis.name, tuple(values_of(axis, options[axis.name], many).tolist())) for axis in axes)
    return race.setups[key].without(*(axis.name for axis in axes)), values, race["threshold"]


@kept
def _swept(setup: Setup, axes: Values, within: float) -> Sweep:
    hear: dict[str, Any] = {"progress": progress, "should_stop": superseded}
    return sweep(setup.rule, setup.surface, axes=dict(axes), within=within, processes=_CORES, **setup.arguments, **hear)


def boundary(view: Map, key: str, many: int = 96) -> tuple[np.ndarray, np.ndarray] | None:
    """Where theory says the rule stops being stable, as a line (across, up); None where it has nothing to say."""
    race, rule = view.race, ENTRANTS[key].rule
    bends = curvatures_for(race, key)
    if not bounded(view, key) or bends is None:
        return None
    other = view.up if view.across.name == "lr" else view.across
    values = values_of(other, rule.hypers[other.name], many)
    lrs = limit(rule, {**race.setups[key].hypers, other.name: values}) / bends.max()
    return (lrs, values) if other is view.up else (values, lrs)


def bounded(view: Map, key: str) -> bool:
    """Whether the map is one that theory may speak of: lr is an axis, and another of the rule's own numbers the other."""
    names = {view.across.name, view.up.name}
    return "lr" in names and names <= ENTRANTS[key].rule.hypers.keys()


def played(view: Map, cell: Chosen) -> Race:
    """The race of one cell: its rule alone, with the cell's numbers."""
    key, across, up = cell
    return alone(view.race, key, {view.across.name: across, view.up.name: up})


def alone(race: Race, key: str, numbers: Mapping[str, float]) -> Race:
    """The race of one entrant, with some numbers (named as axes are) changed."""
    race = replace(race, entrants=(key,), hidden=(), lrs=EACH if "lr" in numbers else race.lrs)
    point = dict(zip(STARTS, race.origin, strict=True)) | {name: numbers[name] for name in STARTS if name in numbers}
    # An entrant's own number comes before the loop's.
    ids = {control.hyper.name: name for name, control in reversed(race.controls.items())}
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
