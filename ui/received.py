"""What a browser may send: one schema for the message of every component, checked before a word of it is used."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from core.words import brief

Check = Callable[[Any], bool]
"""Whether a value is of a kind."""

LARGEST = 2**53
"""The largest whole number that a browser counts to."""


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def nothing(value: Any) -> bool:
    return value is None


def number(value: Any) -> bool:
    """A finite one."""
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST
    return whole or (isinstance(value, float) and math.isfinite(value))


def whole(low: int = 0, high: int = LARGEST) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def text(most: int) -> Check:
    return lambda value: isinstance(value, str) and len(value) <= most


def either(*kinds: Check) -> Check:
    return lambda value: any(kind(value) for kind in kinds)


def several(kind: Check, most: int, least: int = 0) -> Check:
    return lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(kind, value))


def row(*kinds: Check) -> Check:
    """A list of one value of each kind, in their order."""
    return lambda value: (
        isinstance(value, list) and len(value) == len(kinds) and all(k(v) for k, v in zip(kinds, value, strict=True))
    )


def record(needed: Mapping[str, Check], more: Mapping[str, Check] | None = None, *, open: bool = False) -> Check:
    """A mapping with what is `needed` and perhaps `more`; an `open` one may hold what nobody reads."""
    known = {**needed, **(more or {})}

    def check(value: Any) -> bool:
        if not isinstance(value, Mapping) or len(value) > 100 or not needed.keys() <= value.keys():
            return False
        return all(known[name](part) if name in known else open for name, part in value.items())

    return check


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
    ends = several(number, 2, 2)
    if not received(chart, point, either(_empty, record({"x": number, "y": number, "customdata": marks}, open=True))):
        point = {}
    if not received(chart, box, either(_empty, record({"x": ends, "y": ends}, open=True))):
        box = {}
    return point, box


def _empty(value: Any) -> bool:
    return value == {}
