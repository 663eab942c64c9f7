"""A page's work in the background, and when it is begun anew."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import streamlit as st

from experiments.job import Job
from experiments.training.run import Ongoing
from ui.components.board.message import state_of

W = TypeVar("W")
J = TypeVar("J", bound=Job[Any])


def begun(page: str, work: W, order: Callable[[W], J], of: Callable[[J], W], after: Collection[J] = ()) -> tuple[J | None, str]:
    """The page's job of some work, begun if it is `of` other work than the last, which is given up then with what came after.

    Where it would cost too much the last stays, and a sentence says why.
    """
    going = st.session_state.get(f"{page}.going")
    if going is None or of(going) != work:
        wished = order(work)
        if refusal := wished.refusal:
            return going, refusal
        for one in (*([going] if going else []), *after):
            one.drop()
        going = st.session_state[f"{page}.going"] = wished.start()
    return going, ""


def buttons(page: str, going: Ongoing) -> None:
    """Pause and stop while it runs, else continue where there is something left."""
    one, two, _ = st.columns([1, 1, 6])
    state = state_of(going)
    if state == "running":
        one.button("Pause", on_click=going.pause, key=f"{page}.pause", width="stretch")
        two.button("Stop", on_click=going.stop, key=f"{page}.stop", width="stretch")
    elif state == "done":
        one.button("Train again", on_click=lambda: st.session_state.pop(f"{page}.going"), key=f"{page}.again", width="stretch")
    else:
        one.button("Continue", on_click=going.go_on, key=f"{page}.continue", width="stretch")
        two.button("Stop", disabled=True, key=f"{page}.stopped", width="stretch")
