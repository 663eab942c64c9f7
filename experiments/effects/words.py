"""What the runs along one number come to, and what theory says of it."""

from collections.abc import Iterator, Mapping

import numpy as np

from core import Sweep
from core.symbolic.notation import symbol
from experiments.axis import options_of
from experiments.effects.run import gap, told_along
from experiments.effects.spec import SHOWS, Effect
from experiments.numbers import number
from experiments.race import theory
from experiments.race.theory import critically_damped, fastest, largest_stable, silence
from optimizers import ENTRANTS

_LEAST = 1e-16
"""Losses above the minimum that are less than this are told as this."""

_NEAR = 10.0
"""A value is good enough when its final loss is within this factor of the best."""


def best(effect: Effect, found: Sweep) -> tuple[float, float, float]:
    """From where to where the number is best, as far as no value between is worse, and what the profile tells there.

    losses below _LEAST count as that, so that rounding names no winner.
    """
    level = np.maximum(told_along(effect, found), _LEAST)
    first = int(level.argmin())
    worse = np.flatnonzero(level[first:] > level[first])
    last = first + int(worse[0]) - 1 if len(worse) else len(level) - 1
    values = found.axes[effect.axis.name]
    return float(values[first]), float(values[last]), float(level[first])


def decades_near_best(effect: Effect, found: Sweep) -> float:
    """The share of the range, in decades, whose final loss is within _NEAR times the best; the robustness of a rule to lr.

    losses below _LEAST count as that: nobody needs to be within a factor of rounding noise.
    """
    loss = np.maximum(gap(effect, found), _LEAST)
    if not np.isfinite(loss).any():
        return 0.0
    decades = np.log10(effect.axis.high / effect.axis.low)
    return float((loss <= _NEAR * loss.min()).mean() * decades)


def in_decades(effect: Effect) -> bool:
    """Whether the width can be told: of losses, along a range that has decades."""
    return effect.shows == "final" and options_of(effect.race)[effect.axis.name].scale == "log"


def ticks(effect: Effect) -> dict[str, tuple[float, float]]:
    """From where to where the values run that theory names for the drawn entrant, as far as they are in the range.

    One value alone runs from itself to itself.
    """
    race, key, name = effect.race, effect.rule, effect.axis.name
    if name not in ENTRANTS[key].rule.hypers:
        return {}
    quickest, low, high = fastest(race, key, name), effect.axis.low, effect.axis.high
    single = {
        "largest stable": largest_stable(race, key) if name == "lr" else None,
        "critical": critically_damped(race, key, name),
    }
    named = {label: (value, value) for label, value in single.items() if value is not None}
    if quickest:
        named["fastest"] = quickest.low, quickest.high
    return {label: (max(a, low), min(b, high)) for label, (a, b) in named.items() if a <= high and b >= low}


def effect_sentences(effect: Effect) -> list[str]:
    """What theory says of the drawn entrant beyond its ticks, and where it is silent."""
    race, key, name = effect.race, effect.rule, effect.axis.name
    if name not in ENTRANTS[key].rule.hypers:
        return []
    quickest, found = fastest(race, key, name), [silence(race, key)]
    if quickest and quickest.low < quickest.high:
        found.append(
            f"By theory every {symbol(name)} from {quickest.low:.3g} to {quickest.high:.3g} is equally fast: in the slowest "
            f"direction each step leaves {quickest.rate:.3g} of the distance."
        )
    return [sentence for sentence in found if sentence]


def rows(effect: Effect, found: Mapping[str, Sweep]) -> list[dict[str, str]]:
    """Each rule's best value, and how much of the range is about as good."""
    made, surface = [], effect.race.landscape
    for key, outcome in found.items():
        first, last, level = best(effect, outcome)
        where, there = number(first) if first == last else f"{number(first)} … {number(last)}", number(level)
        if endless(effect) or not np.isfinite(level):
            where, there = "–", "–" if endless(effect) else "never"
        row = {
            "Rule": ENTRANTS[key].title,
            f"best {symbol(effect.axis.name)}": where,
            f"{SHOWS[effect.shows].lower()} there": there,
        }
        if in_decades(effect):
            row[f"decades within {_NEAR:g}× of it"] = f"{decades_near_best(effect, outcome):.2f}"
        row["diverged"] = f"{(outcome.stopped <= outcome.steps).mean():.0%} of the range"
        if surface.caveat:
            row["left below the minimum"] = f"{outcome.left.mean():.0%} of the range"
        made.append(row)
    return made


def endless(effect: Effect) -> bool:
    """Whether no value can be best, for runs fall without end."""
    return effect.shows == "final" and not effect.race.landscape.minima


def notes(effect: Effect, found: Mapping[str, Sweep]) -> Iterator[str]:
    """What the pictures and the table show and what they do not, then what theory says."""
    if endless(effect):
        yield "This surface has no minimum, so no value is best; a loss of 0 or less stands at the lower edge."
    if any(outcome.left.any() for outcome in found.values()):
        yield f"{effect.race.landscape.caveat} A run that left below it is told no loss and has reached nothing.".strip()
    left = [ENTRANTS[key].title for key in effect.race.entrants if key not in found]
    if left:
        yield f"{', '.join(left)} cannot be shown: there is no {symbol(effect.axis.name)} in it."
    if ticks(effect):
        exact = "exact here: the surface is a quadratic"
        told = exact if theory.exact(effect.race) else "a guide here, from the minimum alone"
        yield f"Dashed: what theory says of {ENTRANTS[effect.rule].title}, derived from the rule; {told}."
    yield from effect_sentences(effect)
