"""What every page is called, and how it begins."""

import re
from functools import cache
from pathlib import Path

import streamlit as st

from ui.server import HOUSE


@cache
def called(file: Path) -> str:
    """What a page calls itself: its word in links, in the navigation and before the keys of its widgets."""
    return re.findall(r'^PAGE = "(\w+)"$', file.read_text(encoding="utf-8"), re.MULTILINE)[0]


def begin(title: str = "") -> None:
    """Page settings, and the title where there is one.

    A page may be run alone, without app.py; so each says again how it is laid out.
    """
    st.set_page_config(page_title="Ravine", page_icon="⛰️", layout="wide", initial_sidebar_state="collapsed")
    if title:
        HOUSE.entered()
        st.html("<style>.stMainBlockContainer { padding-top: 4.2rem; }</style>")
        st.markdown(f"#### {title}")
