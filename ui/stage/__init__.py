"""The stage: the animated picture of a race, one component. Python computes, the browser only draws."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_SCRIPTS = ("wire.js", "map.js", "curves.js", "stage.js")


def _script() -> str:
    """The scripts as one module. It travels with every message, so indentation and comment lines stay at home."""
    text = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    return re.sub(r"^\s*(//.*)?\n?", "", text, flags=re.MULTILINE)


_stage = st.components.v2.component(
    "ravine_stage",
    html=(_HERE / "stage.html").read_text(encoding="utf-8"),
    css=(_HERE / "stage.css").read_text(encoding="utf-8"),
    js=_script(),
)


def stage(message: bytes, *, key: str) -> None:
    """Show a message made by `ui.stage.message.pack`; what the person asks for is then in `wish(key)`."""
    _stage(key=key, data=message, on_ask_change=lambda: None)


def wish(key: str) -> Mapping[str, Any] | None:
    """The newest request from the browser: its number `seq`, the `values` asked for, and what the browser already has."""
    state = st.session_state.get(key)
    return state.get("ask") if state else None


