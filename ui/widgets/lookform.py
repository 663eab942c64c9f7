"""The widgets of a look at the chain rule: which network, and which row and weight of it."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from experiments.backprop.spec import LAYERS, LOOK_CHOICES, OF_LOOKS, Look
from ui.widgets.pickers import slider, word


def look_picked(page: str, look: Look, places: Sequence[DeltaGenerator]) -> tuple[Look, list[str]]:
    """The network that the pickers say, and what is wrong with it."""

    def pick(name: str, place: DeltaGenerator, label: str) -> str:
        return word(page, name, label, LOOK_CHOICES[name], getattr(look, name), place)

    wrong, hidden = [], look.hidden
    one, two, three, four = places
    task = pick("task", one, "Task")
    st.session_state.setdefault(f"{page}.hidden", LAYERS.write(look.hidden))
    text = two.text_input("Hidden layers", key=f"{page}.hidden", help="The units of each, as in 16-16-16.")
    try:
        hidden = LAYERS.read(text)
    except ValueError as error:
        wrong.append(f"{str(error).capitalize()}; {LAYERS.write(hidden)} is shown.")
    activation, init = pick("activation", three, "Activation"), pick("init", four, "Initialisation")
    with st.expander("Seed and training"):
        one, two, three, four = st.columns(4)
        seed, steps = (
            slider(page, OF_LOOKS["seed"], look["seed"], one),
            slider(page, OF_LOOKS["steps"], look["steps"], two),
        )
        rule = pick("rule", three, "Rule")
        look = Look(task, hidden, activation, init, rule, look.numbers).having({"seed": seed, "steps": steps})
        lr = f"{rule}.lr"
        return look.having({lr: slider(page, look.controls[lr], look[lr], four)}), wrong


def stepper(page: str, look: Look, name: str, label: str, most: int) -> Look:
    """With a number that is typed, `most` at most."""
    key, hyper = f"{page}.{name}", OF_LOOKS[name].hyper
    st.session_state[key] = min(st.session_state.get(key, int(look[name])), most)
    return look.having({name: st.number_input(label, int(hyper.low), most, key=key, help=hyper.help, width=150)})
