"""What a session remembers, behind two functions; the link in the address bar is the rest."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import ParamSpec, Protocol, TypeVar

import streamlit as st

from core.cache import CACHE, Kept
from ui.complain import few


class Spec(Protocol):
    """What a page shows, frozen and hashable; its link restores it."""

    def link(self) -> dict[str, str]: ...


SETTLED = 3.0
"""Seconds in which a browser has drawn a page. One that is run again before loses what its widgets were set to."""

OFTEN = 0.002
"""Seconds between two looks at whether the person has moved on: a look costs as much as several steps of a run."""

_looked = threading.local()

S = TypeVar("S", bound=Spec)
P = ParamSpec("P")
R = TypeVar("R")


def recall(page: str, default: S, read: Callable[[Mapping[str, str], S], tuple[S, list[str]]]) -> tuple[S, list[str], int]:
    """The page's spec, sentences about what its link asked for in vain, and the number of the last wish granted."""
    if page not in st.session_state:
        spec, problems = read(st.query_params.to_dict(), default)
        st.session_state[page] = spec, few(problems), 0
    return st.session_state[page]


def remember(page: str, spec: Spec, problems: list[str], seq: int, *, link: bool) -> None:
    """Keep the spec; with `link`, show it in the address bar too (on release of a slider, not while it is dragged)."""
    st.session_state[page] = spec, problems, seq
    if link and st.query_params.to_dict() != spec.link():
        st.query_params.from_dict(spec.link())


def returned(spec: Spec, default: Spec) -> bool:
    """Whether a page shows what it showed before under a bare address: Streamlit drops the link when pages are switched."""
    return not st.query_params and spec != default


def settled(since: float) -> bool:
    """Whether a page that ran at `since`, by the monotonic clock, may be run again by itself."""
    return time.monotonic() - since > SETTLED


def superseded() -> bool:
    """For long loops, to be asked as often as they like: ends the loop when the person has moved on.

    Streamlit stops a script that was superseded at its next touch of the session, by an exception of its own.
    """
    now = time.monotonic()
    if now - getattr(_looked, "last", -math.inf) >= OFTEN:
        _looked.last = now
        st.session_state.get("superseded")
    return False


def kept(function: Callable[P, R]) -> Kept[P, R]:
    """A function whose results are kept for all sessions; a session that waits for one moves on when its person does."""
    return CACHE.keep(function, asked=superseded)
