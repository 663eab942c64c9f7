"""The race: every rule on one surface, from one start, on the same noise."""

from dataclasses import replace

import streamlit as st

from core import SCHEDULES
from experiments.race.controls import PROTOCOLS, TUNED, TUNINGS
from experiments.race.experiment import EXPERIMENT
from experiments.race.spec import MOST_ENTRANTS, Race
from experiments.race.words import lesson
from ui.page import Page
from ui.session import recall, remember
from ui.widgets.details import code, finder, terms
from ui.widgets.live import live
from ui.widgets.pickers import surface_and_rules, word

PAGE = Page("Race", "Surfaces", 1)


def main() -> None:
    PAGE.begin("Optimizer race")
    kept, complaints, seq = recall(PAGE.path, EXPERIMENT)
    chosen = _picked(kept)
    remember(PAGE.path, chosen, complaints, seq, link=chosen != kept)
    if not chosen.entrants:
        st.info("Pick at least one rule to start the race.")
        return
    live(PAGE.path, EXPERIMENT, linked=True)
    for details in (terms, finder, code):
        details(PAGE.path, chosen)


def _picked(race: Race) -> Race:
    """The race with what the pickers say."""
    st.session_state.setdefault(f"{PAGE.path}.lrs", race.lrs)
    one, two, three, four = st.columns([3, 5, 4, 3])
    race = surface_and_rules(PAGE.path, race, one, two, most=MOST_ENTRANTS)
    lrs = three.segmented_control("Learning rate", list(PROTOCOLS), wrap=True, required=True, key=f"{PAGE.path}.lrs")
    schedule = word(PAGE.path, "schedule", "Schedule", {key: s.title for key, s in SCHEDULES.items()}, race.schedule, four)
    assert lrs is not None  # it is required
    if lrs == TUNED:
        ways = {key: tuning.title for key, tuning in TUNINGS.items()}
        race = replace(race, tuning=word(PAGE.path, "tuning", "Tries", ways, race.tuning, three))
    st.caption(lesson(race))
    return race.choosing(race.surface, race.entrants, lrs, schedule)


if __name__ == "__main__":
    main()
