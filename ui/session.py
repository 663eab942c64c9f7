"""What a session remembers, behind two functions; the link in the address bar is the rest."""

import time

import streamlit as st

from experiments.experiment import Experiment, S, Spec
from experiments.host import serve
from ui.complain import few
from ui.visitor import Browser

serve(Browser())


SETTLED = 3.0
"""Seconds in which a browser has drawn a page. One that is run again before loses what its widgets were set to."""


def recall(page: str, experiment: Experiment[S]) -> tuple[S, list[str], int]:
    """The page's spec, sentences about what its link asked for in vain, and the number of the last wish granted."""
    if page not in st.session_state:
        spec, problems = experiment.read(st.query_params.to_dict(), experiment.first)
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


def at_rest(since: float) -> bool:
    """Whether a page that ran at `since`, by the monotonic clock, may be run again by itself."""
    return time.monotonic() - since > SETTLED
