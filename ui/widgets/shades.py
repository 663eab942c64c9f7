"""The colours of a map."""

import math

from experiments.map.run import moved
from experiments.map.spec import COLOURS, Map
from experiments.race.ranking import floor_of
from figures.maps import Shade


def shade(view: Map) -> Shade:
    """What the colour tells on this map."""
    told, names, top = COLOURS[view.colour], (), math.inf
    if view.colour in ("final", "best"):  # what rises far above the start would squeeze all that matters
        start = float(view.race.landscape.value(view.race.origin)) - floor_of(view.race.landscape)
        top = max(10 * start, 1e-12)
    if view.colour == "minimum":
        names = tuple(view.race.landscape.wells)
        names = tuple(f"{i}: {name}" for i, name in enumerate(names, start=1)) if moved(view) else names
    return Shade(told.words, told.log, told.nothing, names, top)
