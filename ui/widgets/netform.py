"""The widgets of a sweep over a network."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import Hyper
from core.symbolic.notation import symbol
from experiments.axis import Axis, axis_of, checked_range
from experiments.network_sweep.spec import HOW_MANY, MOST_SWEPT, OF_SWEEPS, NetworkSweep, beside, swept_options
from experiments.training.spec import Lesson
from networks.training.sweep import measures_of
from ui.widgets.form import hidden, task_picked
from ui.widgets.pickers import rules, slider, word

ALONE = ""


def sweep_picked(page: str, now: NetworkSweep) -> tuple[NetworkSweep, list[str]]:
    """The sweep with what the pickers say, and what is wrong with it."""
    one, two, three = st.columns([3, 6, 3])
    lesson = now.lesson.learning(task_picked(page, now.lesson.origin, one))
    chosen = rules(page, lesson.origin.model, lesson.rules, two, most=MOST_SWEPT)
    lesson = replace(lesson, rules=chosen).choosing({}).having({})
    measures = measures_of(lesson.work)
    shows = word(page, "shows", "Shows", {key: one.title for key, one in measures.items()}, now.shows, three)
    now = replace(now, lesson=lesson, shows=shows)
    if not chosen:
        return now, []
    now, problems = ranges(page, now)
    places = st.columns(len(OF_SWEEPS) + 1)
    changed = {name: slider(page, c, lesson[name], place) for (name, c), place in zip(OF_SWEEPS.items(), places, strict=False)}
    lesson = lesson.having(changed)
    with st.expander("Other numbers and choices"):
        lesson, more = others(page, replace(now, lesson=lesson), places[-1])
    return replace(now, lesson=lesson), problems + more + [sentence for _, sentence in [lesson.batch] if sentence]


def ranges(page: str, now: NetworkSweep) -> tuple[NetworkSweep, list[str]]:
    """The axes, and how many values of each."""
    one, two, three, four = st.columns([4, 4, 4, 3])
    options = swept_options(now.lesson)
    lr, problems = span(page, now.lr, options, one)
    offered = {ALONE: "none"} | {name: symbol(name) for name in beside(options)}
    name = word(page, "other", "Another number", offered, now.other.name if now.other else ALONE, two)
    other = None
    if name == ALONE:
        three.text_input("from … to", disabled=True, key=f"{page}.none")
    else:
        other = now.other if now.other and now.other.name == name else axis_of(name, options)
        other, more = span(page, other, options, three)
        problems = problems + more
    allowed = {str(many): str(many) for many in HOW_MANY[other is not None]}
    many = int(word(page, "values", "Values", allowed, str(now.many), four))
    return replace(now, lr=lr, other=other, many=many), problems


def span(page: str, now: Axis, options: Mapping[str, Hyper], place: DeltaGenerator) -> tuple[Axis, list[str]]:
    """From where to where, as typed; and what is wrong with that."""
    key = f"{page}.span.{now.name}"
    st.session_state.setdefault(key, now.range)
    text = place.text_input(f"{symbol(now.name)} from … to", key=key, help=f"Allowed: {options[now.name].allowed}.")
    try:
        return checked_range(now.name, text, options), []
    except ValueError as error:
        return now, [f"{error}; {now.range} is shown."]


def others(page: str, now: NetworkSweep, seeds: DeltaGenerator) -> tuple[Lesson, list[str]]:
    """The lesson with all that is no axis: its choices, then its numbers."""
    lesson, places, problems = now.lesson, _columns(), []
    chosen, common = {}, {control.group for control in OF_SWEEPS.values()}
    for choice in lesson.offered:
        place = seeds if choice.group in common else next(places)
        chosen[choice.name] = word(
            page,
            f"{lesson.task}.{choice.name}",
            choice.title,
            choice.options(lesson.origin),
            lesson.choice(choice.name),
            place,
            choice.help,
        )
    lesson = lesson.choosing(chosen)
    if lesson.deep:
        lesson = lesson.choosing(hidden(page, lesson, next(places), problems))
    lesson = lesson.having({})
    free = {n: c for n, c in lesson.controls.items() if c.hyper.name not in now.names and n not in OF_SWEEPS}
    return lesson.having({n: slider(page, c, lesson[n], next(places)) for n, c in free.items()}), problems


def _columns() -> Iterator[DeltaGenerator]:
    """Places, four a row."""
    while True:
        yield from st.columns(4)
