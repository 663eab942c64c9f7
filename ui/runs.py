"""Runs, computed once: a slider of one rule leaves the other rules' trajectories as they are."""

from functools import lru_cache
from typing import Any

import numpy as np

from core import DRIVER, Schedule, Surface, Trajectory, simulate, sweep
from core.rule import Rule
from core.surface import Point
from optimizers import ENTRANTS
from ui.spec import TRIED, TRIES, TUNED, Race

Numbers = tuple[tuple[str, float], ...]


def trajectories(race: Race) -> dict[str, Trajectory]:
    """Every entrant's trajectory, from the same start, on the same noise, for the same number of steps."""
    runs = {}
    for key in race.entrants:
        entrant = ENTRANTS[key]
        settings = race.settings_of(entrant)
        driver = tuple((name, settings[name]) for name in DRIVER)
        if race.lrs == TUNED:
            others = tuple((name, settings[name]) for name in entrant.rule.hypers if name != "lr")
            tries = int(race[TRIES.name])
            settings["lr"] = _tuned(entrant.rule, race.landscape, race.origin, others, driver, race.decline, tries)
        hypers = tuple((name, settings[name]) for name in entrant.rule.hypers)
        runs[key] = _run(entrant.rule, race.landscape, race.origin, hypers, driver, race.decline)
    return runs


@lru_cache(maxsize=256)
def _tuned(
    rule: Rule, surface: Surface, start: Point, hypers: Numbers, driver: Numbers, schedule: Schedule, tries: int
) -> float:
    """Of so many learning rates the one at which the run ends lowest, the smallest of several."""
    lrs = np.geomspace(*TRIED, tries)
    settings: dict[str, Any] = dict(driver)
    found = sweep(rule, surface, axes={"lr": lrs}, start=start, hypers=dict(hypers), schedule=schedule, **settings)
    return float(lrs[found.final.argmin()])


@lru_cache(maxsize=128)
def _run(rule: Rule, surface: Surface, start: Point, hypers: Numbers, driver: Numbers, schedule: Schedule) -> Trajectory:
    # The key is the small spec; a rule or surface edited while the app runs is a new object and so a new key.
    return simulate(rule, surface, start=start, hypers=dict(hypers), schedule=schedule, **dict(driver))  # type: ignore[arg-type]
