"""What the documents say of the house is so: the picture is drawn from the imports, and every path that is named is there."""

import re
import tomllib
from pathlib import Path

import pytest

from docs.draw import PICTURE, below, doors, drawn

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/architecture.md")


def test_the_picture_is_drawn_from_the_imports_of_today():
    assert PICTURE.read_text() == drawn(), "draw it anew: python -m docs.draw"


def test_no_import_runs_upwards():
    assert {(room, other) for room, other in doors() if other not in below()[room]} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_is_named_is_there(document):
    text = (ROOT / document).read_text()
    named = set(re.findall(r"`((?:\w+/)+[\w.]*|\w+/)`", text)) | set(re.findall(r"\]\(((?!http)[\w./]+)\)", text))
    places = (ROOT, (ROOT / document).parent)
    missing = {name for name in named if not any((place / name).exists() for place in places)}
    inner = {name for name in missing if (ROOT / "networks" / name).exists()}  # a folder's own folders, in its own line
    assert missing - inner == set()


def test_the_version_is_told_once_and_the_changelog_begins_with_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE).group(1) == project["version"]  # type: ignore[union-attr]
    assert project["name"] == "ravine"


def test_the_lock_holds_what_is_pinned_and_a_hash_for_every_package():
    pinned = {line.strip() for line in (ROOT / "requirements.txt").read_text().splitlines() if line.strip()}
    packages = re.findall(
        r"^(\S+==\S+)((?: \\\n +--hash=sha256:[0-9a-f]{64})*)$", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    locked = dict(packages)
    assert pinned - locked.keys() == set()
    assert [package for package, hashes in locked.items() if not hashes] == []
