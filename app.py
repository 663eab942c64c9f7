"""Ravine: see optimizers work."""

from pathlib import Path

import streamlit as st

from ui.page import begin

begin()
files = sorted(Path(__file__).parent.glob("pages/*.py"), key=lambda file: (file.stem != "race", file.stem))
pages = [st.Page(file, title=file.stem.capitalize(), default=file.stem == "race") for file in files]
st.navigation(pages, position="top").run()
