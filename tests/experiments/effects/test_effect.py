"""What one number does: the link, the runs drawn, the profile and what theory names, against runs made alone."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import experiments
from core import simulate
from experiments.axis import Axis, axis_of, options_of
from experiments.effects.run import FAN, FINE, fanned, gap, profiled, told_along
from experiments.effects.spec import SHOWS, Effect, read_effect
from experiments.effects.words import best, decades_near_best, effect_sentences, ticks
from experiments.race.controls import PROTOCOLS
from experiments.race.spec import Race
from figures import effects
from figures.axes import logarithmic
from figures.maps import Side
from optimizers import ENTRANTS, RULES
from surfaces import SURFACES
from tests.problems import UNDERCUT
from tests.races import leaving

RACE = Race("ravine", ("sgd", "momentum", "adam"), numbers=(("lr", 0.02), ("steps", 60.0)))
FIRST = Effect(RACE, Axis("lr", 1e-3, 1.0), "momentum")
EVERY = tuple(ENTRANTS)[:12]


@pytest.mark.parametrize("name", options_of(replace(RACE, entrants=EVERY)))
def test_every_number_survives_the_link_and_has_a_profile(name):
    race = replace(RACE, entrants=EVERY)
    effect = Effect(race, axis_of(name, options_of(race)), "adam", at=None)
    effect = replace(effect, rule=effect.shown[0])
    assert read_effect(effect.link(), FIRST) == (effect, [])
    assert len(profiled(effect, effect.rule).final) > 1


@pytest.mark.parametrize("lrs", PROTOCOLS)
def test_what_is_drawn_is_on_the_profile(lrs):
    effect, problems = read_effect({**FIRST.link(), "lrs": lrs, "number": "kappa~2~80"}, FIRST)
    assert problems == []
    values, runs = fanned(effect)
    found = profiled(effect, effect.rule)
    assert (len(values), len(found.final)) == (FAN, FINE)
    for value, run in zip(values, runs, strict=True):
        near = int(np.abs(found.axes["kappa"] - value).argmin())
        if found.axes["kappa"][near] == pytest.approx(value, rel=1e-12):
            assert run.final[0] == pytest.approx(found.final[near], rel=1e-6)


def test_the_drawn_runs_are_those_of_simulate():
    values, runs = fanned(FIRST)
    for value, run in zip(values, runs, strict=True):
        alone = simulate(RULES["momentum"], SURFACES["ravine"], hypers={"lr": value}, steps=60)
        np.testing.assert_array_equal(run.x, alone.x)


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ({"number": "zeta"}, "number “zeta” is unknown"),
        ({"number": "lr~2~1"}, "must run upwards"),
        ({"number": "noise~0~1"}, "an axis runs within"),
        ({"rule": "lion"}, "rule “lion” is not in the race"),
        ({"at": "nan"}, "at = nan is not allowed"),
        ({"at": "x"}, "at = 'x' is not a number"),
        ({"shows": "x"}, "shows “x” is unknown"),
    ],
)
def test_a_bad_link_gets_one_sentence(link, sentence):
    effect, problems = read_effect({**FIRST.link(), **link}, FIRST)
    assert len(problems) == 1
    assert sentence in problems[0]
    assert effect.rule in effect.shown


def test_theory_names_what_the_runs_show():
    race = RACE.having({"ravine.kappa": 40.0, "steps": 400.0})
    named = ticks(Effect(race, Axis("lr", 1e-3, 1.0), "sgd"))
    assert named.keys() == {"largest stable", "fastest"}  # without memory nothing is critical
    assert named["largest stable"] == pytest.approx((2 / 40, 2 / 40))
    assert named["fastest"] == pytest.approx((2 / 41, 2 / 41))
    found = profiled(Effect(race, Axis("lr", 1e-3, 1.0), "sgd"), "sgd")
    lowest = found.axes["lr"][found.final.argmin()]
    assert lowest == pytest.approx(2 / 41, rel=0.05)
    assert ticks(Effect(race, Axis("lr", 1e-3, 1.0), "adam")) == {}
    mus = ticks(Effect(race.having({"lr": 0.01}), Axis("mu", 0.0, 0.99), "momentum"))
    slowest = (1 - math.sqrt(0.01)) ** 2  # the flattest direction, of curvature 1, decides both
    assert mus.keys() == {"fastest", "critical"}
    assert all(span == pytest.approx((slowest, slowest), rel=1e-6) for span in mus.values())
    lrs = ticks(Effect(race.having({"momentum.mu": 0.81}), Axis("lr", 1e-3, 1.0), "momentum"))
    assert lrs["critical"] == pytest.approx(((1 - 0.9) ** 2,) * 2, rel=1e-6)


def test_where_an_interval_is_equally_fast_it_is_drawn_and_said():
    effect = Effect(RACE.having({"momentum.mu": 0.9}), Axis("lr", 1e-4, 1.0), "momentum")
    assert ticks(effect)["fastest"] == pytest.approx((0.002633404, 0.189868330), rel=1e-6)
    assert "every lr from 0.00263 to 0.19 is equally fast" in effect_sentences(effect)[0]
    assert ticks(replace(effect, axis=Axis("lr", 0.01, 0.1)))["fastest"] == (0.01, 0.1)  # as far as it is in the range
    assert "fastest" not in ticks(replace(effect, axis=Axis("lr", 0.2, 1.0)))
    turned = replace(effect, race=effect.race.having({"angle": 45.0}))
    assert effect_sentences(turned) == effect_sentences(effect)
    assert effect_sentences(replace(effect, rule="sgd")) == []


@pytest.mark.parametrize(
    ("surface", "told"),
    [("ackley", "Ackley’s minimum is a tip"), ("plane", "Plane has no minimum"), ("quartic", "no curvature in any direction")],
)
def test_where_theory_is_silent_it_says_why(surface, told):
    for angle in (0.0, 45.0):
        race = Race(surface, ("momentum",), numbers=(("angle", angle),))
        (sentence,) = effect_sentences(Effect(race, Axis("lr", 1e-3, 1.0), "momentum"))
        assert told in sentence
        assert ticks(Effect(race, Axis("lr", 1e-3, 1.0), "momentum")) == {}


@pytest.mark.parametrize("angle", [0.0, 45.0, 30.0])
def test_a_flat_direction_has_a_limit_but_nothing_fastest(angle):
    effect = Effect(Race("hyperbola", ("momentum",), numbers=(("angle", angle),)), Axis("lr", 1e-3, 10.0), "momentum")
    assert ticks(effect) == {"largest stable": pytest.approx((1.9, 1.9))}
    assert effect_sentences(effect) == ["In one direction the minimum has no curvature, so that theory knows no fastest value."]


def test_the_profile_may_count_steps():
    effect = replace(FIRST, race=RACE.having({"threshold": 0.1}), shows="steps")
    assert read_effect(effect.link(), FIRST) == (effect, [])
    found = profiled(effect, "momentum")
    counts = told_along(effect, found)
    for i in range(0, FINE, 40):
        run = simulate(RULES["momentum"], SURFACES["ravine"], hypers={"lr": found.axes["lr"][i]}, steps=60)
        steps = int(run.steps_to(0.1)[0])
        assert counts[i] == (steps if steps <= 60 else math.inf)


def test_the_best_is_a_range_where_all_of_it_is_level():
    effect = Effect(RACE.having({"momentum.mu": 0.9, "steps": 2000.0}), Axis("lr", 1e-3, 1.0), "momentum")
    first, last, level = best(effect, profiled(effect, "momentum"))
    assert level == 1e-16  # told as this: both ends of the range are as near as rounding lets them
    assert first < 0.003
    assert 0.17 < last < 0.19
    first, last, level = best(FIRST, profiled(FIRST, "momentum"))
    assert first == last
    assert level == pytest.approx(gap(FIRST, profiled(FIRST, "momentum")).min())


def test_the_width_counts_decades():
    found = profiled(FIRST, "sgd")
    loss = gap(FIRST, found)
    good = loss <= 10 * loss.min()
    assert decades_near_best(FIRST, found) == pytest.approx(good.mean() * 3)
    assert 0 < decades_near_best(FIRST, found) < 3
    lost = profiled(Effect(RACE, Axis("lr", 10.0, 100.0), "sgd"), "sgd")
    assert decades_near_best(Effect(RACE, Axis("lr", 10.0, 100.0), "sgd"), lost) == 0.0


def test_the_figures_draw_what_they_are_given():
    path = effects.Path(0.1, np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([2.0, 1.0]), False)
    gone = effects.Path(1.0, np.array([[0.0, 1.0], [9.0, 9.0]]), np.array([2.0, 1e20]), True)
    ground = effects.Ground(np.linspace(0, 1, 4), np.linspace(0, 1, 4), np.arange(16.0).reshape(4, 4))
    side = Side("lr", True)
    drawn: Any = effects.fan([path, gone], ground, side, 0.1).data
    assert [list(trace.x) for trace in drawn[1:3]] == [[0.0, 9.0], [0.0, 0.5]]  # the chosen one on top
    curves: Any = effects.curves([path, gone], side, 0.1)
    assert list(curves.data[1].y) == [2.0, 1.0]
    assert curves.layout.yaxis.range[1] < 3
    line = effects.Along("SGD", "#123456", np.array([0.1, 1.0, 10.0]), np.array([0.5, 0.0, np.inf]))
    shown: Any = effects.profile([line], side, 1.0, {"fastest": (0.3, 0.3), "level": (0.1, 1.0)}, 20.0, "Final loss")
    np.testing.assert_array_equal(shown.data[0].y, [0.5, 1e-16, np.nan])
    assert {note.text: note.x for note in shown.layout.annotations} == pytest.approx(
        {"fastest": math.log10(0.3), "level": -0.5}
    )
    assert sorted((s.type, s.x0, s.x1) for s in shown.layout.shapes) == [
        ("line", 0.1, 0.1),
        ("line", 0.3, 0.3),
        ("line", 1.0, 1.0),
        ("line", 1.0, 1.0),  # the cursor
        ("rect", 0.1, 1.0),
    ]


def test_all_diverged_is_still_a_picture():
    line = effects.Along("SGD", "#123456", np.array([0.1, 1.0]), np.array([np.inf, np.inf]))
    layout: Any = effects.profile([line], Side("lr", False), 1.0, {}, 20.0, "Final loss").layout
    assert layout.yaxis.range[0] < layout.yaxis.range[1]
    gone = effects.Path(1.0, np.array([[0.0, 1.0]]), np.array([2.0]), True)
    layout = effects.curves([gone, replace(gone, value=2.0)], Side("lr", False), 1.0).layout
    assert layout.yaxis.range[0] < layout.yaxis.range[1]


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (-3.0, 0.0, ["0.001", "0.01", "0.1", "1"]),
        (-5.0, -2.0, ["10<sup>−5</sup>", "10<sup>−4</sup>", "0.001", "0.01"]),
        (0.0, 1.0, ["1", "2", "5", "10"]),
        (4.0, 5.0, ["10<sup>4</sup>", "2·10<sup>4</sup>", "5·10<sup>4</sup>", "10<sup>5</sup>"]),
    ],
)
def test_ticks_are_decades_or_one_two_five(low, high, texts):
    assert logarithmic(low, high)["ticktext"] == texts
    assert len(logarithmic(-300.0, 0.0)["tickvals"]) <= 9


@pytest.mark.parametrize("shows", SHOWS)
@pytest.mark.parametrize("key", UNDERCUT)
def test_a_run_that_left_below_the_minimum_is_neither_best_nor_near(key, shows):
    effect = Effect(leaving(key), Axis("lr", 1e-3, 1.0), "momentum", shows=shows)
    found, lowest = profiled(effect, "momentum"), effect.race.landscape.lowest
    assert lowest is not None
    low = found.best < lowest - 1e-9
    assert low.any()
    assert np.isinf(told_along(effect, found)[low]).all()
    np.testing.assert_array_equal(np.isfinite(gap(effect, found)), ~low & np.isfinite(found.final))
    first, last, level = best(effect, found)
    rates = found.axes["lr"]
    if np.isfinite(level):
        assert not low[(rates >= first) & (rates <= last)].any()
    assert decades_near_best(effect, found) <= (~low).mean() * 3


def test_a_curve_ends_where_its_run_leaves_below_the_minimum():
    fallen = np.array([3.0, 1.0, np.nan, np.nan])
    stayed = np.array([3.0, 2.0, 0.0, 1.0])
    x = np.zeros((4, 2))
    paths = [effects.Path(0.1, x, fallen, diverged=False, left=True), effects.Path(0.2, x, stayed, diverged=False)]
    drawn: Any = effects.curves(paths, Side("lr", True), 0.2).data
    np.testing.assert_array_equal(drawn[0].y, fallen)
    assert drawn[1].y[2] == effects.LOWEST
    ground = effects.Ground(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)))
    traces: Any = effects.fan(paths, ground, Side("lr", True), 0.2).data
    names = [trace.name for trace in traces]
    assert "lr 0.1, leaves below the minimum" in names
    assert "lr 0.2" in names
    below: Any = effects.curves([replace(paths[0], gap=np.full(4, np.nan))], Side("lr", True), 0.1).layout
    assert all(math.isfinite(end) for end in below.yaxis.range)


def test_a_rule_without_the_number_is_not_drawn_and_it_is_said():
    effect, problems = read_effect({"rules": "sgd~adam", "number": "beta1~0~0.9", "rule": "sgd"}, FIRST)
    assert effect.rule == "adam"
    assert problems == ["The link's rule SGD has no beta1: Adam is drawn instead."]
    found = experiments.run("/effects?surface=ravine&rules=sgd~adam&number=beta1~0~0.9&rule=sgd&steps=20")
    assert found["problems"] == problems
