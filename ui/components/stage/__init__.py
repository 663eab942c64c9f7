"""The stage: the animated picture of a race, one component. Python computes, the browser only draws."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from experiments.race.asked import wishes
from experiments.schema import Check, either, flag, nothing, shaped, text, whole
from ui.components.transport import joined
from ui.received import received

AHEAD = 10_000
"""A browser counts its requests one by one, and does not come so far before it is answered."""

_part = partial(joined, Path(__file__).parent)
_SHARED = ("wire.js", "map.js", "curves.js", "band.js", "hand.js", "sliders.js", "results.js", "stage.js")
RACE_SCRIPTS = (*_SHARED, "race.js")
DISSECTED_SCRIPTS = (*_SHARED, "lines.js", "mathematics.js", "chart.js", "insides.js", "dissected.js")
_stage = component("ravine_stage", html=_part("stage.html"), css=_part("stage.css"), js=_part(*RACE_SCRIPTS))
_dissected = component(
    "ravine_dissected", html=_part("stage.html"), css=_part("stage.css", "insides.css"), js=_part(*DISSECTED_SCRIPTS)
)


def stage(message: bytes, *, key: str, dissected: bool = False) -> None:
    """Show a message made by `ui.components.stage.message.pack`; what the person asks for is then in `wish(key)`.

    A race of one rule may be shown `dissected`, with the inside of its steps, which the message must bring then.
    """
    show = _dissected if dissected else _stage
    show(key=key, data=message, on_ask_change=lambda: None)


def wish(key: str, seq: int) -> Mapping[str, Any] | None:
    """The newest request from the browser: its number `seq`, the `values` asked for, and what the browser already has.

    One that is not as it must be, or far ahead of the last number granted, is dropped: the last good one stands.
    """
    state, good = st.session_state.get(key), f"{key}.good"
    asked = state.get("ask") if isinstance(state, Mapping) else None
    if asked is None:
        st.session_state.pop(good, None)
    elif received(key, asked, _asked(seq)):
        st.session_state[good] = asked
    return st.session_state.get(good)


def _asked(seq: int) -> Check:
    """The schema of a request, where the last that was granted had this number."""
    has = either(nothing, text(100))
    needed = {"seq": whole(0, seq + AHEAD), "values": wishes(), "released": flag}
    return shaped(needed, {"structure": has, "field": has, "band": has})
