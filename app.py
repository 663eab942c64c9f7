"""Ravine: see optimizers work."""

from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from ui.door import DOOR
from ui.page import navigation, settings
from ui.server import lifespan

if __name__ == "__main__":  # run anew for every visitor
    settings()
    navigation(Path(__file__).parent / "pages").run()
else:  # imported once, by the server
    PagesManager.uses_pages_directory = False  # else the first visitor's pages are called like their files
    app = st.App(__file__, lifespan=lifespan, middleware=[DOOR])
