"""The learning-rate finder for a rule of a race."""

from typing import Any

from core import DRIVER, Surface
from core.finder import Finding, find_lr
from core.rule import Rule
from core.surface import Point
from optimizers import ENTRANTS
from ui.ranking import floor_of
from ui.runs import Numbers
from ui.session import kept
from ui.spec import TRIED, Race
from ui.theory import largest_stable

STEPS = 300


def found(race: Race, key: str) -> Finding:
    """What the finder finds for an entrant, on the race's surface, from its start, on its noise."""
    entrant, settings = ENTRANTS[key], race.settings_of(ENTRANTS[key])
    hypers = tuple((name, settings[name]) for name in entrant.rule.hypers if name != "lr")
    driver = tuple((name, settings[name]) for name in DRIVER if name != "steps")
    return _found(entrant.rule, race.landscape, race.origin, hypers, driver)


@kept
def _found(rule: Rule, surface: Surface, start: Point, hypers: Numbers, driver: Numbers) -> Finding:
    low, high = TRIED
    settings: dict[str, Any] = dict(driver)
    floor = floor_of(surface)
    return find_lr(rule, surface, low=low, high=high, steps=STEPS, floor=floor, start=start, hypers=dict(hypers), **settings)


def marks(race: Race, key: str) -> dict[str, float]:
    """What to mark on the curve: what the finder names, and the largest stable lr where theory knows it."""
    finding = found(race, key)
    named = {
        "steepest": finding.steepest,
        "breaking": finding.breaking,
        "largest stable, from theory": largest_stable(race, key),
    }
    return {name: value for name, value in named.items() if value is not None}
