"""What the documents say of the house is so: the picture is drawn from the imports, and every path that is named is there."""

import re
import tomllib
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from docs.draw import PICTURE, below, doors, drawn
from experiments import experiment_of, pages, run

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


TRIED = re.findall(r"Try `(/[^`]+)`", (ROOT / "README.md").read_text())


def test_what_there_is_to_try_opens_without_complaint_on_every_page():
    opened = set()
    for link in TRIED:
        address = urlsplit(link)
        (key,) = [key for key in pages() if experiment_of(key).path == (address.path.strip("/") or "race")]
        _, problems = experiment_of(key).read(dict(parse_qsl(address.query)), experiment_of(key).first)
        assert problems == [], link
        opened.add(key)
    assert opened == set(pages())


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("backprop", "in layer 1 it is 8.05e−6 times the outputs’"),
        ("effects", "every lr from 0.00263 to 0.19 is equally fast"),
        ("sweep", "SGD (lr 1) is ahead with 0.07708, then Adam (lr 0.1)"),
    ],
)
def test_what_is_said_beside_it_is_so(page, said):
    (link,) = [link for link in TRIED if link.startswith(f"/{page}?")]
    assert said in " ".join(run(link)["words"])
