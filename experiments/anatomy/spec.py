"""Whose inside is shown: a race of one rule, at a learning rate of its own."""

from collections.abc import Mapping
from dataclasses import replace

from experiments.race.controls import EACH, TUNED
from experiments.race.spec import Race, read_race
from optimizers import ENTRANTS


def read_dissected(link: Mapping[str, str], default: Race) -> tuple[Race, list[str]]:
    """The race a link asks for, of its first rule alone, and a sentence for each thing that could not be granted."""
    race, problems = read_race(link, default)
    if len(race.entrants) > 1:
        problems.append(f"One rule at a time is taken apart: {ENTRANTS[race.entrants[0]].title} is shown.")
    if race.lrs == TUNED:
        problems.append("Nothing is tuned here: the rule’s own learning rate is used.")
    return replace(race, entrants=race.entrants[:1], lrs=EACH, hidden=()), problems
