"""A race is its link: what is written can be read back, and what cannot be granted is said."""

import math
from dataclasses import replace

import numpy as np
import pytest

from core import SCHEDULES
from experiments.race.asked import asked_for
from experiments.race.controls import EACH, PROTOCOLS, SHARED, every_control
from experiments.race.run import trajectories
from experiments.race.spec import MOST_ENTRANTS, Race, read_race
from optimizers import ENTRANTS
from surfaces import SURFACES

DEFAULT = Race(surface="rosenbrock", entrants=("sgd", "adam"), lrs=EACH, numbers=(("sgd.lr", 1e-3),))
EVERY = tuple(ENTRANTS)[:MOST_ENTRANTS]


def restored(race: Race) -> Race:
    again, problems = read_race(race.link(), DEFAULT)
    assert problems == []
    return again


def test_an_empty_link_is_the_default():
    assert read_race({}, DEFAULT) == (DEFAULT, [])


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("lrs", PROTOCOLS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_control_survives_the_link(surface, lrs, schedule):
    race = Race(surface, EVERY, lrs, schedule, start=(0.25, -1.5), view=(-1.0, 2.0, -3.0, 0.0), look=("3d",), hidden=("sgd",))
    race = race.having({c.id: c.hyper.stops[len(c.hyper.stops) // 3] for c in race.controls.values()})
    assert len(race.numbers) >= len(race.controls) - 3
    assert restored(race) == race


def test_off_survives_the_link():
    race = DEFAULT.having({"noise": 0.5, "clip_norm": 1.0}).having({"clip_norm": math.inf, "noise": 0.0})
    assert race.numbers == DEFAULT.numbers
    preset = Race("ravine", ("adamw",)).having({"adamw.weight_decay": 0.0})
    assert preset.link()["adamw.weight_decay"] == "off"
    assert restored(preset) == preset


def test_a_restored_link_runs_the_same_race():
    race = Race("himmelblau", ("momentum", "rprop"), EACH, "cosine", start=(1.0, 1.0)).having(
        {"momentum.lr": 0.004, "noise": 0.3, "seed": 7.0, "angle": 30.0, "steps": 60.0, "cosine.floor": 0.2}
    )
    one, two = trajectories(race), trajectories(restored(race))
    for key in one:
        assert np.array_equal(one[key].x, two[key].x)


BAD = [
    ({"surface": "nowhere"}, "surface “nowhere” is unknown"),
    ({"rules": "sgd~sdg"}, "rule “sdg” is unknown"),
    ({"rules": "~"}, "names no rule"),
    ({"rules": "~".join(ENTRANTS)}, f"the first {MOST_ENTRANTS} are shown"),
    ({"lrs": "mine"}, "lrs “mine” is unknown"),
    ({"schedule": "daily"}, "schedule “daily” is unknown"),
    ({"start": "1"}, "start = “1” is not allowed"),
    ({"start": "1~nan"}, "start = “1, nan” is not allowed"),
    ({"start": "1~1e9"}, "start = “1, 1e9” is not allowed"),
    ({"start": "a~b"}, "start = “a, b” is not allowed"),
    ({"view": "1~0~0~1"}, "view = “1, 0, 0, 1” is not allowed"),
    ({"view": "0~1~0~inf"}, "view = “0, 1, 0, inf” is not allowed"),
    ({"look": "4d"}, "look “4d” is unknown"),
    ({"hidden": "adam~lion", "rules": "adam"}, "hidden “lion” is unknown"),
    ({"lr": "nan"}, "lr = nan is not allowed"),
    ({"lr": "-1"}, "lr = -1 is not allowed"),
    ({"lr": "1e999"}, "lr = inf is not allowed"),
    ({"lr": "<b>"}, "lr = '<b>' is not a number"),
    ({"step": "-1"}, "step = -1 is not allowed"),
    ({"step": "soon"}, "step = 'soon' is not a number"),
    ({"lr": "0,5"}, "lr = 0,5 has a comma: write a point, as in 0.5"),
    ({"lr": ""}, "lr = '' is not a number"),
    ({"adam.beta1": "1"}, "adam.beta1 = 1 is not allowed"),
    ({"steps": "2.5"}, "steps = 2.5 is not allowed"),
    ({"steps": "off"}, "steps = 'off' is not a number"),
    ({"colour": "red"}, "“colour” is unknown"),
    ({"x" * 500: "1"}, "is unknown"),
]


@pytest.mark.parametrize(("link", "sentence"), BAD, ids=[str(link)[:40] for link, _ in BAD])
def test_a_bad_link_gets_one_sentence_and_loses_nothing_else(link, sentence):
    race, problems = read_race({"surface": "ravine", "rules": "sgd~adam", "noise": "0.5", **link}, DEFAULT)
    assert len(problems) == 1
    assert sentence in problems[0]
    assert problems[0].count("\n") == 0
    assert len(problems[0]) < 220
    assert race["noise"] == 0.5
    trajectories(race)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"lr": "abc"}, "lr = 'abc' is not a number"),
        ({"lr": None}, "lr = None is not a number"),
        ({"lr": True}, "lr = True is not a number"),
        ({"lr": [1, 2]}, "lr = [1, 2] is not a number"),
        ({"lr": 1e9}, "lr = 1e+09 is not allowed"),
        ({"start": [1.0]}, "Start = “1.0” is not allowed"),
        ({"start": ["x", "y"]}, "is not allowed"),
        ({"start": [1.0, float("inf")]}, "is not allowed"),
        ({"view": [0, 1, 1, 0]}, "is not allowed"),
        ({"view": 5}, "is not allowed"),
    ],
)
def test_a_bad_wish_keeps_the_last_good_value(values, sentence):
    race = Race("ravine", ("sgd",)).having({"lr": 0.25})
    after, problems = asked_for(race, values)
    assert after == race
    assert len(problems) == 1
    assert sentence.lower() in problems[0].lower()


def test_a_wish_that_fails_is_called_as_its_label_is():
    race = Race("ravine", ("sgd",), EACH)
    _, (first, second) = asked_for(race, {"sgd.lr": "x", "ravine.kappa": 0.1})
    assert first.startswith("SGD’s lr = 'x'")
    assert second.startswith("κ = 0.1")


def test_a_link_without_rules_changes_the_default_race_and_one_with_rules_is_whole():
    assert DEFAULT.numbers
    moved, problems = read_race({"start": "0~0"}, DEFAULT)
    assert (moved, problems) == (replace(DEFAULT, start=(0.0, 0.0)), [])
    cleared, problems = read_race({"surface": DEFAULT.surface, "rules": "", "lrs": DEFAULT.lrs}, DEFAULT)
    assert (cleared, problems) == (DEFAULT, [])
    whole, _ = read_race({"rules": "sgd~adam"}, DEFAULT)
    assert whole.numbers == ()


def test_the_start_goes_back_to_the_surfaces_own():
    race = Race("ravine", ("sgd",), start=(1.0, 1.0))
    assert asked_for(race, {"start": None}) == (replace(race, start=None), [])


def test_a_wish_is_granted_and_the_rest_stays():
    race = Race("ravine", ("sgd", "adam"), EACH, start=(1.0, 1.0)).having({"adam.lr": 0.2})
    after, problems = asked_for(race, {"sgd.lr": "0.05", "hidden": ["adam"], "look": ["3d", "x"], "unknown": 3})
    assert problems == []
    assert (after["sgd.lr"], after["adam.lr"], after.hidden, after.look, after.start) == (
        0.05,
        0.2,
        ("adam",),
        ("3d",),
        (1.0, 1.0),
    )


def test_a_click_on_the_turned_surface_starts_there():
    race = Race("ravine", ("sgd",)).having({"angle": 33.0})
    after, _ = asked_for(race, {"start": [0.7, -1.1]})
    assert after.origin == pytest.approx((0.7, -1.1), abs=1e-5)


def test_turning_the_surface_carries_the_start_along():
    race = Race("ravine", ("sgd", "adam"), start=(-1.5, 1.0)).having({"ravine.kappa": 100.0, "lr": 0.015})
    turned = race.having({"angle": 45.0})
    straight, oblique = trajectories(race), trajectories(turned)
    carried = np.array(turned.landscape.turned(tuple(map(tuple, straight["sgd"].x[:, 0]))))
    assert np.abs(oblique["sgd"].x[:, 0] - carried).max() < 1e-10
    carried = np.array(turned.landscape.turned(tuple(map(tuple, straight["adam"].x[:, 0]))))
    assert np.abs(oblique["adam"].x[:, 0] - carried).max() > 0.1


def test_another_surface_starts_and_looks_where_it_says():
    race = Race("ravine", ("sgd",), start=(1.0, 1.0), view=(0.0, 1.0, 0.0, 1.0))
    moved = race.choosing("booth", ("sgd",), SHARED, "constant")
    assert (moved.start, moved.view, moved.origin) == (None, None, SURFACES["booth"].start)


def test_control_names_are_unique_and_their_stops_are_allowed():
    race = Race("rosenbrock", EVERY)
    ids = [control.id for control in race.controls.values()]
    assert len(ids) == len(set(ids))
    for control in every_control().values():
        assert control.hyper.default in control.hyper.stops
        assert [control.read(control.write(stop), control.id) for stop in control.hyper.stops] == list(control.hyper.stops)
        assert control.hyper.help.strip()


def test_a_preset_keeps_its_own_decay():
    race = Race("ravine", ("adam", "adamw")).having({"weight_decay": 0.5})
    settings = {key: race.setups[key]["weight_decay"] for key in race.entrants}
    assert settings == {"adam": 0.5, "adamw": 0.01}


def test_where_it_was_paused_survives_the_link_until_something_else_is_chosen():
    race = Race("ravine", ("sgd",), step=12)
    assert read_race(race.link(), Race("booth", ("adam",))) == (race, [])
    assert race.choosing("ravine", ("sgd",), race.lrs, race.schedule).step == 12
    assert race.choosing("booth", ("sgd",), race.lrs, race.schedule).step is None
    assert asked_for(race, {"step": None})[0].step is None
    assert asked_for(race, {"step": 7})[0].step == 7
