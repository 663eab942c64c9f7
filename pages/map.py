"""The map: two numbers, every pair of their values a run."""

from dataclasses import replace

import streamlit as st

from core import Sweep
from experiments.axis import options_of
from experiments.host import through
from experiments.map.experiment import EXPERIMENT, PREVIEW, WHOLE
from experiments.map.run import ahead, beyond, played, swept
from experiments.map.spec import COLOURS, Map
from experiments.map.words import map_sentences
from experiments.race.experiment import EXPERIMENT as RACE
from ui.complain import complain
from ui.page import Page
from ui.session import recall, remember
from ui.waiting import awaited, stopped
from ui.widgets.live import live
from ui.widgets.maps import map_picture
from ui.widgets.pickers import axis, other_numbers, surface_and_rules, word

PAGE = Page("Map", "Surfaces", 4)
_MOST_RULES = 6


def main() -> None:
    PAGE.begin("Map of outcomes")
    kept, complaints, _ = recall(PAGE.path, EXPERIMENT)
    chosen, wrong = _picked(kept)
    remember(PAGE.path, chosen, complaints, 0, link=chosen != kept)
    complain(complaints + wrong)
    if not chosen.race.entrants:
        st.info("Pick at least one rule to see its map.")
    elif not chosen.shown:
        st.info("None of these rules has both numbers: pick other axes or other rules.")
    else:
        chosen = _shown(chosen)
        for sentence in map_sentences(chosen):
            st.caption(sentence)
        if chosen.cell:
            key = f"{PAGE.path}.cell"
            if key not in st.session_state or chosen != kept:
                remember(key, played(chosen, chosen.cell), [], 0, link=False)
            live(key, RACE, linked=False)


def _picked(view: Map) -> tuple[Map, list[str]]:
    """The map with what the pickers say, and what is wrong with it."""
    one, two, three = st.columns([3, 6, 3])
    race = surface_and_rules(PAGE.path, view.race, one, two, most=_MOST_RULES)
    colour = word(PAGE.path, "colour", "Colour", {key: one.words for key, one in COLOURS.items()}, view.colour, three)
    if not race.entrants:
        return Map(race, view.across, view.up, colour), []
    options = options_of(race)
    one, two, three, four = st.columns(4)
    across, wrong = axis(PAGE.path, "across", view.across, options, one, two, other=view.up)
    rest = {name: hyper for name, hyper in options.items() if name != across.name}
    up, wrong_too = axis(PAGE.path, "up", view.up, rest, three, four)
    race = other_numbers(PAGE.path, race, {across.name, up.name})
    view = Map(race, across, up, colour, view.cell if (across.name, up.name) == (view.across.name, view.up.name) else None)
    return view if view.cell is None or view.cell[0] in view.shown else replace(view, cell=None), wrong + wrong_too


def _computed(view: Map, many: int) -> dict[str, Sweep]:
    """The maps with so many values a side."""
    return {key: swept(view, key, many) for key in through(view.shown)}


def _shown(view: Map) -> Map:
    """A first look, then all cells; where that was stopped, the last that was finished. Gives the map that is shown."""
    work, status, place = replace(view, colour=EXPERIMENT.first.colour, cell=None), st.empty(), st.empty()
    with status.container():
        halted = stopped(PAGE.path, work)
    seen, fine = st.session_state.get(f"{PAGE.path}.seen", (None, PREVIEW))
    for many, what in ((PREVIEW, "A first look"), (WHOLE, "All cells")):
        if halted or (seen == work and many < fine):
            continue
        if sentence := beyond(view, many):
            complain([sentence])
            break
        with awaited(PAGE.path, work, what, status, ahead(view, many)):
            found = _computed(view, many)
        with place.container():  # only now, so that the last good picture stays till there is another
            map_picture(PAGE.path, view, many, found)
        st.session_state[f"{PAGE.path}.seen"] = work, many
    if halted and seen is not None:
        view = replace(seen, colour=view.colour)
        with place.container():
            map_picture(PAGE.path, view, fine, _computed(view, fine))
    return view


if __name__ == "__main__":
    main()
