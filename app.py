"""Ravine: see optimizers work."""

from pathlib import Path

import streamlit as st

st.set_page_config(page_title="Ravine", page_icon="⛰️", layout="wide", initial_sidebar_state="collapsed")

pages = [st.Page(path, default=path.stem == "race") for path in sorted(Path(__file__).parent.glob("pages/*.py"))]
st.navigation(pages, position="top").run()
