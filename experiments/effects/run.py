"""The runs along one number: some of them whole, and the outcome of many."""

import numpy as np

from core import Sweep, Trajectory
from experiments.axis import options_of, values_of
from experiments.effects.spec import Effect
from experiments.host import through
from experiments.map.run import alone, swept_along
from experiments.race.run import trajectories

FINE = 241
"""Values along a profile."""

FAN = 25
"""Values whose whole runs are drawn."""


def profiled(effect: Effect, key: str) -> Sweep:
    """An entrant's outcome along the whole range."""
    return swept_along((effect.axis,), effect.race, key, FINE)


def fanned(effect: Effect) -> tuple[np.ndarray, list[Trajectory]]:
    """Some values along the range, and the drawn entrant's run at each."""
    values = values_of(effect.axis, options_of(effect.race)[effect.axis.name], FAN)
    runs = [trajectories(alone(effect.race, effect.rule, {effect.axis.name: value})) for value in through(values.tolist())]
    return values, [run[effect.rule] for run in runs]


def gap(effect: Effect, found: Sweep) -> np.ndarray:
    """Final loss above the minimum along a profile, inf where the run diverged or left below it.

    Without a minimum it is the loss above 0, and 0 for whatever is less.
    """
    height = found.above(found.final)
    return np.where(found.left, np.inf, height) if effect.race.landscape.minima else np.maximum(height, 0.0)


def told_along(effect: Effect, found: Sweep) -> np.ndarray:
    """What the profile tells along the range, inf where there is nothing to tell."""
    if effect.shows == "final":
        return gap(effect, found)
    count = found.steps_within(effect.race["threshold"])
    return np.where(count <= found.steps, count, np.inf)


Made = tuple[np.ndarray, list[Trajectory], dict[str, Sweep]]


def computed(effect: Effect) -> Made:
    """Some values, the run at each, and the outcome of every rule along the whole range."""
    values, runs = fanned(effect)
    return values, runs, {key: profiled(effect, key) for key in through(effect.shown)}
