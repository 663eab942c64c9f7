"""The band: the runs at values over the whole range of one slider, computed side by side, to be scrubbed through."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core import DRIVER, Schedule, Surface, Trajectory, along
from core.rule import Rule
from core.surface import Point
from core.sweep import SINGLE
from optimizers import ENTRANTS
from ui.runs import Numbers
from ui.spec import THRESHOLD, TRIES, TUNED, Control, Race

VALUES = 64
"""So many values, evenly over the slider's stops."""


@dataclass(frozen=True)
class Band:
    """The races that one slider can make of a race.

    stops  (values,) int, the slider's stops that are computed
    races  one for each
    runs   {entrant: trajectory of as many runs}, of the entrants whose run the slider moves
    """

    stops: np.ndarray
    races: list[Race]
    runs: dict[str, Trajectory]


def bandable(race: Race, control: Control) -> bool:
    """Can the runs at all values of this number go side by side? Not those of another length or on another noise."""
    return race.lrs != TUNED and control.hyper.name not in (*SINGLE, THRESHOLD.name, TRIES.name)


def band(race: Race, control: Control) -> Band:
    """The band of a control that is `bandable`."""
    stops = control.hyper.stops
    chosen = np.unique(np.linspace(0, len(stops) - 1, VALUES).round().astype(int))
    values = tuple(stops[i] for i in chosen)
    races = [race.having({control.id: value}) for value in values]
    runs = {key: _runs(key, race, control.hyper.name, values) for key in _moved(races[0], races[-1])}
    return Band(chosen, races, runs)


def _moved(one: Race, other: Race) -> Iterator[str]:
    """The entrants whose run differs between two races."""
    everywhere = (one.landscape, one.decline) != (other.landscape, other.decline)
    for key in one.entrants:
        if everywhere or one.settings_of(ENTRANTS[key]) != other.settings_of(ENTRANTS[key]):
            yield key


def _runs(key: str, race: Race, name: str, values: tuple[float, ...]) -> Trajectory:
    entrant, settings = ENTRANTS[key], race.settings_of(ENTRANTS[key])
    hypers = tuple((n, settings[n]) for n in entrant.rule.hypers if n != name)
    driver = tuple((n, settings[n]) for n in DRIVER if n != name)
    return _along(entrant.rule, race.landscape, race.origin, hypers, driver, race.decline, name, values)


@lru_cache(maxsize=24)
def _along(
    rule: Rule,
    surface: Surface,
    start: Point,
    hypers: Numbers,
    driver: Numbers,
    schedule: Schedule,
    axis: str,
    values: tuple[float, ...],
) -> Trajectory:
    settings: dict = dict(driver)
    return along(rule, surface, axis=axis, values=values, start=start, hypers=dict(hypers), schedule=schedule, **settings)
