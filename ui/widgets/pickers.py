"""Pickers that several pages share. Each takes what is chosen now and gives what is chosen next."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import Hyper
from core.symbolic.notation import symbol
from experiments.able import able, unable
from experiments.axis import Axis, axis_of, checked_range, usual
from experiments.control import Control
from experiments.race.spec import Race
from surfaces import SURFACES


def surface_and_rules(page: str, race: Race, one: DeltaGenerator, two: DeltaGenerator, *, most: int) -> Race:
    """Which surface and which rules, at `most` so many."""
    surface = word(page, "surface", "Surface", {key: s.title for key, s in SURFACES.items()}, race.surface, one)
    return race.choosing(surface, rules(page, SURFACES[surface], race.entrants, two, most=most), race.lrs, race.schedule)


def rules(page: str, objective: Any, now: Sequence[str], place: DeltaGenerator, *, most: int) -> tuple[str, ...]:
    """Which of the rules that can run on an objective, at `most` so many; why others cannot stands beside."""
    options = able(objective)
    kept = st.session_state.get(f"{page}.rules", now)
    st.session_state[f"{page}.rules"] = [key for key in kept if key in options][:most]
    chosen = place.multiselect(
        "Rules",
        list(options),
        format_func=lambda key: options[key].title,
        max_selections=most,
        select_all=False,
        wrap=True,
        key=f"{page}.rules",
        help=unable(objective) or None,
    )
    return tuple(chosen)


def axis(
    page: str,
    name: str,
    now: Axis,
    options: Mapping[str, Hyper],
    place: DeltaGenerator,
    range_: DeltaGenerator,
    other: Axis | None = None,
) -> tuple[Axis, list[str]]:
    """Which number, and from where to where as typed; and what is wrong with that. `other` is the axis it must not become."""
    key = f"{page}.{name}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = usual(now, options, other).name
    chosen = place.selectbox(name.capitalize(), list(options), format_func=symbol, key=key)
    shown = now if now.name == chosen else axis_of(chosen, options)
    st.session_state.setdefault(f"{key}.{chosen}", shown.range)
    text = range_.text_input("from … to", key=f"{key}.{chosen}", help=f"Allowed: {options[chosen].allowed}.")
    try:
        return checked_range(chosen, text, options), []
    except ValueError as error:
        return shown, [f"{error}; {shown.range} is shown."]


def examples(links: Mapping[str, str]) -> None:
    """What to look at first: links to the page that it is on, by what is seen there."""
    st.caption("See for yourself: " + " · ".join(f"[{text}]({link})" for text, link in links.items()))


def other_numbers(page: str, race: Race, taken: Collection[str]) -> Race:
    """A slider for every number of the race but those that are taken."""
    with st.expander("Other numbers"):
        columns = st.columns(4)
        changed = {}
        for i, control in enumerate(c for c in race.controls.values() if c.hyper.name not in taken):
            changed[control.id] = slider(page, control, race[control.id], columns[i % 4])
    return race.having(changed)


def slider(page: str, control: Control, now: float, place: DeltaGenerator) -> float:
    """One number."""
    stops = sorted({*control.hyper.stops, now})
    st.session_state.setdefault(f"{page}.{control.id}", now)
    return place.select_slider(
        control.title, stops, format_func=control.write, key=f"{page}.{control.id}", help=control.hyper.help
    )


def word(page: str, name: str, title: str, options: Mapping[str, str], now: str, place: DeltaGenerator, help: str = "") -> str:
    """One of several words, by their titles; the first of them where the last choice is none of them."""
    key = f"{page}.{name}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = now if now in options else next(iter(options))
    return place.selectbox(title, list(options), format_func=options.__getitem__, key=key, help=help or None)
