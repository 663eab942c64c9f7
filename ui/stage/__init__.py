"""The stage: the animated picture of a race, one component. Python computes, the browser only draws."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from ui.wire import text_of

_part = partial(text_of, Path(__file__).parent)
_SCRIPTS = ("wire.js", "map.js", "curves.js", "band.js", "stage.js")
_stage = component("ravine_stage", html=_part("stage.html"), css=_part("stage.css"), js=_part(*_SCRIPTS, "race.js"))
_dissected = component(
    "ravine_dissected",
    html=_part("stage.html"),
    css=_part("stage.css", "insides.css"),
    js=_part(*_SCRIPTS, "insides.js"),
)


def stage(message: bytes, *, key: str, dissected: bool = False) -> None:
    """Show a message made by `ui.stage.message.pack`; what the person asks for is then in `wish(key)`.

    A race of one rule may be shown `dissected`, with the inside of its steps, which the message must bring then.
    """
    show = _dissected if dissected else _stage
    show(key=key, data=message, on_ask_change=lambda: None)


def wish(key: str) -> Mapping[str, Any] | None:
    """The newest request from the browser: its number `seq`, the `values` asked for, and what the browser already has."""
    state = st.session_state.get(key)
    return state.get("ask") if state else None
