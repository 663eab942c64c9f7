"""The chain rule, drawn: a network's numbers in one strip, one weight's gradient written out, sizes layer by layer."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from experiments.backprop.derivation import Weight, derivation_table, of_delta, of_weight
from experiments.backprop.run import NUDGE
from experiments.backprop.words import name_of, on, rows_by_layer
from experiments.numbers import number
from experiments.schema import row, whole
from figures import chain as figures
from figures.chain import Columns, Sizes, Strip
from figures.maps import TOOLS
from networks.analysis.backprop import EXPLODING, FLAT, VANISHING, Chain, Level
from ui.received import selected

BARE = {"displayModeBar": False}
_TABLE: dict[str, Any] = {"border": "horizontal", "width": "content"}
PLACE = row(whole(0, 9998), whole(0, 9998))
STYLE = """<style>
.stLatex {{ overflow-x: auto; overflow-y: hidden }}
.st-key-backprop-strip {{ overflow-x: auto }}
.st-key-backprop-strip > div {{ min-width: {width}px }}
.st-key-backprop-strip .textpoint text, .st-key-backprop-products .textpoint text {{ fill: currentColor !important }}
</style>"""


def _touched(page: str, chart: str) -> None:
    """A unit that is clicked in the strip is the one that the weight leads to; an input, the one it comes from."""
    point, _ = selected(chart, PLACE)
    if point:
        layer, unit = point["customdata"]
        st.session_state[f"{page}.layer"] = max(layer, 1)
        st.session_state[f"{page}.to" if layer else f"{page}.from"] = unit + 1


def touched_cell(page: str, chart: str) -> None:
    """A product that is clicked is the weight's."""
    point, _ = selected(chart, PLACE)
    if point:
        st.session_state[f"{page}.to"], st.session_state[f"{page}.from"] = (one + 1 for one in point["customdata"])


def strip(page: str, chain: Chain, found: Sequence[Level], weight: Weight) -> None:
    """Every number of every layer."""
    drawn, key = strip_of(chain, found, weight), f"{page}.strip"
    st.html(STYLE.format(width=drawn.width))
    with st.container(key=f"{page}-strip"):
        st.plotly_chart(
            figures.layer_strip(drawn), key=key, on_select=partial(_touched, page, key), selection_mode="points", config=BARE
        )


def derivation(page: str, chain: Chain, weight: Weight, rows: np.ndarray, slope: float) -> None:
    """One weight's gradient written out."""
    layer, to, source = weight
    link = chain.links[layer]
    one, two = st.columns([4, 5], gap="large")
    key = f"{page}.products"
    figure = figures.product_tiles(link.of_weights, link.delta.mean(axis=1), link.entered.mean(axis=1), (to, source))
    entered = "a" if layer else "x"
    what = f"every δ beside it times every {entered} above" + (", the mean over the rows" if chain.rows > 1 else "")
    one.markdown(f"**∂L/∂W of {name_of(layer, len(chain.links))}**, {what}")
    with one.container(key=f"{page}-products"):
        st.plotly_chart(figure, key=key, on_select=partial(touched_cell, page, key), selection_mode="points", config=BARE)
    line, products = of_weight(chain, weight)
    two.latex(line, width="content")
    if chain.rows > 1:
        two.table(derivation_table(products, ("row", "δ", entered, f"δ · {entered}"), [str(row) for row in rows]), **_TABLE)
        two.markdown(f"Row {rows[products.which[0]]}, the first of them:")
    line, terms = of_delta(chain, layer, to, int(products.which[0]))
    two.latex(line, width="content")
    if terms:
        names = [str(k + 1) for k in range(len(chain.links[layer + 1].z))]
        two.table(derivation_table(terms, ("unit k", "w", "δ", "w · δ"), names), **_TABLE)
    off = number(abs(slope - float(link.of_weights[to, source])))
    two.caption(f"Measured, by nudging this weight by ±{number(NUDGE)}: {number(slope)}; it differs by {off}.")


def by_layer(page: str, chain: Chain, found: Sequence[Level]) -> None:
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
        place.plotly_chart(figure, key=f"{page}.{name}", config=TOOLS)
    with st.expander("The numbers by layer"):
        st.table(list(rows_by_layer(chain, found)))


def strip_of(chain: Chain, found: Sequence[Level], weight: tuple[int, int, int]) -> Strip:
    """All numbers to be drawn; means where there are several rows."""
    first, last = chain.links[0], chain.links[-1]
    layers = [Columns("input", ("x",), _means(first.entered))]
    for i, (link, level) in enumerate(zip(chain.links[:-1], found, strict=False), start=1):
        columns = _means(link.z, link.a, link.slope, link.delta)
        layers.append(Columns(f"layer {i}", ("z", "a", "σ′", "δ"), columns, level.mark))
    if chain.shares is None:
        layers.append(Columns("output", ("z", "y", "δ"), _means(last.z, chain.targets, last.delta)))
    else:
        layers.append(Columns("output", ("z", "ŷ", "y", "δ"), _means(last.z, chain.shares, chain.targets, last.delta)))
    layer, to, source = weight
    terms = np.empty(0)
    if layer + 1 < len(chain.links):
        following = chain.links[layer + 1]
        terms = following.weights[:, to] * following.delta.mean(axis=1)
    return Strip(layers, [link.weights for link in chain.links], (layer + 1, to, source), terms)


def sizes_of(found: Sequence[Level]) -> Sizes:
    """What is drawn of the layers' sizes."""

    def every(name: str) -> np.ndarray:
        return np.array([getattr(level, name) for level in found])

    titles = [*(str(i + 1) for i in range(len(found) - 1)), "output"]
    marks, hidden = [level.mark for level in found], slice(len(found) - 1)
    parts = every("by_slope")[hidden], every("by_weights")[hidden], every("off")[hidden], every("saturated")[hidden]
    return Sizes(titles, every("delta"), every("gradient"), marks, *parts)


def _means(*parts: np.ndarray) -> np.ndarray:
    """(units, columns) of columns (units, rows)."""
    return np.stack([part.mean(axis=1) for part in parts], axis=1)
