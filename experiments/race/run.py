"""Runs, computed once: a slider of one rule leaves the other rules' trajectories as they are."""

import math
from typing import Any

import numpy as np

from core import Trajectory, simulate, sweep
from core.hyper import spread
from experiments.host import kept, progress, superseded, through
from experiments.race.controls import TRIED, TRIES, TUNINGS
from experiments.race.setup import Setup
from experiments.race.spec import Race
from optimizers import ENTRANTS, Entrant


def trajectories(race: Race) -> dict[str, Trajectory]:
    """Every entrant's trajectory, from the same start, on the same noise, for the same number of steps."""
    return {key: _run(tuned(race, key)) for key in through(race.entrants)}


def tuned(race: Race, key: str) -> Setup:
    """What an entrant runs with, the tuned numbers tuned."""
    setup, names = race.setups[key], race.tuned(ENTRANTS[key])
    if not names:
        return setup
    tries = tuple((name, tuple(values.tolist())) for name, values in tried(race, ENTRANTS[key]).items())
    return setup.having(_best(setup.without(*names), tries))


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
"""Numbers by name, each with its values."""


@kept
def _best(setup: Setup, tries: Values) -> dict[str, float]:
    """Of the tries the one at which the run ends lowest and has not left below the minimum, the first of several."""
    axes = {name: np.array(values) for name, values in tries}
    hear: dict[str, Any] = {"progress": progress, "should_stop": superseded}
    found = sweep(setup.rule, setup.surface, axes=axes, paired=True, **setup.arguments, **hear)
    height = np.maximum(found.above(found.final), NOTHING) if setup.surface.minima else found.final
    best = int(np.where(found.left, np.inf, height).argmin())
    return {name: float(values[best]) for name, values in axes.items()}


@kept
def _run(setup: Setup) -> Trajectory:
    return simulate(setup.rule, setup.surface, **setup.arguments, progress=progress, should_stop=superseded)
