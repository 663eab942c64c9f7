"""What a map is: a race, two of its numbers as axes, and what the cells show. A frozen, hashable spec that is also its link."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from core.words import quoted
from experiments.axis import Axis, checked_axis, options_of, usual
from experiments.link import SEPARATOR, Asked, split_link
from experiments.race.controls import DEFAULT, TUNED
from experiments.race.spec import Race, read_race


@dataclass(frozen=True)
class Told:
    """What the colour of a cell tells, in words, whether on a logarithmic scale, and what an empty cell means."""

    words: str
    log: bool
    nothing: str


COLOURS = {
    "final": Told("final loss", log=True, nothing="diverged"),
    "best": Told("best loss", log=True, nothing="never within bounds"),
    "steps": Told("steps to the threshold", log=True, nothing="never within the threshold"),
    "stopped": Told("step of divergence", log=True, nothing="did not diverge"),
    "minimum": Told("minimum reached", log=False, nothing="at no known minimum"),
}
"""What the colour of a cell may tell."""

Chosen = tuple[str, float, float]
"""An entrant and the two numbers, across and up."""


@dataclass(frozen=True)
class Map:
    """A race's rules, each run at every pair of values of two numbers; `cell` is the one that is played, if any."""

    race: Race
    across: Axis
    up: Axis
    colour: str = "final"
    cell: Chosen | None = None

    @property
    def shown(self) -> list[str]:
        """The entrants that have both numbers."""
        names = {self.across.name, self.up.name}
        return [key for key in self.race.entrants if names <= options_of(replace(self.race, entrants=(key,))).keys()]

    def link(self) -> dict[str, str]:
        link = {**self.race.link(), "across": self.across.link, "up": self.up.link, "colour": self.colour}
        if self.cell:
            key, *point = self.cell
            link["cell"] = SEPARATOR.join((key, *(f"{number:.9g}" for number in point)))
        return link


def read_map(link: Mapping[str, str], default: Map) -> tuple[Map, list[str]]:
    """The map a link asks for, and a sentence for each thing in it that could not be granted."""
    own, rest = split_link(link, ("across", "up", "colour", "cell"))
    race, problems = read_race(rest, default.race)
    race = replace(race, lrs=DEFAULT) if race.lrs == TUNED else race  # every cell its own terms: nothing to tune
    asked, options = Asked(own, problems), options_of(race)
    colour = asked.choice("colour", COLOURS, default.colour)
    across, up = (
        asked.granted(side, partial(checked_axis, side, options=options), None, "another number is shown instead")
        for side in ("across", "up")
    )
    if across and up and across.name == up.name:
        asked.problems.append(f"The link's axes are both {across.name}: another number goes up instead.")
        up = None
    across = across or usual(default.across, options, up)
    view = Map(race, across, up or usual(default.up, options, across), colour)
    cell = asked.granted("cell", partial(checked_cell, view=view), None, "none is played")
    return replace(view, cell=cell), asked.problems


def checked_cell(text: str, view: Map) -> Chosen:
    """A cell from a link, rule~across~up; ValueError in words."""
    key, *numbers = text.split(SEPARATOR)
    if key not in view.shown or len(numbers) != 2:
        raise ValueError(f"cell {quoted(text)} is not a rule that is shown and two numbers")
    options = options_of(view.race)
    across, up = (
        options[axis.name].named(axis.name).check(number) for axis, number in zip((view.across, view.up), numbers, strict=True)
    )
    return key, across, up
