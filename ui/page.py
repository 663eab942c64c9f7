"""What every page is called, where it stands, and how it begins."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st

from ui.server import HOUSE


@dataclass(frozen=True)
class Page:
    """A page: its title, section and place in the navigation, and its word in links and before the keys of its widgets."""

    title: str
    section: str
    order: int
    path: str

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
    raise ValueError(f"{file.name} has no line PAGE = Page(title, section, order, path)")


def sections(folder: Path) -> dict[str, list[tuple[Page, Path]]]:
    """The pages of a folder by their sections, those whose first page comes first before the others."""
    found: dict[str, list[tuple[Page, Path]]] = {}
    for page, file in sorted(((page_of(file), file) for file in folder.glob("*.py")), key=lambda pair: pair[0].order):
        found.setdefault(page.section, []).append((page, file))
    return found
