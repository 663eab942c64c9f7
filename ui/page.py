"""How every page begins."""

import streamlit as st


def begin(title: str = "") -> None:
    """Page settings, and the title where there is one.

    The first visitor of a fresh server who follows a link to a page gets the bare file from Streamlit, without app.py; so
    each page says again how it is laid out.
    """
    st.set_page_config(page_title="Ravine", page_icon="⛰️", layout="wide", initial_sidebar_state="collapsed")
    if title:
        st.html("<style>.stMainBlockContainer { padding-top: 4.2rem; }</style>")
        st.markdown(f"#### {title}")
