"""The learning-rate finder for a rule of a race."""

from core.study.finder import Finding, find_lr
from experiments.host import kept
from experiments.numbers import number
from experiments.race.controls import TRIED
from experiments.race.setup import Setup
from experiments.race.spec import Race
from experiments.race.theory import exact, largest_stable

_STEPS = 300


def found(race: Race, key: str) -> Finding:
    """What the finder finds for an entrant, on the race's surface, from its start, on its noise."""
    return _found(race.setups[key].without("lr", "steps"))


@kept
def _found(setup: Setup) -> Finding:
    low, high = TRIED
    numbers = setup.arguments
    del numbers["schedule"]  # the rate grows, whatever a schedule says
    return find_lr(setup.rule, setup.surface, low=low, high=high, steps=_STEPS, **numbers)


def marks(race: Race, key: str) -> dict[str, float]:
    """What to mark on the curve: what the finder names, and the largest stable lr where theory knows it."""
    finding = found(race, key)
    named = {
        "steepest": finding.steepest,
        "breaking": finding.breaking,
        "largest stable, from theory": largest_stable(race, key),
    }
    return {name: value for name, value in named.items() if value is not None}


def words(race: Race, key: str) -> str:
    """What the curve shows, as far as it shows it."""
    finding, edge, told = found(race, key), largest_stable(race, key), []
    told.append(f"One run of {len(finding.lrs)} steps whose learning rate grows from step to step.")
    if finding.floor is None:
        known = race.landscape.lowest is not None
        why = "The run falls below the minimum that is known" if known else "This surface has no lowest point"
        told.append(f"{why}, so the loss itself is drawn; where it falls fastest steps are long, which need not be good.")
    if finding.breaking is None:
        told.append("It does not break: no rise lasts.")
    else:
        told.append(f"It breaks at {number(finding.breaking)}: from there on every loss is higher than all before it.")
    if finding.breaking is not None and edge is not None and exact(race):
        told.append(
            f"A constant rate is unstable above {number(edge)} already; a growing one breaks later, for the loss shows an "
            "unstable direction only once it has grown back."
            if finding.breaking > edge
            else f"A constant rate is stable up to {number(edge)}; a growing one breaks sooner where it changes faster than "
            "the rule forgets, or where noise decides."
        )
    return " ".join(told)
