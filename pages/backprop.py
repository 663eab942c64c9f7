"""Backpropagation: the chain rule layer by layer, with its numbers."""

import numpy as np
import streamlit as st

from experiments.backprop.derivation import general
from experiments.backprop.experiment import EXPERIMENT
from experiments.backprop.run import chain_of, rows_of
from experiments.backprop.spec import OF_LOOKS, Look
from experiments.backprop.words import beyond_bounds, diverged, seen, told_layers
from networks.analysis.backprop import Chain, levels
from networks.data.prepare import Data
from ui.complain import complain
from ui.page import Page
from ui.session import recall, remember
from ui.widgets.chain import by_layer, derivation, strip
from ui.widgets.lookform import look_picked, stepper
from ui.widgets.pickers import examples

PAGE = Page("Backprop", "Training", 6)
LEGEND = "Orange is positive, blue negative; the deeper, the larger. Click a unit to see what its δ is made of."
WEIGHT = {"layer": "Weight of layer", "to": "to unit", "from": "from unit"}

# What to look at first: links to this page. (A text on a line of its own would be shown by Streamlit.)
_EXAMPLES = {
    "Eight layers of sigmoids": "?hidden=8-8-8-8-8-8-8-8&activation=sigmoid&init=xavier&rows=64",
    "Eight of ReLU, by He": "?hidden=8-8-8-8-8-8-8-8&activation=relu&init=he&rows=64",
    "Ten of GELU explode in five steps": f"?hidden={'-'.join(['32'] * 10)}&activation=gelu&init=he&steps=5&sgd.lr=1&rows=64",
    "All weights begin at zero": "?hidden=8-8-8&activation=sigmoid&init=zeros&rows=64",
}


def main() -> None:
    PAGE.begin("The chain rule, layer by layer")
    kept, complaints, _ = recall(PAGE.path, EXPERIMENT)
    *places, place = st.columns([4, 3, 3, 3, 5])
    chosen, wrong = look_picked(PAGE.path, kept, places)
    data, _, beyond = rows_of(chosen)
    with place.container(horizontal=True):
        chosen = stepper(PAGE.path, chosen, "row", "Row", len(data.y_train) - 1)
        chosen = stepper(PAGE.path, chosen, "rows", "Rows together", min(int(OF_LOOKS["rows"].hyper.high), len(data.y_train)))
    top = st.container()
    with st.container(horizontal=True):
        for name, label in WEIGHT.items():
            chosen = stepper(PAGE.path, chosen, name, label, chosen.most[name])
    remember(PAGE.path, chosen, complaints, 0, link=chosen != kept)
    _, rows, _ = rows_of(chosen)
    chain, taken, slope = chain_of(chosen)
    complain(complaints + wrong + diverged(chosen, taken) + beyond, top)
    if chain.finite:
        with top:
            _picture(chosen, chain, data, rows, taken)
        derivation(PAGE.path, chain, chosen.weight, rows, slope)
    else:
        complain([beyond_bounds()])
    examples(_EXAMPLES)


def _picture(look: Look, chain: Chain, data: Data, rows: np.ndarray, taken: int) -> None:
    """The rule, every number of every layer, and what becomes of δ on its way back."""
    found = levels(chain)
    with st.container(horizontal=True, vertical_alignment="center"):
        for line in general(chain):
            st.latex(line, width="content")
    strip(PAGE.path, chain, found, look.weight)
    st.caption(f"{seen(look, chain, data, rows, taken)} {LEGEND}")
    verdict, *others = told_layers(chain, found)
    st.markdown("**{}**{}{}".format(*verdict.partition(":")))
    for sentence in others:
        st.markdown(sentence)
    by_layer(PAGE.path, chain, found)


if __name__ == "__main__":
    main()
