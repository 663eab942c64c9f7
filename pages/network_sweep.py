"""Sweep: what lr, and one more number, do to a network."""

import time
from dataclasses import replace
from functools import partial

import streamlit as st

from core.symbolic.notation import symbol
from experiments.network_sweep.experiment import EXPERIMENT
from experiments.network_sweep.spec import NetworkSweep, OngoingSweep, read_sweep
from ui.complain import complain
from ui.page import Page
from ui.session import at_rest, recall, remember, returned
from ui.widgets.netform import sweep_picked
from ui.widgets.ongoing import begun
from ui.widgets.own import tasks
from ui.widgets.swept import sweep_picture

PAGE = Page("Sweep", "Training", 7)
_PATIENCE = 0.3  # seconds between looks at a sweep that goes on


def main() -> None:
    PAGE.begin("Sweep over a network")
    kept, complaints, _ = recall(PAGE.path, replace(EXPERIMENT, read=partial(read_sweep, tasks=tasks())))
    chosen, wrong = sweep_picked(PAGE.path, kept)
    remember(PAGE.path, chosen, complaints, 0, link=chosen != kept or returned(chosen, EXPERIMENT.first))
    complain(complaints + wrong)
    if not chosen.lesson.rules:
        st.info("Pick at least one rule to sweep.")
    elif not chosen.shown:
        st.info(f"None of these rules has {symbol(chosen.axes[-1].name)}: pick another number or other rules.")
    else:
        going, refusal = begun(PAGE.path, chosen.work, OngoingSweep, lambda going: going.work)
        complain(filter(None, [refusal]))
        if going:
            ticking, view = going.running, chosen if going.work == chosen.work else going.work
            st.fragment(followed, run_every=_PATIENCE if ticking else None)(going, view, time.monotonic(), ticking=ticking)


def status(going: OngoingSweep) -> None:
    """How far it is, and a button to stop it or to go on."""
    one, two = st.columns([7, 1], vertical_alignment="center")
    if going.complete:
        one.caption(going.words)
        return
    one.progress(min(going.share, 1.0), going.words)
    title, act = ("Go on", going.go_on) if going.stopped else ("Stop", going.stop)
    two.button(title, on_click=act, key=f"{PAGE.path}.{title}", width="stretch")


def followed(going: OngoingSweep, chosen: NetworkSweep, since: float, *, ticking: bool) -> None:
    """How far it is and what there is of it; `ticking`: it is looked at again and again, on a page that ran at `since`."""
    going.look()
    if going.problem:
        complain([f"{going.problem[0].upper()}{going.problem[1:]}"])
    else:
        status(going)
        if going.so_far is not None and going.so_far.done.any():
            sweep_picture(PAGE.path, chosen, going.so_far)
    if going.running != ticking and (going.running or at_rest(since)):
        st.rerun()  # the whole page, which then looks again and again, or no more


if __name__ == "__main__":
    main()
