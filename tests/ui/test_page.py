"""Pages: one file is enough to stand in the navigation, and one that says nothing of itself is loud."""

import re
import shutil
from pathlib import Path

import pytest
import streamlit as st
from streamlit.navigation.page import StreamlitPage
from streamlit.testing.v1 import AppTest

from experiments import experiment_of, pages
from ui.page import page_of, sections

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "pages"

HELLO = """
import streamlit as st

from ui.page import Page

PAGE = Page("Last steps", section="Surfaces", order=99)

def main():
    PAGE.begin("How it ends")
    st.button("Again", key=f"{PAGE.path}.again")

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of what app.py reads for the navigation."""
    shutil.copy(ROOT / "app.py", tmp_path)
    shutil.copytree(FOLDER, tmp_path / "pages", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[StreamlitPage]:
    """What Streamlit's navigation is given."""
    given: list[StreamlitPage] = []
    real = st.navigation
    monkeypatch.setattr(st, "navigation", lambda pages, **named: given.extend(pages) or real(pages, **named))
    return given


def test_every_page_stands_in_one_line_and_the_first_opens_under_its_own_word_too(shown):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    assert not app.exception
    assert [(page.title, page.url_path, page.visibility) for page in shown] == [
        ("Race", "", "visible"),
        ("Anatomy", "anatomy", "visible"),
        ("Effects", "effects", "visible"),
        ("Map", "map", "visible"),
        ("Networks", "networks", "visible"),
        ("Backprop", "backprop", "visible"),
        ("Sweep", "sweep", "visible"),
        ("Race", "race", "hidden"),
    ]


def test_sections_have_their_names_before_their_first_page(house):
    (house / "pages" / "late.py").write_text(HELLO.replace("Surfaces", "Lessons"))
    app = AppTest.from_file(str(house / "app.py"), default_timeout=30).run()
    named = re.findall(r'stTopNav"\] > :nth-child\((\d+)\)::before[^"]*"[^"]*"[^"]*"(\w+)"', app.get("html")[0].proto.body)
    assert named == [("1", "Surfaces"), ("5", "Training"), ("8", "Lessons")]


def test_links_are_those_of_the_experiments():
    words = {file.stem: page.path for every in sections(FOLDER).values() for page, file in every}
    assert words == {key: experiment_of(key).path for key in pages()}


def test_one_file_is_a_page_and_stands_in_its_section(house, shown):
    (house / "pages" / "late.py").write_text(HELLO)
    app = AppTest.from_file(str(house / "app.py"), default_timeout=30).run()
    assert [page.url_path for page in shown[3:6]] == ["map", "last-steps", "networks"]
    app.switch_page("pages/late.py").run()
    assert not app.exception
    assert app.markdown[-1].value == "#### How it ends"
    assert app.button(key="last-steps.again").label == "Again"


@pytest.mark.parametrize("source", ["", "PAGE = 'race'", "def main():\n    PAGE = Page('Race', 'Surfaces', 1)"])
def test_a_page_that_says_nothing_of_itself_is_loud(tmp_path, source):
    (tmp_path / "mute.py").write_text(source)
    with pytest.raises(ValueError, match=r"mute.py has no line PAGE = Page"):
        page_of(tmp_path / "mute.py")
