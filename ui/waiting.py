"""Work that a visitor waits for on a page: how far it is, how long it may take yet, and a button that stops it."""

import math
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, nullcontext

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.hosting.admission import Ticket
from experiments.hall import admitted, place_of
from experiments.host import heard, host, superseded

SOON, _OFTEN = 0.5, 0.2
"""Seconds of work of which nothing is said, and between two news of more."""

HEAVY = 125e6
"""Steps of runs beyond which work begins in its turn: more than any first look, any effect or any tuning takes, and a map of
six rules for 300 steps. What takes less is a matter of seconds and waits for nobody."""


@contextmanager
def awaited(page: str, work: Hashable, words: str, place: DeltaGenerator, runs: float = 0.0) -> Iterator[None]:
    """The time in which a page does some work, named in `words`; what `progress` is told is shown in an empty place.

    With more than HEAVY steps of `runs` it begins in its turn, and where in the line it is is shown there meanwhile.
    """
    began, shown, furthest = time.monotonic(), 0.0, 0.0
    bar: DeltaGenerator | None = None

    def show(text: str) -> None:
        nonlocal bar
        if bar is None:
            one, two = place.container().columns([7, 1], vertical_alignment="center")
            bar = one.empty()
            two.button("Stop", on_click=_stop, args=(page, work), key=f"{page}.stop.{words}", width="stretch")
        bar.progress(min(furthest, 1.0), text)

    def listen(whole: float) -> None:
        nonlocal shown, furthest
        now, furthest = time.monotonic(), max(furthest, whole)
        if now - max(began + SOON - _OFTEN, shown) < _OFTEN:
            return
        left = (now - began) * (1 - furthest) / furthest if furthest > 0.02 else math.nan
        soon = "" if math.isnan(left) else f", about {math.ceil(left)} s left"
        show(f"{words}: {furthest:.0%}{soon}.")
        shown = now

    def waits(ticket: Ticket) -> None:
        show(place_of(ticket) or f"{words}: 0%.")

    # What a map takes of memory is little beside a training, and what is kept of it has a budget of its own.
    with heard(listen), admitted(0.0, host().visitor(), superseded, waits) if runs > HEAVY else nullcontext():
        began = time.monotonic()
        yield
    place.empty()


def stopped(page: str, work: Hashable) -> bool:
    """Whether this work was stopped; then it says so, with a button that goes on."""
    if st.session_state.get(f"{page}.stopped") != work:
        return False
    one, two = st.columns([7, 1], vertical_alignment="center")
    one.info("Stopped: what is shown is what was finished before.")
    two.button("Go on", on_click=_stop, args=(page, None), key=f"{page}.go on", width="stretch")
    return True


def _stop(page: str, work: Hashable) -> None:
    st.session_state[f"{page}.stopped"] = work
