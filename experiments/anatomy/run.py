"""The inside of every step of a race's only run, as the stage draws it: numbers, and how they are laid out."""

from core.study.anatomy import Anatomy, dissect
from experiments.host import kept
from experiments.race.setup import Setup
from experiments.race.spec import Race


def anatomy_of(race: Race) -> Anatomy:
    """The race's only run, taken apart."""
    (key,) = race.entrants
    return _dissected(race.setups[key])


@kept
def _dissected(setup: Setup) -> Anatomy:
    return dissect(setup.rule, setup.surface, **setup.arguments)
