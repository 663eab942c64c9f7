"""Ravine: see optimizers work."""

from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from ui.door import DOOR
from ui.page import sections, settings
from ui.server import lifespan

if __name__ == "__main__":  # run anew for every visitor
    settings()
    first, *others = (within for section in sections(Path(__file__).parent / "pages").values() for within in section)
    pages = [st.Page(file, title=page.title, url_path=page.path, default=page == first[0]) for page, file in (first, *others)]
    st.navigation(pages, position="top").run()  # all in one row, section after section: a menu would hide their names
else:  # imported once, by the server
    PagesManager.uses_pages_directory = False  # else the first visitor's pages are called like their files
    app = st.App(__file__, lifespan=lifespan, middleware=[DOOR])
