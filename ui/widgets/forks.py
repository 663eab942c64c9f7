"""Forks of a training: both futures of one run, from any step on."""

from functools import partial

import streamlit as st

from core import Hyper
from experiments.able import able
from experiments.control import Control
from experiments.numbers import number
from experiments.training.run import Ongoing
from experiments.training.spec import Lesson
from figures import theme
from networks import Training, fork
from networks.training.cost import fork_cost
from optimizers import ENTRANTS
from ui.complain import complain
from ui.widgets.pickers import slider, word

_MOST = 4


def forks(page: str) -> list[Ongoing]:
    """Those of the page's training."""
    return st.session_state.setdefault(f"{page}.forks", [])


def offer(page: str, going: Ongoing) -> None:
    """Which run goes on from which step, by which rule and with which numbers; and a button that begins it."""
    training, lesson, now = going.so_far, going.lesson, forks(page)
    assert training is not None  # it has ended
    st.caption(
        "Go on from any step of a finished run with another rule, lr or β. Both futures are drawn; the dot is where they part."
    )
    keys, columns = list(lesson.rules), st.columns(4)
    key = columns[0].selectbox("Run of", keys, format_func=lambda key: ENTRANTS[key].title, key=f"{page}.fork.run")
    run = keys.index(key) * len(training.regime.seeds)
    last = int(min(training.stopped[run] - 1, training.finished[run], training.steps))
    if last < 1:
        st.info(f"{ENTRANTS[key].title} made no step that it could go on from.")
        return
    hyper = Hyper(
        0, last, whole=True, name="from step", default=float(last // 2), help="The last step that both have in common."
    )
    step = slider(page, Control(f"fork.{key}.{last}", "", hyper), hyper.default, columns[1])
    offered = {key: one.title for key, one in able(training.task.model).items()}
    rule = word(page, f"fork.by.{key}", "Goes on by", offered, key, columns[2])
    numbers, places = {}, st.columns(4)
    for i, (name, own) in enumerate(ENTRANTS[rule].hypers.items()):
        usual = lesson[f"{key}.{name}"] if rule == key else own.default
        control = Control(f"fork.{key}.{rule}.{name}", rule, own)
        numbers[name] = slider(page, control, usual, places[i % 4])
    full = len(now) >= _MOST
    if st.button("Fork", key=f"{page}.fork", disabled=full, help=f"At most {_MOST} forks." if full else None):
        wished = forked(training, lesson, run, int(step), key, rule, numbers, len(now))
        if refusal := wished.refusal:
            complain([refusal])
        else:
            now.append(wished.start())
            st.rerun()
    if now and st.button("Drop the forks", key=f"{page}.fork.drop"):
        for one in now:
            one.drop()
        now.clear()
        st.rerun()


def forked(
    training: Training, lesson: Lesson, run: int, step: int, key: str, rule: str, numbers: dict[str, float], place: int
) -> Ongoing:
    """A fork, not yet begun."""

    by = f"{ENTRANTS[rule].title}, " if rule != key else ""
    differing = (f"{name} {number(v)}" for name, v in numbers.items() if rule != key or v != lesson[f"{key}.{name}"])
    title = f"{ENTRANTS[key].title} from step {step}: {by}{', '.join(differing) or 'unchanged'}"
    free = [colour for colour in reversed(theme.RULE_COLOURS) if colour not in _taken(lesson)]
    parents, regime = lesson.entrants, lesson.regime
    return Ongoing(
        lesson,
        training.task,
        partial(fork, training, run, step, [(rule, numbers)]),
        partial(fork_cost, training.task, parents, step=step, key=rule, **regime),
        f"A fork of this network with {training.task.model.parameters:,} parameters",
        title=title,
        colour=free[place % len(free)],
    )


def _taken(lesson: Lesson) -> set[str]:
    colours = theme.rule_colours(ENTRANTS)
    return {colours[key] for key in lesson.rules}
