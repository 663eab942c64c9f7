"""Networks: the same rules on small real networks, from one state, on one stream of minibatches."""

import streamlit as st

from networks import TASKS
from networks.export import curves, script
from optimizers import RULES
from ui.board import board
from ui.board.message import pack
from ui.lesson import COMMON, MOST_RULES, Lesson, Ongoing, read_lesson
from ui.page import begin
from ui.pickers import rules, slider
from ui.ranking import number
from ui.session import recall, remember

PAGE = "networks"
FIRST = Lesson(
    "digits_mlp",
    ("sgd", "momentum", "adagrad", "rmsprop", "adam"),
    (("adagrad.lr", 0.02), ("adam.lr", 0.003), ("momentum.lr", 0.05), ("rmsprop.lr", 0.002), ("sgd.lr", 0.2)),
)
PATIENCE = 0.4  # seconds between looks at a training that goes on


def picked(lesson: Lesson) -> Lesson:
    """The lesson with what the pickers say."""
    st.session_state.setdefault(f"{PAGE}.task", lesson.task)
    one, two = st.columns([2, 4])
    task = one.selectbox("Task", list(TASKS), format_func=lambda key: TASKS[key].title, key=f"{PAGE}.task")
    lesson = Lesson(task, rules(PAGE, RULES, lesson.rules, two, most=MOST_RULES), lesson.numbers).having({})
    controls = lesson.controls
    changed = {n: slider(PAGE, c, lesson[n], place) for (n, c), place in zip(COMMON.items(), st.columns(3), strict=True)}
    with st.expander("Learning rates and other numbers"):
        columns = st.columns(4)
        for i, name in enumerate(name for name in controls if name not in COMMON):
            changed[name] = slider(PAGE, controls[name], lesson[name], columns[i % 4])
    return lesson.having(changed)


def trained(lesson: Lesson) -> Ongoing:
    """The training of this lesson, begun if it is another than the last; the last is given up then."""
    going = st.session_state.get(f"{PAGE}.going")
    if going is None or going.lesson != lesson:
        if going:
            going.stop()
        going = st.session_state[f"{PAGE}.going"] = Ongoing(lesson).start()
    return going


def picture(going: Ongoing, *, ticking: bool) -> None:
    """Curves, planes and the table of a training; `ticking`: it is looked at again and again."""
    if going.problem:
        st.warning(going.problem)
        return
    ended, place = not going.running, st.empty()
    if ended:
        place.caption("Every change of a number trains anew.")
    else:
        place.button("Stop", on_click=going.stop, key=f"{PAGE}.stop")
    board(pack(going), key=f"{PAGE}.board")
    if going.so_far is not None:
        table(going)
    if ended and going.so_far is not None:
        taken_along(going)
    if ended and ticking:
        st.rerun()  # the whole page, which then looks no more


def taken_along(going: Ongoing) -> None:
    """The curves as CSV, and a run as a script that needs torch and scikit-learn alone."""
    training, keys = going.so_far, going.lesson.rules
    assert training is not None  # there is one to take along
    with st.expander("Take it along"):
        one, two = st.columns(2)
        titles = [RULES[key].title for key in keys]
        one.download_button("Curves as CSV", curves(training, titles), "curves.csv", key=f"{PAGE}.csv", on_click="ignore")
        key = two.selectbox("Script of", keys, format_func=lambda key: RULES[key].title, key=f"{PAGE}.script.rule")
        hypers = dict(going.lesson.entrants)[key]
        try:
            text = script(training, key, hypers, int(going.lesson["seed"]))
        except ValueError as error:
            two.caption(f"{error}.")
        else:
            two.download_button("PyTorch script", text, f"{key}.py", key=f"{PAGE}.script", on_click="ignore")
            two.caption("Run alone it prints the validation loss shown above, after the same steps.")


def table(going: Ongoing) -> None:
    """Where every run is, best first."""
    training = going.so_far
    assert training is not None  # there is one to show
    rows = []
    for i, key in enumerate(going.lesson.rules):
        gone = training.stopped[i] <= len(training.loss)
        row = {"Rule": RULES[key].title, "lr": number(going.lesson[f"{key}.lr"])}
        row["validation loss"] = "–" if gone else number(float(training.metrics["val_loss"][-1, i]))
        if "val_accuracy" in training.metrics:
            row["validation accuracy"] = "–" if gone else f"{training.metrics['val_accuracy'][-1, i]:.1%}"
        if (training.stopped <= len(training.loss)).any():
            row["fate"] = f"diverged at step {training.stopped[i]}" if gone else ""
        rows.append((training.metrics["val_loss"][-1, i] if not gone else float("inf"), i, row))
    st.table([row for *_, row in sorted(rows, key=lambda entry: entry[:2])])


begin("Networks, side by side")
kept, complaints, _ = recall(PAGE, FIRST, read_lesson)
chosen = picked(kept)
remember(PAGE, chosen, complaints, 0, link=chosen != kept)
for sentence in complaints:
    st.warning(sentence)
if chosen.rules:
    going = trained(chosen)
    ticking = going.running
    st.caption("All rules start at the same weights and see the same minibatches.")
    st.fragment(picture, run_every=PATIENCE if ticking else None)(going, ticking=ticking)
else:
    st.info("Pick at least one rule to train.")
