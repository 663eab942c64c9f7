"""Why a run diverged, as far as can be said."""

import math

import numpy as np

from core import sweep
from core.study.stability import modes
from experiments.anatomy.run import anatomy_of
from experiments.host import superseded
from experiments.numbers import number
from experiments.race import theory
from experiments.race.run import trajectories
from experiments.race.spec import Race
from optimizers import ENTRANTS

TRIALS = 128
"""Learning rates that are tried at a time for the largest that survives."""


def why(race: Race) -> str:
    """Why the run diverged, as far as can be said; empty where it did not."""
    (key,) = race.entrants
    run, anatomy = trajectories(race)[key], anatomy_of(race)
    if not run.diverged[0] or not anatomy.steps:
        return ""
    told = f"It left every bound at step {int(run.stopped[0])}."
    edge = theory.limit_of(race, key)
    x = anatomy.run.x[: anatomy.steps, 0]
    if edge is not None:
        with np.errstate(all="ignore"):
            curvatures, axes = modes(race.landscape, x)
        past = np.flatnonzero(anatomy.run.lr[: anatomy.steps, 0] * curvatures[:, 1] > edge)
        if len(past):
            first = int(past[0])
            steep, (across, up) = float(curvatures[first, 1]), axes[first]
            told += (
                f" The first step past the limit was step {first + 1}: along {_heading(across, up)} the curvature was "
                f"{number(steep)}, so lr·λ was {number(float(anatomy.run.lr[first, 0]) * steep)} where at most "
                f"{number(edge)} is stable; there no lr above {number(edge / steep)} is."
            )
    survivor = largest_survivor(race, key)
    if survivor is None:
        return told + " By trial, no learning rate below this one stays within them either."
    return told + f" By trial, all learning rates up to {number(survivor)} stay within them over these steps."


def largest_survivor(race: Race, key: str) -> float | None:
    """The largest learning rate, to a thousandth or so, at which, as at all smaller ones tried, the run does not diverge."""
    setup = race.setups[key]
    low, high = setup.rule.hypers["lr"].low, setup["lr"]
    if high <= low:
        return None
    numbers = setup.without("lr").arguments
    for _ in range(2):  # coarse, then between the last that survives and the first that does not
        axes = {"lr": np.geomspace(low, high, TRIALS)}
        found = sweep(setup.rule, setup.surface, axes=axes, **numbers, should_stop=superseded)
        dead = np.flatnonzero(found.stopped <= found.steps)
        if not len(dead):
            return float(high)
        if not dead[0]:
            return None
        low, high = axes["lr"][dead[0] - 1], axes["lr"][dead[0]]
    return float(low)


def _heading(across: float, up: float) -> str:
    return f"the axis at {math.degrees(math.atan2(up, across)) % 180:.0f}°"


def conventions(race: Race) -> str:
    """What is agreed about the race's only rule, and where that comes from."""
    entrant = ENTRANTS[race.entrants[0]]
    return f"{entrant.title}: {entrant.rule.conventions} Source: {entrant.source}."
