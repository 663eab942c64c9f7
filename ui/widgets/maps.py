"""Maps, drawn, and what is clicked and framed in them."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from core import Sweep
from core.symbolic.notation import symbol
from experiments.axis import Axis, options_of
from experiments.map.experiment import WHOLE
from experiments.map.run import below, boundary, moved, shades
from experiments.map.spec import COLOURS, Map
from experiments.race.ranking import floor_of
from experiments.schema import row, text, whole
from figures.maps import TOOLS, Panel, Shade, Side, maps
from optimizers import ENTRANTS
from ui.received import selected
from ui.session import remember

_ABREAST = 3


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


def map_picture(page: str, view: Map, many: int, every: Mapping[str, Sweep]) -> None:
    """The maps with so many values a side."""
    options = options_of(view.race)
    across, up = (Side(symbol(axis.name), options[axis.name].scale == "log") for axis in (view.across, view.up))
    panels = []
    for key, found in every.items():
        xs, ys = found.axes.values()
        panels.append(Panel(ENTRANTS[key].title, xs, ys, shades(view, found), boundary(view, key), below(view, found)))
    columns = st.columns(min(len(panels), _ABREAST))
    for i, figure in enumerate(maps(panels, across, up, shade(view))):
        key = f"{page}.chart.{many}.{i}"
        listens = partial(_touched, page, key) if many == WHOLE else "ignore"
        columns[i % _ABREAST].plotly_chart(figure, key=key, on_select=listens, selection_mode=("points", "box"), config=TOOLS)


def _touched(page: str, chart: str) -> None:
    """A click plays the cell's run below; a box becomes the whole map."""
    view, *_ = st.session_state[page]
    point, box = selected(chart, row(text(100), whole(0, len(view.shown) - 1)))
    if box:
        for name, old, ends in (("across", view.across, box["x"]), ("up", view.up, box["y"])):
            low, high = np.clip(sorted(ends), old.low, old.high)
            st.session_state[f"{page}.{name}.{old.name}"] = Axis(old.name, low, high).range
    elif point:
        _, panel = point["customdata"]
        cell = view.shown[panel], *(float(f"{point[side]:.9g}") for side in "xy")  # as the link writes it
        remember(page, replace(view, cell=cell), [], 0, link=True)
        st.session_state.pop(f"{page}.cell", None)
