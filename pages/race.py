"""The race: every rule on one surface, from one start, on the same noise."""

from dataclasses import replace

import streamlit as st

from core import SCHEDULES
from core.symbolic.notation import equations, formula
from experiments.race.controls import EACH, PROTOCOLS, TUNED, TUNINGS
from experiments.race.finder import found, marks, words
from experiments.race.spec import MOST_ENTRANTS, Race, read_link
from experiments.race.standings import LENGTHS, standings
from figures.finder import curve
from figures.maps import TOOLS
from figures.theme import rule_colours
from optimizers import ENTRANTS
from surfaces import SURFACES
from ui.page import begin
from ui.session import recall, remember
from ui.waiting import awaited, stopped
from ui.widgets.live import live
from ui.widgets.pickers import surface_and_rules, word

PAGE = "race"
COLOURS = rule_colours(ENTRANTS)
FIRST = Race(
    surface="rosenbrock",
    entrants=("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "rprop"),
    lrs=EACH,
    numbers=(
        ("adagrad.lr", 0.5),
        ("adam.lr", 0.1),
        ("momentum.lr", 0.0005),
        ("nesterov.lr", 0.001),
        ("rmsprop.lr", 0.02),
        ("rprop.lr", 0.05),
        ("sgd.lr", 0.0015),
    ),
)


def picked(race: Race) -> Race:
    """The race with what the pickers say."""
    st.session_state.setdefault(f"{PAGE}.lrs", race.lrs)
    one, two, three, four = st.columns([3, 5, 4, 3])
    race = surface_and_rules(PAGE, race, one, two, most=MOST_ENTRANTS)
    lrs = three.segmented_control(
        "Learning rate",
        list(PROTOCOLS),
        wrap=True,
        required=True,
        key=f"{PAGE}.lrs",
    )
    schedule = word(PAGE, "schedule", "Schedule", {key: s.title for key, s in SCHEDULES.items()}, race.schedule, four)
    assert lrs is not None  # it is required
    if lrs == TUNED:
        way = word(PAGE, "tuning", "Tries", {key: tuning.title for key, tuning in TUNINGS.items()}, race.tuning, three)
        race = replace(race, tuning=way)
    st.caption(f"{SURFACES[race.surface].lesson} {SURFACES[race.surface].caveat}".rstrip())
    return race.choosing(race.surface, race.entrants, lrs, schedule)


def finder(race: Race) -> None:
    """One run whose learning rate grows, and a button that takes what it finds; computed only when opened."""
    shown = st.expander("Learning-rate finder", on_change="rerun", key=f"{PAGE}.finder")
    if not shown.open:
        return
    with shown:
        st.session_state.setdefault(f"{PAGE}.finder.rule", race.entrants[0])
        if st.session_state[f"{PAGE}.finder.rule"] not in race.entrants:
            st.session_state[f"{PAGE}.finder.rule"] = race.entrants[0]
        key = st.selectbox("Rule", race.entrants, format_func=lambda key: ENTRANTS[key].title, key=f"{PAGE}.finder.rule")
        finding, title = found(race, key), ENTRANTS[key].title
        figure = curve(finding.lrs, finding.above, COLOURS[key], marks(race, key), floor=finding.floor is not None)
        st.plotly_chart(figure, key=f"{PAGE}.finder.curve", config=TOOLS)
        st.caption(words(race, key))
        if finding.steepest is None:
            st.caption("The loss never falls, so there is nothing to use.")
        else:
            lr = float(f"{finding.steepest:.2g}")
            st.button(f"Use {lr:g} for {title}", on_click=use, args=(race, key, lr), key=f"{PAGE}.finder.use")


def use(race: Race, key: str, lr: float) -> None:
    """Give one rule this learning rate, and every other the one it has."""
    rates = {f"{other}.lr": race.settings_of(ENTRANTS[other])["lr"] for other in race.entrants}
    st.session_state[f"{PAGE}.lrs"] = EACH
    _, problems, seq = recall(PAGE, FIRST, read_link)
    remember(PAGE, replace(race, lrs=EACH).having({**rates, f"{key}.lr": lr}), problems, seq, link=True)


def code(race: Race) -> None:
    """The surface's formula, and a rule's equations and source; made only when opened, for a long page drags slowly."""
    shown = st.expander("Show me the code", on_change="rerun", key=f"{PAGE}.code")
    if not shown.open:
        return
    surface = SURFACES[race.surface]
    with shown:
        st.latex(formula(surface.formula.function))
        st.caption(f"{surface.title}: {surface.source}.")
        key = st.selectbox("Rule", race.entrants, format_func=lambda key: ENTRANTS[key].title, key=f"{PAGE}.code.rule")
        entrant = ENTRANTS[key]
        left, right = st.columns(2)
        lines = r"\\[4pt]".join(f"&{line}" for line in equations(entrant.rule.update))
        left.latex(rf"\begin{{aligned}}{lines}\end{{aligned}}")
        left.caption(f"Then x ← x − lr·(Δ + λx). {entrant.rule.conventions} Source: {entrant.source}.")
        right.code(entrant.rule.text, language="python")


def terms(race: Race) -> None:
    """How the ranking changes with the protocol and the steps; computed only when opened."""
    shown = st.expander("Who wins under which terms", on_change="rerun", key=f"{PAGE}.terms")
    if not shown.open:
        return
    with shown:
        status = st.empty()
        with status.container():
            if stopped(PAGE, race):
                return
        with awaited(PAGE, race, "Races", status):
            table = standings(race)
    columns = {"learning rates": list(table)}
    columns |= {f"{steps} steps": [row[i] for row in table.values()] for i, steps in enumerate(LENGTHS)}
    shown.table(columns)
    shown.caption(f"Lowest loss above the minimum. Tuned: {replace(race, lrs=TUNED).terms}, for each number of steps anew.")


begin("Optimizer race")
kept, complaints, number = recall(PAGE, FIRST, read_link)
chosen = picked(kept)
remember(PAGE, chosen, complaints, number, link=chosen != kept)
if chosen.entrants:
    live(PAGE, FIRST, linked=True)
    terms(chosen)
    finder(chosen)
    code(chosen)
else:
    st.info("Pick at least one rule to start the race.")
