"""A race on the stage, live: what is dragged is computed and drawn, again and again."""

import streamlit as st

from experiments.experiment import Experiment
from experiments.race.asked import asked_for
from experiments.race.run import trajectories
from experiments.race.spec import Race
from ui.components.stage import stage, wish
from ui.components.stage.message import pack
from ui.session import recall, remember


@st.fragment
def live(page: str, experiment: Experiment[Race], *, linked: bool, dissected: bool = False) -> None:
    """The page's race; while a slider is dragged only this runs again.

    `linked`: the address follows. A race of one rule may be shown `dissected`, with the inside of its steps.
    """
    race, problems, seq = recall(page, experiment)
    asked = wish(page + ".stage", seq)
    released, grasped = False, None
    if asked and asked["seq"] > seq:
        race, problems = asked_for(race, asked["values"])
        seq, released = asked["seq"], asked["released"]
        grasped = next((control for control in race.controls.values() if control.id == asked.get("band")), None)
    remember(page, race, problems, seq, link=linked and released)
    message = pack(race, trajectories(race), problems, asked, seq, grasped, dissected=dissected)
    stage(message, key=page + ".stage", dissected=dissected)
