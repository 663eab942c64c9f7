"""Rules that a problem cannot serve: not offered, and why; a link that asks for one is told so."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from streamlit.testing.v1 import AppTest

from experiments import able as offers
from experiments.able import able, rules_asked, unable
from experiments.link import Asked
from experiments.training.experiment import EXPERIMENT
from networks import TASKS
from optimizers import ENTRANTS
from surfaces import SURFACES

ROOT = Path(__file__).parents[2]
SURFACE, MODEL = next(iter(SURFACES.values())), next(iter(TASKS.values())).model
WHY = "Bent needs second derivatives, and there are none here."


@pytest.fixture(autouse=True)
def _bent(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rule more, which asks for second derivatives."""
    first = next(iter(ENTRANTS.values()))
    bent = replace(first, key="bent", title="Bent", rule=replace(first.rule, key="bent", title="Bent", needs=("hessian",)))
    monkeypatch.setattr(offers, "ENTRANTS", MappingProxyType({**ENTRANTS, "bent": bent}))


def test_a_rule_is_offered_where_it_can_run():
    assert list(able(SURFACE)) == [*ENTRANTS, "bent"]
    assert unable(SURFACE) == ""


def test_elsewhere_it_is_not_and_it_is_said_why():
    assert list(able(MODEL)) == list(ENTRANTS)
    assert unable(MODEL) == WHY


def test_a_link_that_asks_for_it_is_told_so():
    first, second, *_ = ENTRANTS
    link = Asked({"rules": f"{second},{first}~{second}~nobody~bent"})
    assert rules_asked(link, MODEL) == (second, first)
    assert link.problems == [
        "The link's rule “nobody” is unknown: it is left out.",
        f"The link's rule “bent” is left out: {WHY}",
    ]
    assert rules_asked(Asked({"rules": "bent"}), SURFACE) == ("bent",)
    assert rules_asked(Asked({}), SURFACE) == ()
    lesson, problems = EXPERIMENT.read({"rules": f"bent~{first}"}, EXPERIMENT.first)
    assert lesson.rules == (first,)
    assert problems == [f"The link's rule “bent” is left out: {WHY}"]


def test_the_page_says_so_before_it_is_chosen():
    app = AppTest.from_file(str(ROOT / "pages" / "training.py"), default_timeout=30)
    app.query_params.update({"task": "iris_mlp", "rules": "sgd", "steps": "10"})
    picker = app.run().multiselect(key="networks.rules")
    assert picker.help == WHY
    assert picker.options == [one.title for one in ENTRANTS.values()]
    race = AppTest.from_file(str(ROOT / "pages" / "race.py"), default_timeout=30).run().multiselect(key="race.rules")
    assert race.options[-1] == "Bent"
    assert not race.help
