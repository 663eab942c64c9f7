"""Backpropagation: the chain rule layer by layer, with its numbers."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from experiments.backprop.derivation import Weight, general, of_delta, of_weight, table
from experiments.backprop.run import rows_of, trained
from experiments.backprop.spec import CHOICES, COMMON, Look, read_hidden, read_look, written
from experiments.backprop.words import name_of, on, rows_by_layer, seen, told
from experiments.numbers import number
from experiments.schema import row, whole
from figures import chain as figures
from figures.maps import TOOLS
from networks.analysis.backprop import EXPLODING, FLAT, VANISHING, Chain, Level, by_difference, chained, levels, place_of
from ui.complain import complain
from ui.page import begin
from ui.received import selected
from ui.session import recall, remember
from ui.widgets.pickers import slider, word
from ui.widgets.strips import sizes_of, strip_of

PAGE = "backprop"
FIRST = Look("moons_mlp", (5, 5, 5, 5), "sigmoid", "torch", "sgd", (("layer", 3.0), ("to", 2.0)))
NUDGE = 1e-5
LEGEND = "Orange is positive, blue negative; the deeper, the larger. Click a unit to see what its δ is made of."
BARE = {"displayModeBar": False}
WEIGHT = {"layer": "Weight of layer", "to": "to unit", "from": "from unit"}
TABLE: dict[str, Any] = {"border": "horizontal", "width": "content"}

# What to look at first: links to this page. (A text on a line of its own would be shown by Streamlit.)
EXAMPLES = {
    "Eight layers of sigmoids": "?hidden=8-8-8-8-8-8-8-8&activation=sigmoid&init=xavier&rows=64",
    "Eight of ReLU, by He": "?hidden=8-8-8-8-8-8-8-8&activation=relu&init=he&rows=64",
    "Ten of GELU explode in five steps": f"?hidden={'-'.join(['32'] * 10)}&activation=gelu&init=he&steps=5&sgd.lr=1&rows=64",
    "All weights begin at zero": "?hidden=8-8-8&activation=sigmoid&init=zeros&rows=64",
}
PLACE = row(whole(0, 9998), whole(0, 9998))
STYLE = """<style>
.stLatex {{ overflow-x: auto; overflow-y: hidden }}
.st-key-backprop-strip {{ overflow-x: auto }}
.st-key-backprop-strip > div {{ min-width: {width}px }}
.st-key-backprop-strip .textpoint text, .st-key-backprop-products .textpoint text {{ fill: currentColor !important }}
</style>"""


def picked(look: Look, places: Sequence[DeltaGenerator]) -> tuple[Look, list[str]]:
    """The network that the pickers say, and what is wrong with it."""

    def pick(name: str, place: DeltaGenerator, label: str) -> str:
        return word(PAGE, name, label, CHOICES[name], getattr(look, name), place)

    wrong, hidden = [], look.hidden
    one, two, three, four = places
    task = pick("task", one, "Task")
    st.session_state.setdefault(f"{PAGE}.hidden", written(look.hidden))
    text = two.text_input("Hidden layers", key=f"{PAGE}.hidden", help="The units of each, as in 16-16-16.")
    try:
        hidden = read_hidden(text)
    except ValueError as error:
        wrong.append(f"{error}; {written(hidden)} is shown.")
    activation, init = pick("activation", three, "Activation"), pick("init", four, "Initialisation")
    with st.expander("Seed and training"):
        one, two, three, four = st.columns(4)
        seed, steps = slider(PAGE, COMMON["seed"], look["seed"], one), slider(PAGE, COMMON["steps"], look["steps"], two)
        rule = pick("rule", three, "Rule")
        look = Look(task, hidden, activation, init, rule, look.numbers).having({"seed": seed, "steps": steps})
        lr = f"{rule}.lr"
        return look.having({lr: slider(PAGE, look.controls[lr], look[lr], four)}), wrong


def counted(look: Look, name: str, label: str, most: int) -> Look:
    """With a number that is typed, `most` at most."""
    key, hyper = f"{PAGE}.{name}", COMMON[name].hyper
    st.session_state[key] = min(st.session_state.get(key, int(look[name])), most)
    return look.having({name: st.number_input(label, int(hyper.low), most, key=key, help=hyper.help, width=150)})


def touched(chart: str) -> None:
    """A unit that is clicked in the strip is the one that the weight leads to; an input, the one it comes from."""
    point, _ = selected(chart, PLACE)
    if point:
        layer, unit = point["customdata"]
        st.session_state[f"{PAGE}.layer"] = max(layer, 1)
        st.session_state[f"{PAGE}.to" if layer else f"{PAGE}.from"] = unit + 1


def touched_cell(chart: str) -> None:
    """A product that is clicked is the weight's."""
    point, _ = selected(chart, PLACE)
    if point:
        st.session_state[f"{PAGE}.to"], st.session_state[f"{PAGE}.from"] = (one + 1 for one in point["customdata"])


def strip(chain: Chain, found: Sequence[Level], weight: Weight) -> None:
    """Every number of every layer."""
    drawn, key = strip_of(chain, found, weight), f"{PAGE}.strip"
    st.html(STYLE.format(width=drawn.width))
    with st.container(key=f"{PAGE}-strip"):
        st.plotly_chart(figures.strip(drawn), key=key, on_select=partial(touched, key), selection_mode="points", config=BARE)


def derivation(chain: Chain, weight: Weight, rows: np.ndarray, slope: float) -> None:
    """One weight's gradient written out."""
    layer, to, source = weight
    link = chain.links[layer]
    one, two = st.columns([4, 5], gap="large")
    key = f"{PAGE}.products"
    figure = figures.products(link.of_weights, link.delta.mean(axis=1), link.entered.mean(axis=1), (to, source))
    entered = "a" if layer else "x"
    what = f"every δ beside it times every {entered} above" + (", the mean over the rows" if chain.rows > 1 else "")
    one.markdown(f"**∂L/∂W of {name_of(layer, len(chain.links))}**, {what}")
    with one.container(key=f"{PAGE}-products"):
        st.plotly_chart(figure, key=key, on_select=partial(touched_cell, key), selection_mode="points", config=BARE)
    line, products = of_weight(chain, weight)
    two.latex(line, width="content")
    if chain.rows > 1:
        two.table(table(products, ("row", "δ", entered, f"δ · {entered}"), [str(row) for row in rows]), **TABLE)
        two.markdown(f"Row {rows[products.which[0]]}, the first of them:")
    line, terms = of_delta(chain, layer, to, int(products.which[0]))
    two.latex(line, width="content")
    if terms:
        names = [str(k + 1) for k in range(len(chain.links[layer + 1].z))]
        two.table(table(terms, ("unit k", "w", "δ", "w · δ"), names), **TABLE)
    off = number(abs(slope - float(link.of_weights[to, source])))
    two.caption(f"Measured, by nudging this weight by ±{number(NUDGE)}: {number(slope)}; it differs by {off}.")


def by_layer(chain: Chain, found: Sequence[Level]) -> None:
    """How large δ and the gradients are, layer by layer, and what makes them so."""
    drawn, last = sizes_of(found), found[-1].delta
    off = "dead" if chain.rows > 1 else "off"
    title, names = f"Units {off} or saturated {on(chain.rows)}", (f"{off}, σ′ = 0", f"saturated, |σ′| < {FLAT:g}")
    parts = {
        "sizes": figures.sizes(drawn, (VANISHING * last, EXPLODING * last)),
        "factors": figures.factors(drawn),
        "shares": figures.shares(drawn, *names, title),
    }
    for place, (name, figure) in zip(st.columns(3), parts.items(), strict=True):
        place.plotly_chart(figure, key=f"{PAGE}.{name}", config=TOOLS)
    with st.expander("The numbers by layer"):
        st.table(list(rows_by_layer(chain, found)))


begin("The chain rule, layer by layer")
kept, complaints, _ = recall(PAGE, FIRST, read_look)
*places, place = st.columns([4, 3, 3, 3, 5])
chosen, wrong = picked(kept, places)
data, _, beyond = rows_of(chosen)
with place.container(horizontal=True):
    chosen = counted(chosen, "row", "Row", len(data.y_train) - 1)
    chosen = counted(chosen, "rows", "Rows together", min(int(COMMON["rows"].hyper.high), len(data.y_train)))
top = st.container()
with st.container(horizontal=True):
    for name, label in WEIGHT.items():
        chosen = counted(chosen, name, label, chosen.most[name])
remember(PAGE, chosen, complaints, 0, link=chosen != kept)
_, rows, _ = rows_of(chosen)
model, (parameters, taken) = chosen.network_task.model, trained(chosen)
if taken < chosen["steps"]:
    wrong.append(f"The training diverges at step {taken + 1}: the network is shown as it is after step {taken}.")
complain(complaints + wrong + beyond, top)
x, y = data.x_train.numpy()[rows], data.y_train.numpy()[rows]
with np.errstate(all="ignore"):
    chain = chained(model, parameters, x, y)
    slope = by_difference(model, parameters, x, y, place_of(model, *chosen.weight), NUDGE)
if chain.finite:
    found = levels(chain)
    with top:
        with st.container(horizontal=True, vertical_alignment="center"):
            for line in general(chain):
                st.latex(line, width="content")
        strip(chain, found, chosen.weight)
        st.caption(f"{seen(chosen, chain, data, rows, taken)} {LEGEND}")
        verdict, *others = told(chain, found)
        st.markdown("**{}**{}{}".format(*verdict.partition(":")))
        for sentence in others:
            st.markdown(sentence)
        by_layer(chain, found)
    derivation(chain, chosen.weight, rows, slope)
else:
    complain(["The numbers of this network are beyond all bounds: nothing can be told of its gradients."])
st.caption("See for yourself: " + " · ".join(f"[{text}]({link})" for text, link in EXAMPLES.items()))
