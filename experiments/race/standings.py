"""Who wins under which terms: the same race under each protocol, for fewer and for more steps."""

from collections.abc import Sequence
from dataclasses import replace

from experiments.host import through
from experiments.numbers import number
from experiments.race.controls import EACH, PROTOCOLS
from experiments.race.ranking import Result, places, results
from experiments.race.run import trajectories
from experiments.race.spec import Race
from optimizers import ENTRANTS

LENGTHS = (30, 100, 300, 1000)


def standings(race: Race, lengths: Sequence[int] = LENGTHS) -> dict[str, list[str]]:
    """For each protocol the winner and its loss above the minimum after so many steps."""
    titles = {key: ENTRANTS[key].title for key in race.entrants}
    table = {}
    for protocol in through([key for key in PROTOCOLS if key != EACH or race.lrs == EACH]):
        row = []
        for steps in through(lengths):
            now = replace(race, lrs=protocol).having({"steps": float(steps)})
            found = results(trajectories(now), titles, now)
            rank = places(found)
            best = min(found, key=lambda result: rank[result.key])
            row.append(_won(best))
        table[protocol] = row
    return table


def _won(best: Result) -> str:
    if best.stopped is not None:
        return "all diverged"
    return "none stayed above it" if best.left is not None else f"{best.title} ({number(best.final)})"
