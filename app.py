"""Ravine: see optimizers work."""

from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from ui.door import DOOR
from ui.page import begin, called
from ui.server import lifespan

if __name__ == "__main__":  # run anew for every visitor
    begin()
    files = sorted(Path(__file__).parent.glob("pages/*.py"), key=lambda file: (called(file) != "race", called(file)))
    pages = [
        st.Page(file, title=called(file).capitalize(), url_path=called(file), default=called(file) == "race") for file in files
    ]
    st.navigation(pages, position="top").run()
else:  # imported once, by the server
    PagesManager.uses_pages_directory = False  # else the first visitor's pages are called like their files
    app = st.App(__file__, lifespan=lifespan, middleware=[DOOR])
