"""What one number does: a race's rules along the whole range of it. A frozen, hashable spec that is also its link."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.words import quoted
from experiments.axis import Axis, axis_of, checked_axis, options_of
from experiments.race.controls import DEFAULT, TUNED
from experiments.race.spec import Race, read_link

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
