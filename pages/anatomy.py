"""Anatomy: the inside of every step of one rule's run."""

import streamlit as st

from core import SCHEDULES
from experiments.able import able
from experiments.anatomy.experiment import EXPERIMENT
from experiments.anatomy.words import conventions
from experiments.race.controls import EACH
from experiments.race.spec import Race
from optimizers import ENTRANTS
from surfaces import SURFACES
from ui.page import Page
from ui.session import recall, remember
from ui.widgets.live import live
from ui.widgets.pickers import examples, word

PAGE = Page("Anatomy", "Surfaces", 2)
OLD = 1e6  # steps after which no correction is left

# What to look at first: links to this page. (A text on a line of its own would be shown by Streamlit.)
_EXAMPLES = {
    "Without its bias correction Adam takes 6.57 steps in one, at step 12": (
        "?surface=plane&rules=adam&adam.lr=0.1&steps=40&age=1000000&step=11"
    ),
    "AdaGrad comes 18.59 lr far in 100 steps": "?surface=plane&rules=adagrad&adagrad.lr=0.2&steps=100&step=100",
    "Momentum a little past its limit": "?surface=ravine&rules=momentum&momentum.lr=0.192&steps=300",
}


def main() -> None:
    PAGE.begin("The inside of a step")
    kept, complaints, seq = recall(PAGE.path, EXPERIMENT)
    chosen = _picked(kept)
    remember(PAGE.path, chosen, complaints, seq, link=chosen != kept)
    live(PAGE.path, EXPERIMENT, linked=True, dissected=True)
    examples(_EXAMPLES)


def _picked(race: Race) -> Race:
    """The race with what the pickers say."""
    places, options = st.columns(3), {"surface": SURFACES, "rule": able(race.landscape), "schedule": SCHEDULES}
    now = {"surface": race.surface, "rule": race.entrants[0], "schedule": race.schedule}
    surface, key, schedule = (
        word(PAGE.path, name, name.capitalize(), {k: one.title for k, one in options[name].items()}, now[name], place)
        for name, place in zip(options, places, strict=True)
    )
    if "t" in ENTRANTS[key].rule.needs:
        st.session_state[f"{PAGE.path}.correction"] = race["age"] == 0
        st.toggle("Bias correction", key=f"{PAGE.path}.correction", on_change=correct)
    race = race.choosing(surface, (key,), EACH, schedule)
    st.caption(conventions(race))
    return race


def correct() -> None:
    """Switch bias correction on or off: off, the rule believes it has run for long."""
    race, problems, seq = recall(PAGE.path, EXPERIMENT)
    on = st.session_state[f"{PAGE.path}.correction"]
    remember(PAGE.path, race.having({"age": 0.0 if on else OLD}), problems, seq, link=True)


if __name__ == "__main__":
    main()
