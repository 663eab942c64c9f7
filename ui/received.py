"""What a browser sends: checked against the schema of its component before a word of it is used."""

import logging
from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.words import brief
from experiments.schema import Check, any_number, either, several, shaped


def received(key: str, message: Any, schema: Check) -> bool:
    """Whether a component's message is as it must be; one that is not is told to the log, once."""
    if schema(message):
        return True
    told, said = f"{key}.dropped", brief(message)
    if st.session_state.get(told) != (which := (id(message), said)):  # a page looks at a message again and again
        st.session_state[told] = which
        logging.getLogger(__name__).warning("A message of %s was dropped: %s", key, said)
    return False


def selected(chart: str, marks: Check) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The point that was clicked in a chart, with its x, y and `customdata`, and the box that was drawn; empty where none was.

    `marks` is what the points' `customdata` must be.
    """
    event = st.session_state.get(chart)
    held = event.get("selection") if isinstance(event, Mapping) else None
    lists = [held.get(name) if isinstance(held, Mapping) else None for name in ("points", "box")]
    point, box = (part[0] if isinstance(part, list) and part else {} for part in lists)
    ends = several(any_number, 2, 2)
    if not received(chart, point, either(_empty, shaped({"x": any_number, "y": any_number, "customdata": marks}, open=True))):
        point = {}
    if not received(chart, box, either(_empty, shaped({"x": ends, "y": ends}, open=True))):
        box = {}
    return point, box


def _empty(value: Any) -> bool:
    return value == {}
