"""What one number does: a race's rules along the whole range of it. A frozen, hashable spec that is also its link."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from experiments.axis import Axis, axis_of, checked_axis, options_of
from experiments.link import Asked, split_link
from experiments.race.controls import DEFAULT, TUNED
from experiments.race.spec import Race, read_race
from optimizers import ENTRANTS

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
    own, rest = split_link(link, ("number", "rule", "at", "shows"))
    race, problems = read_race(rest, default.race)
    race = replace(race, lrs=DEFAULT) if race.lrs == TUNED else race
    asked, options = Asked(own, problems), options_of(race)
    axis = default.axis if default.axis.name in options else axis_of("lr", options)
    axis = asked.granted("number", partial(checked_axis, "number", options=options), axis, f"{axis.name} is shown instead")
    having = Effect(race, axis, "").shown
    rule = default.rule if "rule" not in own and default.rule in having else having[0]
    rule = asked.choice("rule", race.entrants, rule, "is not in the race", "drawn")
    if rule not in having:
        instead = f"{ENTRANTS[having[0]].title} is drawn instead"
        asked.problems.append(f"The link's rule {ENTRANTS[rule].title} has no {axis.name}: {instead}.")
        rule = having[0]
    shows = asked.choice("shows", SHOWS, default.shows)
    at = asked.granted("at", options[axis.name].named("at").check, None, "it is left out")
    return Effect(race, axis, rule, at, shows), asked.problems
