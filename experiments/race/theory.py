"""What the theory of quadratics says of an entrant of a race, where it says anything."""

import math
from functools import lru_cache

import numpy as np

from core import SCHEDULES, Surface
from core.rule import Rule
from core.study.stability import Fastest, critical, curvatures, limit, linear, optimum, quadratic
from experiments.race.spec import Race
from optimizers import ENTRANTS


def curvatures_for(race: Race, key: str) -> np.ndarray | None:
    """The curvatures (2,) on which a rule's theory stands; None where it has nothing to say.

    It speaks of an entrant with a limit and a constant lr, near the surface's first minimum.
    """
    return _curvatures(race.landscape)[0] if _applies(race, key) else None


def silence(race: Race, key: str) -> str:
    """Why theory, which could speak of the entrant, is silent on this surface or does not know what is fastest; else empty."""
    return _curvatures(race.landscape)[1] if _applies(race, key) else ""


def limit_of(race: Race, key: str) -> float | None:
    """The largest stable lr·λ of a linear rule with neither decay nor clipping; None for the others."""
    plain = race["weight_decay"] == race["l2"] == 0 and race["clip_norm"] == race["clip_value"] == math.inf
    if not plain or not _linear(ENTRANTS[key].rule):
        return None
    return _limit(ENTRANTS[key].rule, tuple(race.setups[key].without("lr").hypers.items()))


def largest_stable(race: Race, key: str) -> float | None:
    """The learning rate past which the entrant diverges near the minimum; None where theory does not know it."""
    bends, edge = curvatures_for(race, key), limit_of(race, key)
    return None if bends is None or edge is None else edge / float(bends.max())


def fastest(race: Race, key: str, name: str) -> Fastest | None:
    """The values of one hyperparameter at which the entrant converges fastest near the minimum; None where unknown."""
    bends = curvatures_for(race, key)
    return None if bends is None else optimum(ENTRANTS[key].rule, race.setups[key].hypers, bends, name)


def critically_damped(race: Race, key: str, name: str) -> float | None:
    """The value of one hyperparameter at which the flattest direction is critically damped; None where unknown."""
    bends = curvatures_for(race, key)
    if bends is None or not bends.min() > 0:
        return None
    return critical(ENTRANTS[key].rule, race.setups[key].hypers, float(bends.min()), name)


def exact(race: Race) -> bool:
    """Whether the theory is exact on the race's surface, or a guide from its minimum."""
    return _exact(race.landscape)


@lru_cache(maxsize=512)
def _limit(rule: Rule, hypers: tuple[tuple[str, float], ...]) -> float:
    return float(limit(rule, dict(hypers)))


@lru_cache(maxsize=128)
def _exact(surface: Surface) -> bool:
    return quadratic(surface)


@lru_cache(maxsize=128)
def _linear(rule: Rule) -> bool:
    return linear(rule)


def _applies(race: Race, key: str) -> bool:
    return race.schedule == next(iter(SCHEDULES)) and limit_of(race, key) is not None


@lru_cache(maxsize=128)
def _curvatures(surface: Surface) -> tuple[np.ndarray | None, str]:
    """The curvatures (2,) that theory stands on, None where there are none, and what it misses in them."""
    try:
        bends = curvatures(surface)
    except ValueError as error:
        return None, f"Theory is silent here: {error}."
    if not bends.max() > 0:
        return None, f"Theory is silent here: at its minimum {surface.title} has no curvature in any direction."
    flat = "In one direction the minimum has no curvature, so that theory knows no fastest value."
    return bends, "" if bends.min() > 0 else flat
