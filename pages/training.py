"""Networks: the same rules on small real networks, from one state, on one stream of minibatches."""

import time
from dataclasses import replace
from functools import partial

import streamlit as st

from experiments.training.experiment import EXPERIMENT
from experiments.training.run import Ongoing, lesson_of
from experiments.training.spec import read_lesson
from experiments.training.words import standing, told
from optimizers import ENTRANTS
from ui.complain import complain, plain
from ui.components.board import board
from ui.components.board.message import board_message
from ui.page import Page
from ui.session import at_rest, recall, remember, returned
from ui.widgets.carry import taken_along
from ui.widgets.columns import columns_told
from ui.widgets.forks import forks, offer
from ui.widgets.form import form
from ui.widgets.inside import inside
from ui.widgets.ongoing import begun, buttons
from ui.widgets.own import tasks

PAGE = Page("Networks", "Training", 5)
_PATIENCE = 0.4  # seconds between looks at a training that goes on


def main() -> None:
    PAGE.begin("Networks, side by side")
    kept, complaints, _ = recall(PAGE.path, replace(EXPERIMENT, read=partial(read_lesson, tasks=tasks())))
    chosen, wrong = form(PAGE.path, kept)
    remember(PAGE.path, chosen, complaints, 0, link=chosen != kept or returned(chosen, EXPERIMENT.first))
    going, refusal = None, ""
    if chosen.rules:
        before = st.session_state.get(f"{PAGE.path}.going")
        going, refusal = begun(PAGE.path, chosen, lesson_of, lambda going: going.lesson, forks(PAGE.path))
        if going is not before:
            forks(PAGE.path).clear()
    complain([*complaints, *wrong, *filter(None, [refusal])])
    if going:
        _shown(going)
    elif not chosen.rules:
        st.info("Pick at least one rule to train.")


def _shown(going: Ongoing) -> None:
    """The training as far as it is, and all that can be done with it once it has ended."""
    ticking = any(one.running for one in (going, *forks(PAGE.path)))
    st.caption("All rules start at the same weights and see the same minibatches. Every change of a number trains anew.")
    st.fragment(_picture, run_every=_PATIENCE if ticking else None)(going, time.monotonic(), ticking=ticking)
    if ticking or going.so_far is None:
        return
    columns_told(going.so_far.data)
    if going.so_far.whole:
        look, turn, take = st.tabs(["Look inside", "Fork", "Take it along"], default="Fork" if forks(PAGE.path) else None)
        with look:
            inside(PAGE.path, going)
        with turn:
            offer(PAGE.path, going)
        with take:
            taken_along(PAGE.path, going)
            if forks(PAGE.path):
                st.caption("Forks stay here.")


def _picture(going: Ongoing, since: float, *, ticking: bool) -> None:
    """Curves, planes and the table of a training; `ticking`: it is looked at again and again, on a page that ran at `since`."""
    every = [going, *forks(PAGE.path)]
    complain(one.problem for one in every if one.problem)
    ended = not any(one.running for one in every)
    buttons(PAGE.path, going)
    board(board_message(going, forks(PAGE.path)), key=f"{PAGE.path}.board")
    for one in every[1:]:
        if one.waiting:
            st.caption(f"{one.title}: {one.waiting}")
    if going.so_far is not None:
        tested = ended and all(one.so_far is None or one.so_far.whole for one in every)
        _results(going, every[1:], tested=tested)
    if ticking == ended and (not ended or at_rest(since)):
        st.rerun()  # the whole page, which then looks no more, or again


def _results(going: Ongoing, others: list[Ongoing], *, tested: bool) -> None:
    """Where every run is, best first, and what can be said of that."""
    assert going.so_far is not None  # there is one to tell of
    titles = [ENTRANTS[key].title for key in going.lesson.rules]
    rows = standing(going.so_far, titles, tested=tested)
    for one in others:
        if one.so_far is not None:
            rows += standing(one.so_far, [one.title], tested=tested)
    st.table(rows)
    for sentence in told(going.so_far, titles + [one.title for one in others]):
        st.caption(plain(sentence))


if __name__ == "__main__":
    main()
