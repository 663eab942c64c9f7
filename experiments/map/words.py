"""What a map shows and what it does not."""

from collections.abc import Iterator

from core.symbolic.notation import symbol
from experiments.map.run import boundary, bounded, moved
from experiments.map.spec import COLOURS, Map
from experiments.numbers import number
from experiments.race import theory
from optimizers import ENTRANTS


def map_sentences(view: Map) -> Iterator[str]:
    """One after another, as they stand below the maps."""
    race = view.race
    left = [ENTRANTS[key].title for key in race.entrants if key not in view.shown]
    if left:
        yield f"{', '.join(left)} cannot be shown: there is no {symbol(view.across.name)} or no {symbol(view.up.name)} in it."
    if any(boundary(view, key) for key in view.shown):
        exact = "exactly: this surface is a quadratic"
        guide = "as a guide: it knows the minimum's curvature alone"
        told = exact if theory.exact(race) else guide
        yield f"Dashed: the largest stable learning rate, derived from the rule, {told}."
    elif silent := next(filter(None, (theory.silence(race, key) for key in view.shown if bounded(view, key))), ""):
        yield silent
    if view.colour == "minimum" and moved(view):
        now = " and ".join(f"{symbol(name)} {number(value)}" for name, value in moved(view).items())
        yield f"The minima may move along the axes: each keeps its number, and is called after where it is at {now}."
    if not race.landscape.minima and view.colour in ("final", "best"):
        yield "This surface has no minimum, and a loss of 0 or less no logarithm: its cell is reddish too."
    if race.landscape.caveat:
        yield f"{race.landscape.caveat} A violet cell: the run left below it."
    yield (
        "Click a cell to play its run below; draw a box with the toolbar's square to look closer; "
        f"a reddish cell: {COLOURS[view.colour].nothing}."
    )
