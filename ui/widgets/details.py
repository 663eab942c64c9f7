"""What a race keeps folded until it is asked for: who wins under which terms, the learning-rate finder, the code."""

from dataclasses import replace

import streamlit as st

from core.symbolic.notation import equations, formula
from experiments.race.controls import EACH, TUNED
from experiments.race.experiment import EXPERIMENT
from experiments.race.finder import found, marks, words
from experiments.race.spec import Race
from experiments.race.standings import LENGTHS, standings
from figures.finder import curve
from figures.maps import TOOLS
from figures.theme import rule_colours
from optimizers import ENTRANTS
from surfaces import SURFACES
from ui.session import recall, remember
from ui.waiting import awaited, stopped

_COLOURS = rule_colours(ENTRANTS)


def terms(page: str, race: Race) -> None:
    """How the ranking changes with the protocol and the steps; computed only when opened."""
    shown = st.expander("Who wins under which terms", on_change="rerun", key=f"{page}.terms")
    if not shown.open:
        return
    with shown:
        status = st.empty()
        with status.container():
            if stopped(page, race):
                return
        with awaited(page, race, "Races", status):
            table = standings(race)
    columns = {"learning rates": list(table)}
    columns |= {f"{steps} steps": [row[i] for row in table.values()] for i, steps in enumerate(LENGTHS)}
    shown.table(columns)
    shown.caption(f"Lowest loss above the minimum. Tuned: {replace(race, lrs=TUNED).terms}, for each number of steps anew.")


def finder(page: str, race: Race) -> None:
    """One run whose learning rate grows, and a button that takes what it finds; computed only when opened."""
    shown = st.expander("Learning-rate finder", on_change="rerun", key=f"{page}.finder")
    if not shown.open:
        return
    with shown:
        st.session_state.setdefault(f"{page}.finder.rule", race.entrants[0])
        if st.session_state[f"{page}.finder.rule"] not in race.entrants:
            st.session_state[f"{page}.finder.rule"] = race.entrants[0]
        key = st.selectbox("Rule", race.entrants, format_func=lambda key: ENTRANTS[key].title, key=f"{page}.finder.rule")
        finding, title = found(race, key), ENTRANTS[key].title
        figure = curve(finding.lrs, finding.above, _COLOURS[key], marks(race, key), floor=finding.floor is not None)
        st.plotly_chart(figure, key=f"{page}.finder.curve", config=TOOLS)
        st.caption(words(race, key))
        if finding.steepest is None:
            st.caption("The loss never falls, so there is nothing to use.")
        else:
            lr = float(f"{finding.steepest:.2g}")
            st.button(f"Use {lr:g} for {title}", on_click=use, args=(page, race, key, lr), key=f"{page}.finder.use")


def use(page: str, race: Race, key: str, lr: float) -> None:
    """Give one rule this learning rate, and every other the one it has."""
    rates = {f"{other}.lr": race.setups[other]["lr"] for other in race.entrants}
    st.session_state[f"{page}.lrs"] = EACH
    _, problems, seq = recall(page, EXPERIMENT)
    remember(page, replace(race, lrs=EACH).having({**rates, f"{key}.lr": lr}), problems, seq, link=True)


def code(page: str, race: Race) -> None:
    """The surface's formula, and a rule's equations and source; made only when opened, for a long page drags slowly."""
    shown = st.expander("Show me the code", on_change="rerun", key=f"{page}.code")
    if not shown.open:
        return
    surface = SURFACES[race.surface]
    with shown:
        st.latex(formula(surface.formula.function))
        st.caption(f"{surface.title}: {surface.source}.")
        key = st.selectbox("Rule", race.entrants, format_func=lambda key: ENTRANTS[key].title, key=f"{page}.code.rule")
        entrant = ENTRANTS[key]
        left, right = st.columns(2)
        lines = r"\\[4pt]".join(f"&{line}" for line in equations(entrant.rule.update))
        left.latex(rf"\begin{{aligned}}{lines}\end{{aligned}}")
        left.caption(f"Then x ← x − lr·(Δ + λx). {entrant.rule.conventions} Source: {entrant.source}.")
        right.code(entrant.rule.text, language="python")
