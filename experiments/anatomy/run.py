"""The inside of every step of a race's only run, as the stage draws it: numbers, and how they are laid out."""

from core import DRIVER, Schedule, Surface
from core.rule import Rule
from core.study.anatomy import Anatomy, dissect
from core.surface import Point
from experiments.host import kept
from experiments.race.run import Numbers
from experiments.race.spec import Race
from optimizers import ENTRANTS


def anatomy_of(race: Race) -> Anatomy:
    """The race's only run, taken apart."""
    (key,) = race.entrants
    entrant, settings = ENTRANTS[key], race.settings_of(ENTRANTS[key])
    hypers = tuple((name, settings[name]) for name in entrant.rule.hypers)
    driver = tuple((name, settings[name]) for name in DRIVER)
    return _dissected(entrant.rule, race.landscape, race.origin, hypers, driver, race.decline)


@kept
def _dissected(rule: Rule, surface: Surface, start: Point, hypers: Numbers, driver: Numbers, schedule: Schedule) -> Anatomy:
    return dissect(rule, surface, start=start, hypers=dict(hypers), schedule=schedule, **dict(driver))
