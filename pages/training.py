"""Networks: the same rules on small real networks, from one state, on one stream of minibatches."""

import time
from functools import partial

import numpy as np
import streamlit as st

from experiments.training.run import Ongoing, lesson_of
from experiments.training.spec import Lesson, read_lesson
from experiments.training.words import ends, mistakes, sentences, standing, theorem, verdict
from figures import networks as figures
from figures import theme
from networks import Training
from networks.analysis.report import absent, by_class, confusion, first_weights, predicted
from networks.model.parameters import INITS
from optimizers import ENTRANTS
from ui.complain import complain, plain
from ui.components.board import board
from ui.components.board.message import pack, state_of
from ui.page import begin
from ui.session import recall, remember, returned, settled
from ui.widgets.carry import taken_along
from ui.widgets.columns import columns_told
from ui.widgets.forks import forks, offer
from ui.widgets.form import form
from ui.widgets.gallery import gallery
from ui.widgets.own import tasks

PAGE = "networks"
FIRST = Lesson(
    "digits_mlp",
    ("sgd", "momentum", "adagrad", "rmsprop", "adam"),
    (("adagrad.lr", 0.02), ("adam.lr", 0.003), ("momentum.lr", 0.05), ("rmsprop.lr", 0.002), ("sgd.lr", 0.2)),
)
PATIENCE = 0.4  # seconds between looks at a training that goes on
MANY = 12  # pictures, at most
TOOLS = {"displayModeBar": False}


def trained(lesson: Lesson) -> tuple[Ongoing | None, str]:
    """The training of this lesson, begun if it is another than the last, which is given up then; where it would cost too much
    the last stays, and a sentence says why."""
    going = st.session_state.get(f"{PAGE}.going")
    if going is None or going.lesson != lesson:
        wished = lesson_of(lesson)
        if refusal := wished.refusal:
            return going, refusal
        for one in ([going] if going else []) + forks(PAGE):
            one.drop()
        forks(PAGE).clear()
        going = st.session_state[f"{PAGE}.going"] = wished.start()
    return going, ""


def picture(going: Ongoing, since: float, *, ticking: bool) -> None:
    """Curves, planes and the table of a training; `ticking`: it is looked at again and again, on a page that ran at `since`."""
    every = [going, *forks(PAGE)]
    complain(one.problem for one in every if one.problem)
    ended = not any(one.running for one in every)
    buttons(going)
    board(pack(going, forks(PAGE)), key=f"{PAGE}.board")
    for one in every[1:]:
        if one.waiting:
            st.caption(f"{one.title}: {one.waiting}")
    if going.so_far is not None:
        whole = all(one.so_far is None or one.so_far.whole for one in every)
        told(going.so_far, titles(every), every, tested=ended and whole)
    if ticking == ended and (not ended or settled(since)):
        st.rerun()  # the whole page, which then looks no more, or again


def buttons(going: Ongoing) -> None:
    """Pause and stop while it runs, else continue where there is something left."""
    one, two, _ = st.columns([1, 1, 6])
    state = state_of(going)
    if state == "running":
        one.button("Pause", on_click=going.pause, key=f"{PAGE}.pause", width="stretch")
        two.button("Stop", on_click=going.stop, key=f"{PAGE}.stop", width="stretch")
    elif state == "done":
        one.button("Train again", on_click=lambda: st.session_state.pop(f"{PAGE}.going"), key=f"{PAGE}.again", width="stretch")
    else:
        one.button("Continue", on_click=going.go_on, key=f"{PAGE}.continue", width="stretch")
        two.button("Stop", disabled=True, key=f"{PAGE}.stopped", width="stretch")


def titles(every: list[Ongoing]) -> list[str]:
    return [ENTRANTS[key].title for key in every[0].lesson.rules] + [one.title for one in every[1:]]


def told(training: Training, names: list[str], every: list[Ongoing], *, tested: bool) -> None:
    """Where every run is, best first, and what can be said of that."""
    rows = standing(training, names[: len(training.entrants)], tested=tested)
    for one in every[1:]:
        if one.so_far is not None:
            rows += standing(one.so_far, [one.title], tested=tested)
    st.table(rows)
    last = int(training.metric_steps[-1])
    marked = "" if last == training.steps else f"The table tells of step {last}, the last that was evaluated."
    for sentence in (*ends(training, names), marked, verdict(training, names), theorem(training), *training.data.notes):
        if sentence:
            st.caption(plain(sentence))
    if training.task.init == "zeros" and len(training.task.model.layers) > 1:
        st.caption(f"All first weights are zero: {INITS['zeros'].source}, so the network cannot tell its inputs apart.")


def inside(going: Ongoing) -> None:
    """What one run learned: its confusions, worst mistakes and first weights."""
    training = going.so_far
    assert training is not None  # it has ended
    keys = list(going.lesson.rules)
    seeds = training.regime.seeds
    order = np.where(training.diverged, np.inf, training.final("val_loss"))[:: len(seeds)]
    best = int(np.nan_to_num(order, nan=np.inf).argmin())
    title = "Run of" if len(seeds) == 1 else f"Run of (seed {seeds[0]})"
    key = st.selectbox(title, keys, index=best, format_func=lambda key: ENTRANTS[key].title, key=f"{PAGE}.inside")
    run = keys.index(key) * len(seeds)
    if training.diverged[run]:
        st.info(f"{ENTRANTS[key].title} diverged at step {training.stopped[run]}: what is left of it says nothing.")
        return
    one, two = st.columns(2)
    if not training.data.classes:
        truth, said = training.rows("val")[1][:, 0], predicted(training, run)[0]
        colour = theme.rule_colours(ENTRANTS)[key]
        one.plotly_chart(figures.predictions(truth, said, colour), key=f"{PAGE}.predictions", config=TOOLS)
        return
    one.markdown("**What is taken for what**, on the validation set")
    one.plotly_chart(figures.confusion(confusion(training, run), training.data.classes), key=f"{PAGE}.confusion", config=TOOLS)
    two.markdown("**By class**")
    names = ("precision", "recall", "F1")
    columns = [
        {
            "class": plain(name),
            **dict(zip(names, ("–" if np.isnan(value) else f"{value:.1%}" for value in values), strict=True)),
            "rows": str(rows),
        }
        for name, *values, rows in by_class(training, run)
    ]
    two.table(columns)
    if lacking := absent(training):
        two.caption(
            f"{lacking} of {len(training.data.classes)} classes have no row in the validation set: the means leave them out."
        )
    if training.data.vocabulary and (found := sentences(training, run, 6)):
        st.markdown("**Worst mistakes**")
        for sentence in found:
            st.text(sentence)
    elif len(training.data.shape) == 3:
        pictures, captions = mistakes(training, run, MANY)
        if captions:
            st.markdown("**Worst mistakes**")
            st.html(gallery(pictures, captions, side=84))
    if (weights := first_weights(training, run, 2 * MANY)) is not None:
        st.markdown("**What the first units look for**: blue where ink speaks against, red where it speaks for")
        st.html(gallery(figures.signed(weights), [""] * len(weights), side=64))


begin("Networks, side by side")
kept, complaints, _ = recall(PAGE, FIRST, partial(read_lesson, tasks=tasks()))
chosen, wrong = form(PAGE, kept)
remember(PAGE, chosen, complaints, 0, link=chosen != kept or returned(chosen, FIRST))
going, refusal = trained(chosen) if chosen.rules else (None, "")
complain([*complaints, *wrong, *filter(None, [refusal])])
if going:
    ticking = any(one.running for one in (going, *forks(PAGE)))
    st.caption("All rules start at the same weights and see the same minibatches. Every change of a number trains anew.")
    st.fragment(picture, run_every=PATIENCE if ticking else None)(going, time.monotonic(), ticking=ticking)
    if not ticking and going.so_far is not None:
        columns_told(going.so_far.data)
    if not ticking and going.so_far is not None and going.so_far.whole:
        look, turn, take = st.tabs(["Look inside", "Fork", "Take it along"], default="Fork" if forks(PAGE) else None)
        with look:
            inside(going)
        with turn:
            offer(PAGE, going)
        with take:
            taken_along(PAGE, going)
            if forks(PAGE):
                st.caption("Forks stay here.")
elif not chosen.rules:
    st.info("Pick at least one rule to train.")
