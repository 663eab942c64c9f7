"""The widgets of a lesson: which task and rules, and in tabs all numbers and choices of rules, network, data and training."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from experiments.training.spec import DATA, HIDDEN, MOST_RULES, NETWORK, OF_LESSONS, TRAINING, Lesson
from networks import NetworkTask
from networks.tasks import BATCH
from ui.widgets.own import ROOT, brought, folder_tasks, root, table_task, tasks
from ui.widgets.pickers import rules, slider, word

COLUMNS = 4

TABLES = (
    "A line a row: numbers, words, dates, yes and no; how cells are parted and whether the first line names them is found out. "
    "What was done to each column is told below the results."
)


def form(page: str, lesson: Lesson) -> tuple[Lesson, list[str]]:
    """The lesson with what the widgets say, and a sentence for each thing in them that cannot be."""
    problems: list[str] = []
    one, two = st.columns([2, 4])
    lesson = lesson.learning(task_picked(page, lesson.origin, one))  # it keeps the numbers that the task has too
    lesson = replace(lesson, rules=rules(page, lesson.origin.model, lesson.rules, two, most=MOST_RULES)).choosing({}).having({})
    places = st.columns([2, 2, 2, 1])
    changed = {n: slider(page, c, lesson[n], place) for (n, c), place in zip(OF_LESSONS.items(), places, strict=False)}
    lesson = lesson.having(changed)
    chosen = dict(_words(page, lesson, "Common", iter(places[3:])))
    with st.expander("Rules’ numbers, network, data, training"):
        tabs = dict(zip(("Rules", NETWORK, DATA, TRAINING), st.tabs(["Rules", NETWORK, DATA, TRAINING]), strict=True))
        for group in (NETWORK, DATA, TRAINING):
            places = _places(tabs[group])
            if group == NETWORK and lesson.deep:
                chosen |= hidden(page, lesson, next(places), problems)
            chosen |= dict(_words(page, lesson, group, places))
            lesson = lesson.choosing(chosen).having({})
            lesson = lesson.having(_numbers(page, lesson, {group}, places))
        lesson = lesson.having(_numbers(page, lesson, set(lesson.rules), _places(tabs["Rules"])))
        with tabs[DATA]:
            problems += _files(page)
    return lesson, problems + [sentence for _, sentence in [lesson.batch] if sentence]


def task_picked(page: str, now: NetworkTask, place: DeltaGenerator) -> NetworkTask:
    """Which task, of those that are listed and those from this visitor's files."""
    offered = {**tasks(), now.key: now}
    if wished := st.session_state.pop(f"{page}.task.wish", None):
        st.session_state[f"{page}.task"] = wished
    picked = offered[word(page, "task", "Task", {key: one.title for key, one in offered.items()}, now.key, place)]
    if st.session_state.get(f"{page}.{BATCH.name}") == now.batch != picked.batch:  # nobody chose it: the new task has its own
        del st.session_state[f"{page}.{BATCH.name}"]
    return picked


def _places(tab: DeltaGenerator) -> Iterator[DeltaGenerator]:
    """Columns, row after row."""
    while True:
        yield from tab.columns(COLUMNS)


def _words(page: str, lesson: Lesson, group: str, places: Iterator[DeltaGenerator]) -> Iterator[tuple[str, str]]:
    """What is chosen of the choices of a group."""
    for choice in lesson.offered:
        if choice.group == group:
            options, name = choice.options(lesson.origin), f"{lesson.task}.{choice.name}"
            now = lesson.choice(choice.name)
            yield choice.name, word(page, name, choice.title, options, now, next(places), choice.help)


def _numbers(page: str, lesson: Lesson, groups: set[str], places: Iterator[DeltaGenerator]) -> dict[str, float]:
    mine = {name: control for name, control in lesson.controls.items() if control.group in groups}
    return {name: slider(page, control, lesson[name], next(places)) for name, control in mine.items()}


def hidden(page: str, lesson: Lesson, place: DeltaGenerator, problems: list[str]) -> dict[str, str]:
    """The widths of the hidden layers; what cannot be one leaves them as they are."""
    key = f"{page}.{lesson.task}.{HIDDEN}"
    st.session_state.setdefault(key, lesson.choice(HIDDEN))
    text = place.text_input("Hidden layers", key=key, help="Widths from the first to the last, as in 32-16; nothing for none.")
    try:
        lesson.choosing({HIDDEN: text})
    except ValueError as error:
        problems.append(f"{str(error).capitalize()}; {lesson.choice(HIDDEN) or 'none'} is used.")
        return {}
    return {HIDDEN: text}


def _files(page: str) -> list[str]:
    """Tasks from files of one's own; what is wrong with a file."""
    one, two, three = st.columns([2, 1, 2])
    file = one.file_uploader("Your own table (CSV)", key=f"{page}.file", help=TABLES)
    target = two.text_input("Its target column", key=f"{page}.target", placeholder="the last one").strip()
    folder = ""
    if root():
        help = f"On the machine that runs Ravine, within what {ROOT} names there: by default the home of who started it."
        folder = three.text_input("Folder with the files of MNIST or CIFAR-10", key=f"{page}.folder", help=help).strip()
    wishes: dict[str, tuple[Hashable, Callable[[], Sequence[NetworkTask]]]] = {}
    if file:
        wishes["table"] = (file.file_id, target), lambda: [table_task(file.name, file.getvalue(), target)]
    if folder:
        wishes["folder"] = folder, lambda: folder_tasks(folder)
    problems, made = [], []
    for what, (wish, make) in wishes.items():
        try:
            made += brought(what, wish, make)
        except ValueError as error:
            problems.append(f"This {what} will not do: {error}.")
    keys, known = [task.key for task in made], st.session_state.get(f"{page}.made", [])
    st.session_state[f"{page}.made"] = keys
    if keys and keys != known:
        st.session_state[f"{page}.task.wish"] = keys[0]
        st.rerun()
    return problems
