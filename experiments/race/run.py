"""Runs, computed once: a slider of one rule leaves the other rules' trajectories as they are."""

import math
from typing import Any

import numpy as np

from core import DRIVER, Schedule, Surface, Trajectory, simulate, sweep
from core.hyper import spread
from core.rule import Rule
from core.surface import Point
from experiments.host import kept, progress, superseded, through
from experiments.race.controls import TRIED, TRIES, TUNINGS
from experiments.race.spec import Race
from optimizers import ENTRANTS, Entrant

Numbers = tuple[tuple[str, float], ...]


def trajectories(race: Race) -> dict[str, Trajectory]:
    """Every entrant's trajectory, from the same start, on the same noise, for the same number of steps."""
    runs, surface, start = {}, race.landscape, race.origin  # one surface for all knows its minimum's height
    for key in through(race.entrants):
        rule, settings = ENTRANTS[key].rule, settings_at(race, key)
        driver = tuple((name, settings[name]) for name in DRIVER)
        hypers = tuple((name, settings[name]) for name in rule.hypers)
        runs[key] = _run(rule, surface, start, hypers, driver, race.decline)
    return runs


def settings_at(race: Race, key: str) -> dict[str, float]:
    """Every number an entrant runs with, the tuned ones tuned."""
    entrant, settings = ENTRANTS[key], race.settings_of(ENTRANTS[key])
    if not (names := race.tuned(entrant)):
        return settings
    driver = tuple((name, settings[name]) for name in DRIVER)
    others = tuple((name, settings[name]) for name in entrant.rule.hypers if name not in names)
    tries = tuple((name, tuple(values.tolist())) for name, values in tried(race, entrant).items())
    return settings | _tuned(entrant.rule, race.landscape, race.origin, others, driver, race.decline, tries)


def tried(race: Race, entrant: Entrant) -> dict[str, np.ndarray]:
    """What tuning tries: for each number that is tuned its values (tries,), side by side."""
    tuning, names, tries = TUNINGS[race.tuning], race.tuned(entrant), int(race[TRIES.name])
    if tuning.random:
        shares = np.random.default_rng(0).random((2, tries))  # the same learning rates for every rule
    else:
        side = tries if len(names) == 1 else math.isqrt(tries)
        shares = np.array([a.ravel() for a in np.meshgrid(*[np.linspace(0, 1, side)] * len(names), indexing="ij")])
    values = {}
    for name, share in zip(names, shares, strict=False):
        hyper = entrant.rule.hypers[name]
        ends = TRIED if name == "lr" else (hyper.low, hyper.high)
        values[name] = spread(hyper.scale, *ends, share)
    return values


NOTHING = 1e-16
"""A loss above the minimum that is no more than rounding."""

Values = tuple[tuple[str, tuple[float, ...]], ...]


@kept
def _tuned(
    rule: Rule, surface: Surface, start: Point, hypers: Numbers, driver: Numbers, schedule: Schedule, tries: Values
) -> dict[str, float]:
    """Of the tries the one at which the run ends lowest and has not left below the minimum, the first of several."""
    settings: dict[str, Any] = {"progress": progress, "should_stop": superseded, **dict(driver)}
    axes = {name: np.array(values) for name, values in tries}
    found = sweep(rule, surface, axes=axes, paired=True, start=start, hypers=dict(hypers), schedule=schedule, **settings)
    height = np.maximum(found.above(found.final), NOTHING) if surface.minima else found.final
    best = int(np.where(found.left, np.inf, height).argmin())
    return {name: float(values[best]) for name, values in axes.items()}


@kept
def _run(rule: Rule, surface: Surface, start: Point, hypers: Numbers, driver: Numbers, schedule: Schedule) -> Trajectory:
    # The key is the small spec; a rule or surface edited while the app runs is a new object and so a new key.
    hear: dict[str, Any] = {"progress": progress, "should_stop": superseded, **dict(driver)}
    return simulate(rule, surface, start=start, hypers=dict(hypers), schedule=schedule, **hear)
