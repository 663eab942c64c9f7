"""The map: two numbers, every pair of their values a run."""

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from core import Sweep
from core.symbolic.notation import symbol
from experiments.axis import Axis, options_of
from experiments.host import through
from experiments.map.run import ahead, below, beyond, boundary, bounded, moved, played, shades, swept
from experiments.map.spec import COLOURS, Map, read_map
from experiments.numbers import number
from experiments.race import theory
from experiments.race.controls import SHARED
from experiments.race.spec import Race
from experiments.schema import row, text, whole
from figures.maps import TOOLS, Panel, Side, maps
from optimizers import ENTRANTS
from ui.complain import complain
from ui.page import begin
from ui.received import selected
from ui.session import recall, remember
from ui.waiting import awaited, stopped
from ui.widgets.live import live
from ui.widgets.pickers import axis, other_numbers, surface_and_rules, word
from ui.widgets.shades import shade

PAGE = "map"
FIRST = Map(
    race=Race("ravine", ("momentum", "nesterov"), SHARED, numbers=(("ravine.kappa", 50.0), ("steps", 300.0))),
    across=Axis("lr", 1e-3, 1e0),
    up=Axis("mu", 0.0, 0.99),
)
PREVIEW, WHOLE = 64, 256
MOST_RULES = 6
ABREAST = 3


def picked(view: Map) -> tuple[Map, list[str]]:
    """The map with what the pickers say, and what is wrong with it."""
    one, two, three = st.columns([3, 6, 3])
    race = surface_and_rules(PAGE, view.race, one, two, most=MOST_RULES)
    colour = word(PAGE, "colour", "Colour", {key: one.words for key, one in COLOURS.items()}, view.colour, three)
    if not race.entrants:
        return Map(race, view.across, view.up, colour), []
    options = options_of(race)
    one, two, three, four = st.columns(4)
    across, wrong = axis(PAGE, "across", view.across, options, one, two, other=view.up)
    rest = {name: hyper for name, hyper in options.items() if name != across.name}
    up, wrong_too = axis(PAGE, "up", view.up, rest, three, four)
    race = other_numbers(PAGE, race, {across.name, up.name})
    view = Map(race, across, up, colour, view.cell if (across.name, up.name) == (view.across.name, view.up.name) else None)
    return view if view.cell is None or view.cell[0] in view.shown else replace(view, cell=None), wrong + wrong_too


def computed(view: Map, many: int) -> dict[str, Sweep]:
    """The maps with so many values a side."""
    return {key: swept(view, key, many) for key in through(view.shown)}


def picture(view: Map, many: int, every: dict[str, Sweep]) -> None:
    """The maps, drawn."""
    options = options_of(view.race)
    across, up = (Side(symbol(axis.name), options[axis.name].scale == "log") for axis in (view.across, view.up))
    panels = []
    for key, found in every.items():
        xs, ys = found.axes.values()
        panels.append(Panel(ENTRANTS[key].title, xs, ys, shades(view, found), boundary(view, key), below(view, found)))
    columns = st.columns(min(len(panels), ABREAST))
    for i, figure in enumerate(maps(panels, across, up, shade(view))):
        key = f"{PAGE}.chart.{many}.{i}"
        listens = partial(touched, key) if many == WHOLE else "ignore"
        columns[i % ABREAST].plotly_chart(figure, key=key, on_select=listens, selection_mode=("points", "box"), config=TOOLS)


def touched(chart: str) -> None:
    """A click plays the cell's run below; a box becomes the whole map."""
    view, *_ = st.session_state[PAGE]
    point, box = selected(chart, row(text(100), whole(0, len(view.shown) - 1)))
    if box:
        for name, old, ends in (("across", view.across, box["x"]), ("up", view.up, box["y"])):
            low, high = np.clip(sorted(ends), old.low, old.high)
            st.session_state[f"{PAGE}.{name}.{old.name}"] = Axis(old.name, low, high).range
    elif point:
        _, panel = point["customdata"]
        cell = view.shown[panel], *(float(f"{point[side]:.9g}") for side in "xy")  # as the link writes it
        remember(PAGE, replace(view, cell=cell), [], 0, link=True)
        st.session_state.pop(f"{PAGE}.cell", None)


def words(view: Map) -> None:
    """What the figure shows and what it does not."""
    race = view.race
    left = [ENTRANTS[key].title for key in race.entrants if key not in view.shown]
    if left:
        st.caption(
            f"{', '.join(left)} cannot be shown: there is no {symbol(view.across.name)} or no {symbol(view.up.name)} in it."
        )
    if any(boundary(view, key) for key in view.shown):
        exact = (
            "exactly: this surface is a quadratic"
            if theory.exact(race)
            else "as a guide: it knows the minimum's curvature alone"
        )
        st.caption(f"Dashed: the largest stable learning rate, derived from the rule, {exact}.")
    elif silent := next(filter(None, (theory.silence(race, key) for key in view.shown if bounded(view, key))), ""):
        st.caption(silent)
    if view.colour == "minimum" and moved(view):
        now = " and ".join(f"{symbol(name)} {number(value)}" for name, value in moved(view).items())
        st.caption(f"The minima may move along the axes: each keeps its number, and is called after where it is at {now}.")
    if not race.landscape.minima and view.colour in ("final", "best"):
        st.caption("This surface has no minimum, and a loss of 0 or less no logarithm: its cell is reddish too.")
    if race.landscape.caveat:
        st.caption(f"{race.landscape.caveat} A violet cell: the run left below it.")
    st.caption(
        "Click a cell to play its run below; draw a box with the toolbar's square to look closer; "
        f"a reddish cell: {COLOURS[view.colour].nothing}."
    )


begin("Map of outcomes")
kept, complaints, _ = recall(PAGE, FIRST, read_map)
chosen, wrong = picked(kept)
remember(PAGE, chosen, complaints, 0, link=chosen != kept)
complain(complaints + wrong)
if not chosen.race.entrants:
    st.info("Pick at least one rule to see its map.")
elif not chosen.shown:
    st.info("None of these rules has both numbers: pick other axes or other rules.")
else:
    work, status, place = replace(chosen, colour=FIRST.colour, cell=None), st.empty(), st.empty()
    with status.container():
        halted = stopped(PAGE, work)
    seen, fine = st.session_state.get(f"{PAGE}.seen", (None, PREVIEW))
    for many, what in ((PREVIEW, "A first look"), (WHOLE, "All cells")):
        if halted or (seen == work and many < fine):
            continue
        if sentence := beyond(chosen, many):
            complain([sentence])
            break
        with awaited(PAGE, work, what, status, ahead(chosen, many)):
            found = computed(chosen, many)
        with place.container():  # only now, so that the last good picture stays till there is another
            picture(chosen, many, found)
        st.session_state[f"{PAGE}.seen"] = work, many
    if halted and seen is not None:
        chosen = replace(seen, colour=chosen.colour)
        with place.container():
            picture(chosen, fine, computed(chosen, fine))
    words(chosen)
    if chosen.cell:
        if f"{PAGE}.cell" not in st.session_state or chosen != kept:
            remember(f"{PAGE}.cell", played(chosen, chosen.cell), [], 0, link=False)
        live(f"{PAGE}.cell", chosen.race, linked=False)
