"""Every page through AppTest: no exception, no torch, and what the stage is told follows the pickers and the link."""

import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from optimizers import ENTRANTS
from surfaces import SURFACES
from tests.problems import UNDERCUT
from ui.widgets.own import ROOT as ROOT_OF_FOLDERS

ROOT = Path(__file__).parents[2]
RACE = ROOT / "pages" / "race.py"
PAGES = sorted((ROOT / "pages").glob("*.py"))
NETWORKS = {file.parent.name for file in (ROOT / "experiments").glob("*/*.py") if "from networks" in file.read_text()}
TRAINING = [page for page in PAGES if NETWORKS & set(re.findall(r"from experiments\.(\w+)", page.read_text()))]


def opened(page: Path = RACE, **link: str) -> AppTest:
    app = AppTest.from_file(str(page), default_timeout=30)
    for name, value in link.items():
        app.query_params[name] = value
    return app.run()


def header(app: AppTest) -> dict:
    (stage,) = app.get("bidi_component")
    data = stage.proto.bytes
    (size,) = struct.unpack("<I", data[:4])
    return json.loads(data[4 : 4 + size])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_opens_without_an_exception(page):
    assert not opened(page).exception


def test_the_whole_app_opens():
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    assert not app.exception


def test_the_first_race_is_on_rosenbrock_with_at_least_six_rules():
    first = header(opened())
    assert first["problems"] == []
    assert len(first["runs"]) >= 6
    assert first["minima"] == [[1.0, 1.0]]


@pytest.mark.parametrize("surface", SURFACES)
def test_every_surface_can_be_picked(surface):
    app = opened()
    app.selectbox(key="race.surface").set_value(surface).run()
    assert not app.exception
    assert header(app)["start"] == pytest.approx(SURFACES[surface].start)


def test_pickers_change_the_race_and_its_controls():
    app = opened()
    app.multiselect(key="race.rules").set_value(["adam", "adamw"]).run()
    app.segmented_control(key="race.lrs").set_value("shared").run()
    app.selectbox(key="race.schedule").set_value("cosine").run()
    shown = header(app)
    assert [run["key"] for run in shown["runs"]] == ["adam", "adamw"]
    assert {"lr", "cosine.floor", "adamw.weight_decay"} <= set(shown["values"])
    assert "adam.lr" not in shown["values"]


def test_no_rule_at_all_is_an_invitation():
    app = opened()
    app.multiselect(key="race.rules").set_value([]).run()
    assert not app.exception
    assert "Pick at least one rule" in app.info[0].value


def test_a_link_opens_its_race():
    app = opened(
        RACE, surface="ravine", rules="sgd~adam", lrs="each", **{"adam.beta1": "0.5", "ravine.kappa": "100", "angle": "45"}
    )
    shown = header(app)
    assert [run["key"] for run in shown["runs"]] == ["sgd", "adam"]
    assert (shown["values"]["adam.beta1"], shown["values"]["ravine.kappa"], shown["values"]["angle"]) == (0.5, 100.0, 45.0)
    assert app.selectbox(key="race.surface").value == "ravine"


def test_a_bad_link_is_said_in_words_and_still_races():
    app = opened(surface="atlantis", rules="sgd~warp", lr="nan", steps="1e9", start="here")
    assert not app.exception
    shown = header(app)
    assert len(shown["problems"]) == 5
    assert [run["key"] for run in shown["runs"]] == ["sgd"]


def test_the_code_is_shown_when_asked_for():
    app = opened(rules="sgd~adam")
    assert len(app.code) == 0
    app.session_state["race.code"] = True
    app.run()
    app.selectbox(key="race.code.rule").set_value("adam").run()
    assert not app.exception
    (code,) = app.code
    assert code.value.startswith("@rule(")
    assert "v_hat = v / (1 - beta2**t)" in code.value


@pytest.mark.parametrize("file", ["app.py", *(f"pages/{page.name}" for page in PAGES if page not in TRAINING)])
def test_only_pages_that_train_import_torch(file):
    script = (
        "import sys; from streamlit.testing.v1 import AppTest;"
        f"app = AppTest.from_file('{file}', default_timeout=60).run();"
        "assert not app.exception;"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "False", done.stderr


def test_clearing_the_rules_of_a_map_keeps_its_axes():
    app = opened(ROOT / "pages" / "map.py")
    app.multiselect(key="map.rules").set_value([]).run()
    assert not app.exception
    app.multiselect(key="map.rules").set_value(["adam"]).run()
    assert not app.exception
    assert app.selectbox(key="map.across").value == "lr"


def test_an_axis_that_vanishes_leaves_the_other_where_it_is():
    app = opened(ROOT / "pages" / "map.py", across="kappa~1~100", up="lr~0.001~1", rules="momentum", surface="ravine")
    assert app.selectbox(key="map.across").value == "kappa"
    app.selectbox(key="map.surface").set_value("rosenbrock").run()
    assert not app.exception
    assert app.selectbox(key="map.up").value == "lr"
    assert app.text_input(key="map.up.lr").value == "0.001 … 1"


@pytest.mark.parametrize("name", ["map", "effects"])
def test_a_range_that_cannot_be_is_told_and_the_last_is_shown(name):
    app = opened(ROOT / "pages" / f"{name}.py")
    side = "across" if name == "map" else "number"
    app.text_input(key=f"{name}.{side}.lr").set_value("0.1 … x").run()
    assert not app.exception
    assert "lr = 'x' is not a number" in app.warning[0].value


ANATOMY = ROOT / "pages" / "anatomy.py"


def test_anatomy_takes_the_first_rule_of_a_link_apart():
    told = header(opened(ANATOMY, surface="ravine", rules="momentum~adam", lrs="tuned"))
    assert told["problems"] == [
        "One rule at a time is taken apart: Momentum is shown.",
        "Nothing is tuned here: the rule’s own learning rate is used.",
    ]
    assert [run["key"] for run in told["runs"]] == ["momentum"]
    assert [slot["kind"] for slot in told["insides"]["slots"]] == ["vector"]


def test_bias_correction_can_be_switched_off_and_on():
    app = opened(ANATOMY, surface="plane", rules="adam")
    app.toggle(key="anatomy.correction").set_value(False).run()
    assert header(app)["values"]["age"] == 1e6
    assert app.query_params["age"] == "1000000"
    app.toggle(key="anatomy.correction").set_value(True).run()
    assert header(app)["values"]["age"] == 0
    app.selectbox(key="anatomy.rule").set_value("sgd").run()
    assert not app.toggle


def test_the_examples_are_good_links():
    (caption,) = [text.value for text in opened(ANATOMY).caption if "See for yourself" in text.value]
    links = re.findall(r"\(\?(\S+)\)", caption)
    assert len(links) == 3
    for link in links:
        app = opened(ANATOMY, **dict(parse_qsl(link)))
        assert not app.exception
        assert header(app)["problems"] == []


@pytest.mark.parametrize("rule", ENTRANTS)
def test_every_rule_can_be_taken_apart(rule):
    app = opened(ANATOMY)
    app.selectbox(key="anatomy.rule").set_value(rule).run()
    assert not app.exception
    assert header(app)["insides"]["lines"]


def test_networks_can_be_taken_along():
    app = opened(ROOT / "pages" / "training.py", task="iris_mlp", rules="adam~lion", steps="20")
    app.session_state["networks.going"].wait(60)
    app.run()
    assert not app.exception
    assert len(app.get("download_button")) == 4
    app.selectbox(key="networks.script.run").set_value("Lion").run()
    assert not app.exception
    assert any("Lion is not in torch.optim" in text.value for text in app.caption)


def test_a_lesson_is_changed_by_its_form():
    app = opened(ROOT / "pages" / "training.py", task="moons_mlp", rules="adam", steps="20")
    app.text_input(key="networks.moons_mlp.hidden").set_value("5-4").run()
    app.selectbox(key="networks.moons_mlp.activation").set_value("gelu").run()
    app.selectbox(key="networks.moons_mlp.seeds").set_value("3").run()
    assert not app.exception
    lesson = app.session_state["networks.going"].lesson
    assert lesson.work.kind.hidden == (5, 4)
    assert dict(lesson.choices) == {"activation": "gelu", "hidden": "5-4", "seeds": "3"}
    app.text_input(key="networks.moons_mlp.hidden").set_value("5-y").run()
    assert not app.exception
    assert app.session_state["networks.going"].lesson == lesson
    assert any("is not allowed: it must be up to 10 widths" in warning.value for warning in app.warning)
    app.selectbox(key="networks.task").set_value("digits_cnn").run()
    assert not app.exception
    assert app.session_state["networks.going"].lesson.task == "digits_cnn"


def test_a_fork_is_made_and_dropped():
    app = opened(ROOT / "pages" / "training.py", task="iris_mlp", rules="adam", steps="30")
    app.session_state["networks.going"].wait(60)
    app.run()
    app.selectbox(key="networks.fork.by.adam").set_value("sgd").run()
    app.button(key="networks.fork").click().run()
    assert not app.exception
    (one,) = app.session_state["networks.forks"]
    one.wait(30)
    app.run()
    assert not app.exception
    assert one.title.startswith("Adam from step 15: SGD")
    app.button(key="networks.fork.drop").click().run()
    assert app.session_state["networks.forks"] == []


def test_a_folder_without_data_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv(ROOT_OF_FOLDERS, str(tmp_path.parent))
    app = opened(ROOT / "pages" / "training.py", task="iris_mlp", rules="adam", steps="10")
    app.text_input(key="networks.folder").set_value(str(tmp_path)).run()
    assert not app.exception
    assert any("train-images-idx3-ubyte" in warning.value for warning in app.warning)


@pytest.mark.parametrize("key", UNDERCUT)
def test_pages_say_where_a_minimum_does_not_hold_and_who_left_below_it(key):
    surface, numbers = SURFACES[key], {"rules": "momentum", "steps": "100"}
    race = opened(RACE, surface=key, lr="0.1", lrs="shared", **numbers)
    assert any(surface.caveat in caption.value for caption in race.caption)
    assert "left below it" in header(race)["verdict"]
    grid = opened(ROOT / "pages" / "map.py", surface=key, across="lr~0.001~1", up="mu~0~0.99", **numbers)
    assert f"{surface.caveat} A violet cell: the run left below it." in [caption.value for caption in grid.caption]
    effect = opened(ROOT / "pages" / "effects.py", surface=key, number="lr~0.001~1", rule="momentum", **numbers)
    (table,) = effect.table
    assert table.value["left below the minimum"].tolist() != ["0% of the range"]
    assert any("has reached nothing" in caption.value for caption in effect.caption)
    assert not [app.exception for app in (race, grid, effect) if app.exception]


@pytest.mark.parametrize("key", [key for key, surface in SURFACES.items() if not surface.minima])
def test_without_a_minimum_nothing_is_best(key):
    effect = opened(ROOT / "pages" / "effects.py", surface=key, rules="sgd", number="lr~0.001~1", rule="sgd", steps="300")
    (table,) = effect.table
    assert table.value["best lr"].tolist() == table.value["final loss there"].tolist() == ["–"]
    assert any("no minimum" in caption.value for caption in effect.caption)
    grid = opened(ROOT / "pages" / "map.py", surface=key, rules="momentum", across="lr~0.001~1", up="mu~0~0.99", steps="50")
    assert any("no minimum" in caption.value for caption in grid.caption)
