"""What a session remembers, behind two functions; the link in the address bar is the rest."""

import streamlit as st

from ui.spec import Race, read_link


def recall(page: str, default: Race) -> tuple[Race, list[str], int]:
    """The page's race, sentences about what its link asked for in vain, and the number of the last wish granted."""
    if page not in st.session_state:
        race, problems = read_link(st.query_params.to_dict(), default)
        st.session_state[page] = race, problems, 0
    return st.session_state[page]


def remember(page: str, race: Race, problems: list[str], seq: int, *, link: bool) -> None:
    """Keep the race; with `link`, show it in the address bar too (on release of a slider, not while it is dragged)."""
    st.session_state[page] = race, problems, seq
    if link and st.query_params.to_dict() != race.link():
        st.query_params.from_dict(race.link())
