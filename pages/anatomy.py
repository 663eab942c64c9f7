"""Anatomy: the inside of every step of one rule's run."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import SCHEDULES
from experiments.race.controls import EACH, TUNED
from experiments.race.spec import Race, read_link
from optimizers import ENTRANTS
from surfaces import SURFACES
from ui.page import begin
from ui.session import recall, remember
from ui.widgets.live import live
from ui.widgets.pickers import word

PAGE = "anatomy"
FIRST = Race("rosenbrock", ("adam",), EACH, numbers=(("adam.lr", 0.1), ("steps", 200.0)))

OLD = 1e6  # steps after which no correction is left

# What to look at first: links to this page. (A text on a line of its own would be shown by Streamlit.)
EXAMPLES = {
    "Without its bias correction Adam takes 6.57 steps in one, at step 12": (
        "?surface=plane&rules=adam&adam.lr=0.1&steps=40&age=1000000&step=11"
    ),
    "AdaGrad comes 18.59 lr far in 100 steps": "?surface=plane&rules=adagrad&adagrad.lr=0.2&steps=100&step=100",
    "Momentum a little past its limit": "?surface=ravine&rules=momentum&momentum.lr=0.192&steps=300",
}


def one(race: Race) -> Race:
    """The race of its first rule alone, at a learning rate of its own."""
    return replace(race, entrants=race.entrants[:1], lrs=EACH, hidden=())


def picked(race: Race) -> Race:
    """The race with what the pickers say."""
    one, two, three = st.columns(3)

    def pick(place: DeltaGenerator, name: str, options: Mapping[str, Any], now: str) -> str:
        return word(PAGE, name, name.capitalize(), {key: one.title for key, one in options.items()}, now, place)

    surface = pick(one, "surface", SURFACES, race.surface)
    key = pick(two, "rule", ENTRANTS, race.entrants[0])
    schedule = pick(three, "schedule", SCHEDULES, race.schedule)
    if "t" in ENTRANTS[key].rule.needs:
        st.session_state[f"{PAGE}.correction"] = race["age"] == 0
        st.toggle("Bias correction", key=f"{PAGE}.correction", on_change=correct)
    st.caption(f"{ENTRANTS[key].title}: {ENTRANTS[key].rule.conventions} Source: {ENTRANTS[key].source}.")
    return race.choosing(surface, (key,), EACH, schedule)


def correct() -> None:
    """Switch bias correction on or off: off, the rule believes it has run for long."""
    race, problems, seq = recall(PAGE, FIRST, read)
    remember(PAGE, race.having({"age": 0.0 if st.session_state[f"{PAGE}.correction"] else OLD}), problems, seq, link=True)


def read(link: Mapping[str, str], default: Race) -> tuple[Race, list[str]]:
    """The race a link asks for, of its first rule alone."""
    race, problems = read_link(link, default)
    if len(race.entrants) > 1:
        problems.append(f"One rule at a time is taken apart: {ENTRANTS[race.entrants[0]].title} is shown.")
    if race.lrs == TUNED:
        problems.append("Nothing is tuned here: the rule’s own learning rate is used.")
    return one(race), problems


begin("The inside of a step")
kept, complaints, number = recall(PAGE, FIRST, read)
chosen = picked(kept)
remember(PAGE, chosen, complaints, number, link=chosen != kept)
live(PAGE, FIRST, linked=True, dissected=True)
st.caption("See for yourself: " + " · ".join(f"[{text}]({link})" for text, link in EXAMPLES.items()))
