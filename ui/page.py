"""What every page is called, where it stands, and how it begins."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from ui.server import HOUSE

NAMES = """
[data-testid="stTopNav"] > * { display: flex; align-items: center }
[data-testid="stTopNav"] > ::before { font-size: 0.8rem; opacity: 0.6; margin: 0 0.4rem 0 1.2rem }
[data-testid="stTopNav"] > :first-child::before { margin-left: 0.5rem }
[data-testid="stSidebarNavItems"] > ::before { display: block; font-size: 0.8rem; opacity: 0.6; margin: 0.8rem 0 0.2rem 0.5rem }
"""
NAME = """
[data-testid="stTopNav"] > :nth-child({place})::before,
[data-testid="stSidebarNavItems"] > :nth-child({place})::before {{ content: "{section}" }}
"""
"""A section's name before its first page, in the line of all pages and where that is folded away."""


@dataclass(frozen=True)
class Page:
    """A page: its title, section and place in the navigation; the first of all opens under the bare address too."""

    title: str
    section: str
    order: int

    @property
    def path(self) -> str:
        """Its word in links, and before the keys of its widgets."""
        return self.title.lower().replace(" ", "-")

    def begin(self, heading: str) -> None:
        """Page settings, and the heading.

        A page may be run alone, without app.py; so each says again how it is laid out.
        """
        settings()
        HOUSE.entered()
        st.html("<style>.stMainBlockContainer { padding-top: 4.2rem; }</style>")
        st.markdown(f"#### {heading}")


def settings() -> None:
    """How every page is laid out."""
    st.set_page_config(page_title="Ravine", page_icon="⛰️", layout="wide", initial_sidebar_state="collapsed")


@cache
def page_of(file: Path) -> Page:
    """The record of a page, read off its file: what it imports is for those who open it. ValueError where it has none."""
    for line in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "PAGE" and isinstance(line.value, ast.Call):
            given = [ast.literal_eval(argument) for argument in line.value.args]
            return Page(*given, **{word.arg: ast.literal_eval(word.value) for word in line.value.keywords if word.arg})
    raise ValueError(f"{file.name} has no line PAGE = Page(title, section, order)")


def sections(folder: Path) -> dict[str, list[tuple[Page, Path]]]:
    """The pages of a folder by their sections, those whose first page comes first before the others."""
    found: dict[str, list[tuple[Page, Path]]] = {}
    for page, file in sorted(((page_of(file), file) for file in folder.glob("*.py")), key=lambda pair: pair[0].order):
        found.setdefault(page.section, []).append((page, file))
    return found


def navigation(folder: Path) -> StreamlitPage:
    """Shows the folder's pages and gives the one that was asked for. The first opens under its own word too.

    Streamlit folds a section into a menu, which hides its pages and where one is. Here all pages stand in one line, and a
    section's name before the first of them.
    """
    every, style, place = sections(folder), NAMES, 1
    for section, pages in every.items():
        style += NAME.format(place=place, section=section)
        place += len(pages)
    st.html(f"<style>{style}</style>")
    (first, home), *others = [pair for pages in every.values() for pair in pages]
    shown = [st.Page(file, title=page.title, url_path=page.path) for page, file in others]
    also = st.Page(home, title=first.title, url_path=first.path, visibility="hidden")
    return st.navigation([st.Page(home, title=first.title, url_path="home", default=True), *shown, also], position="top")
