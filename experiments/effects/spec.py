"""What one number does: a race's rules along the whole range of it. A frozen, hashable spec that is also its link."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from core import Sweep, Trajectory
from core.symbolic.notation import symbol
from core.words import quoted
from experiments.host import through
from experiments.map.spec import Axis, alone, axis_of, checked_axis, options_of, swept_along, values_of
from experiments.race.run import trajectories
from experiments.race.spec import DEFAULT, TUNED, Race, read_link
from experiments.race.theory import critically_damped, fastest, largest_stable, silence
from optimizers import ENTRANTS

FINE = 241
"""Values along a profile."""

FAN = 25
"""Values whose whole runs are drawn."""

LEAST = 1e-16
"""Losses above the minimum that are less than this are told as this."""

NEAR = 10.0
"""A value is good enough when its final loss is within this factor of the best."""


SHOWS = {"final": "Final loss", "steps": "Steps to threshold"}
"""What the profile may tell."""


@dataclass(frozen=True)
class Effect:
    """One number of a race; `rule` is the entrant whose runs are drawn, `at` a value that stands out, `shows` one of SHOWS."""

    race: Race
    axis: Axis
    rule: str
    at: float | None = None
    shows: str = next(iter(SHOWS))

    @property
    def shown(self) -> list[str]:
        """The entrants that have the number."""
        return [key for key in self.race.entrants if self.axis.name in options_of(replace(self.race, entrants=(key,)))]

    @property
    def work(self) -> "Effect":
        """What is to be computed, whatever is shown of it."""
        return replace(self, at=None, shows=next(iter(SHOWS)))

    def link(self) -> dict[str, str]:
        link = {**self.race.link(), "number": self.axis.link, "rule": self.rule}
        if self.shows != next(iter(SHOWS)):
            link["shows"] = self.shows
        return link if self.at is None else link | {"at": f"{self.at:.6g}"}


def read_effect(link: Mapping[str, str], default: Effect) -> tuple[Effect, list[str]]:
    """The effect a link asks for, and a sentence for each thing in it that could not be granted."""
    race, problems = read_link({k: v for k, v in link.items() if k not in ("number", "rule", "at", "shows")}, default.race)
    race = replace(race, lrs=DEFAULT) if race.lrs == TUNED else race
    options = options_of(race)
    axis = default.axis if default.axis.name in options else axis_of("lr", options)
    if "number" in link:
        try:
            axis = checked_axis("number", link["number"], options)
        except ValueError as error:
            problems.append(f"The link's {error}; {axis.name} is shown instead.")
    rule = link.get("rule", default.rule)
    if rule not in race.entrants:
        if "rule" in link:
            problems.append(f"The link's rule {quoted(rule)} is not in the race: {race.entrants[0]} is drawn instead.")
        rule = race.entrants[0]
    shows = link.get("shows", default.shows)
    if shows not in SHOWS:
        problems.append(f"The link's shows {quoted(shows)} is unknown: {default.shows} is shown instead.")
        shows = default.shows
    at = None
    if "at" in link:
        try:
            at = options[axis.name].named("at").check(link["at"])
        except ValueError as error:
            problems.append(f"The link's {error}; it is left out.")
    return Effect(race, axis, rule, at, shows), problems


def profile(effect: Effect, key: str) -> Sweep:
    """An entrant's outcome along the whole range."""
    return swept_along((effect.axis,), effect.race, key, FINE)


def fan(effect: Effect) -> tuple[np.ndarray, list[Trajectory]]:
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


def told(effect: Effect, found: Sweep) -> np.ndarray:
    """What the profile tells along the range, inf where there is nothing to tell."""
    if effect.shows == "final":
        return gap(effect, found)
    count = found.steps_within(effect.race["threshold"])
    return np.where(count <= found.steps, count, np.inf)


def best(effect: Effect, found: Sweep) -> tuple[float, float, float]:
    """From where to where the number is best, as far as no value between is worse, and what the profile tells there.

    Losses below LEAST count as that, so that rounding names no winner.
    """
    level = np.maximum(told(effect, found), LEAST)
    first = int(level.argmin())
    worse = np.flatnonzero(level[first:] > level[first])
    last = first + int(worse[0]) - 1 if len(worse) else len(level) - 1
    values = found.axes[effect.axis.name]
    return float(values[first]), float(values[last]), float(level[first])


def width(effect: Effect, found: Sweep) -> float:
    """The share of the range, in decades, whose final loss is within NEAR times the best; the robustness of a rule to lr.

    Losses below LEAST count as that: nobody needs to be within a factor of rounding noise.
    """
    loss = np.maximum(gap(effect, found), LEAST)
    if not np.isfinite(loss).any():
        return 0.0
    decades = np.log10(effect.axis.high / effect.axis.low)
    return float((loss <= NEAR * loss.min()).mean() * decades)


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


def sentences(effect: Effect) -> list[str]:
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
