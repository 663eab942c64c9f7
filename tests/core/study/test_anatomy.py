"""The inside of a step is what happened: every line of every rule, put together, makes the recorded run."""

import json
import math
import struct

import numpy as np
import pytest

from core import simulate
from core.study.anatomy import dissect, kinds_of
from core.study.stability import DAMPINGS, damping, limit
from experiments.anatomy.layout import insides
from experiments.anatomy.run import anatomy_of
from experiments.anatomy.words import largest_survivor, why
from experiments.race.controls import EACH
from experiments.race.run import trajectories
from experiments.race.spec import Race
from optimizers import ENTRANTS, RULES
from surfaces import SURFACES
from tests.problems import Quadratic
from ui.components.stage.message import pack

PLANE = SURFACES["plane"]


@pytest.mark.parametrize("settings", [{}, {"noise": 0.3, "clip_norm": 2.0, "l2": 0.1, "age": 7}], ids=["plain", "all effects"])
@pytest.mark.parametrize("surface", ["rosenbrock", "ravine", "plane"])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_lines_of_a_rule_make_its_run(rule, surface, settings):
    found = dissect(rule, SURFACES[surface], hypers={"lr": 2e-3}, steps=40, **settings)
    run = simulate(rule, SURFACES[surface], hypers={"lr": 2e-3}, steps=40, **settings)
    np.testing.assert_array_equal(found.run.x, run.x)
    np.testing.assert_allclose(found.moved, -2e-3 * found.direction, rtol=1e-9, atol=1e-14)
    last = {line.equation.target: line.value for line in found.lines}
    for name in rule.slots:
        np.testing.assert_allclose(last.get(name, found.slot(name)), run.state[name][1:, 0], rtol=1e-9, atol=1e-14)
    for line in found.lines:
        if line.terms:
            np.testing.assert_allclose(sum(line.terms), line.value, rtol=1e-12, atol=1e-15)


def test_a_decayed_step_is_more_than_its_direction():
    found = dissect(RULES["adam"], SURFACES["ravine"], hypers={"lr": 0.01}, steps=20, weight_decay=0.5)
    x = found.run.x[:-1, 0]
    np.testing.assert_allclose(found.moved, -0.01 * (found.direction + 0.5 * x), rtol=1e-9)


def test_a_run_is_taken_apart_up_to_where_it_stopped():
    found = dissect(RULES["sgd"], SURFACES["rosenbrock"], hypers={"lr": 0.01}, steps=50)
    assert found.run.diverged[0]
    assert found.steps == found.run.stopped[0]
    assert np.isfinite(found.moved[:-1]).all()
    np.testing.assert_array_equal(found.run.x[:-1][: found.steps, 0] + found.moved, found.run.x[1 : found.steps + 1, 0])


def test_adam_without_bias_correction_takes_six_and_a_half_steps_in_one():
    found = dissect(RULES["adam"], PLANE, hypers={"lr": 0.1, "eps": 0.0}, steps=100, age=1_000_000)
    assert found.stride[0, 0] == pytest.approx(3.1623, abs=5e-5)
    assert found.stride[:, 0].max() == pytest.approx(6.5685, abs=5e-5)
    assert found.stride[:, 0].argmax() + 1 == 12
    corrected = dissect(RULES["adam"], PLANE, hypers={"lr": 0.1, "eps": 0.0}, steps=100)
    np.testing.assert_allclose(corrected.stride, 1.0, rtol=1e-9)


def test_adagrads_way_on_a_constant_gradient():
    found = dissect(RULES["adagrad"], PLANE, hypers={"lr": 0.2}, steps=100)
    assert found.stride[:, 0].sum() == pytest.approx(18.5896, abs=5e-5)


def test_plain_descent_goes_straight_down_at_its_learning_rate():
    found = dissect(RULES["sgd"], SURFACES["ravine"].rotated(20), hypers={"lr": 0.01}, steps=30)
    np.testing.assert_allclose(found.effective, 0.01, rtol=1e-9)
    np.testing.assert_allclose(found.angle_to(-found.gradient), 0.0, atol=1e-5)
    np.testing.assert_allclose(found.angle_to(found.gradient), 180.0, atol=1e-5)


@pytest.mark.parametrize(
    ("rule", "kinds"),
    [
        ("sgd", {}),
        ("momentum", {"v": "vector"}),
        ("adagrad", {"s": "square"}),
        ("adam", {"m": "vector", "v": "square"}),
        ("adamax", {"m": "vector", "u": "size"}),
        ("adadelta", {"v": "square", "u": "other"}),
        ("amsgrad", {"m": "vector", "v": "square", "v_max": "square"}),
        ("nadam", {"m": "vector", "v": "square", "p": "other"}),
        ("rprop", {"g_last": "vector", "s": "other"}),
        ("lion", {"m": "vector"}),
    ],
)
def test_what_a_slot_holds_is_found_out(rule, kinds):
    assert kinds_of(RULES[rule]) == kinds


@pytest.mark.parametrize("rule", ["adam", "radam", "momentum"])
@pytest.mark.parametrize("age", [1, 50, 1_000_000])
def test_age_is_a_later_start_of_the_count(rule, age):
    surface = SURFACES["ravine"]
    slots = [np.zeros(2) + initial for initial in RULES[rule].slots.values()]
    x = np.array(surface.start)
    hypers = {name: hyper.default for name, hyper in RULES[rule].hypers.items() if name != "lr"}
    run = simulate(RULES[rule], surface, hypers={"lr": 0.01}, steps=12, age=age)
    for step in range(12):
        np.testing.assert_allclose(run.x[step, 0], x, rtol=1e-9)
        supplied = {"t": float(step + 1 + age)} if "t" in RULES[rule].needs else {}
        direction, *slots = RULES[rule].update(surface.grad(x), *slots, **supplied, **hypers)
        x = x - 0.01 * direction


def test_age_is_the_same_for_one_run_and_for_many_and_for_any_objective():
    arguments = {"steps": 25, "age": 9, "start": (1.0, 1.0)}
    ravine = SURFACES["ravine"].with_(kappa=3.0)
    many = simulate(RULES["adam"], ravine, hypers={"lr": [0.1, 0.2]}, **arguments)
    one = simulate(RULES["adam"], ravine, hypers={"lr": 0.2}, **arguments)
    other = simulate(RULES["adam"], Quadratic((1.0, 3.0)), hypers={"lr": 0.2}, **arguments)
    np.testing.assert_array_equal(many.x[:, 1], one.x[:, 0])
    np.testing.assert_array_equal(other.x, one.x)
    with pytest.raises(ValueError, match="age = -1 is not allowed"):
        simulate(RULES["adam"], ravine, age=-1)


@pytest.mark.parametrize(
    ("lr_lambda", "word"),
    [(-0.1, "falls away"), (0.3, "over-damped"), (1.0, "critically damped"), (1.5, "under-damped"), (2.1, "unstable")],
)
def test_damping_of_plain_descent(lr_lambda, word):
    assert DAMPINGS[int(damping(RULES["sgd"], {}, lr_lambda))] == word


@pytest.mark.parametrize("mu", [0.5, 0.9, 0.99])
def test_heavy_ball_is_critically_damped_where_polyak_says(mu):
    critical = (1 - math.sqrt(mu)) ** 2
    sizes = np.array([critical / 2, critical, critical * 2, 1.99 * (1 + mu), 2.01 * (1 + mu)])
    found = [DAMPINGS[i] for i in damping(RULES["momentum"], {"mu": mu}, sizes)]
    assert found == ["over-damped", "critically damped", "under-damped", "under-damped", "unstable"]


def test_why_it_diverged_names_the_step_the_direction_and_the_safe_rate():
    race = Race("ravine", ("momentum",), EACH).having({"momentum.lr": 0.2, "ravine.kappa": 20.0, "angle": 30.0})
    told = why(race)
    assert "left every bound at step" in told
    assert "The first step past the limit was step 1: along the axis at 120° the curvature was 20" in told
    assert "lr·λ was 4 where at most 3.8 is stable; there no lr above 0.19 is." in told
    assert why(race.having({"momentum.lr": 0.1})) == ""


@pytest.mark.parametrize("key", ["sgd", "momentum", "adam", "rprop"])
def test_the_largest_survivor_survives_and_the_next_does_not(key):
    race = Race("rosenbrock", (key,), EACH).having({f"{key}.lr": 100.0, "steps": 300.0})
    survivor = largest_survivor(race, key)
    assert survivor is not None
    assert not trajectories(race.having({f"{key}.lr": survivor}))[key].diverged[0]
    if survivor < 99:
        above = survivor * (100.0 / 1e-6) ** (1 / 127)
        assert trajectories(race.having({f"{key}.lr": above}))[key].diverged[0]


def read(data: bytes) -> tuple[dict, np.ndarray]:
    (size,) = struct.unpack("<I", data[:4])
    header = json.loads(data[4 : 4 + size])
    kind, start, end = header["arrays"]["inside"]
    return header, np.frombuffer(data[4 + size + start : 4 + size + end], dtype=kind).reshape(-1, header["frames"], 2)


@pytest.mark.parametrize("key", ENTRANTS)
def test_the_stage_is_told_the_inside_of_every_step(key):
    race = Race("rosenbrock", (key,), EACH).having({"steps": 60.0, f"{key}.lr": 0.002})
    header, numbers = read(pack(race, trajectories(race), [], None, 1, dissected=True))
    told, found = header["insides"], anatomy_of(race)
    *lines, update = told["lines"]
    assert len(lines) == len(found.lines)
    for shown, line in zip(lines, found.lines, strict=True):
        np.testing.assert_allclose(numbers[shown["value"], :-1], line.value, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(numbers[update["value"], :-1], found.run.x[1:, 0], rtol=1e-6)
    np.testing.assert_allclose(numbers[told["moved"], :-1], found.moved, rtol=1e-6)
    assert [slot["kind"] for slot in told["slots"]] == list(found.kinds.values())
    linear = key in ("sgd", "momentum", "nesterov", "ema")
    assert (told["limit"] is not None) == linear
    if linear:
        hypers = {name: hyper.default for name, hyper in ENTRANTS[key].hypers.items()}
        assert told["limit"] == pytest.approx(float(limit(ENTRANTS[key].rule, hypers)))


def test_newtons_step_solves_the_quadratic_in_one():
    race = Race("ravine", ("sgd",), EACH).having({"angle": 25.0, "steps": 10.0})
    header, arrays = insides(race, np.arange(11))
    assert header is not None
    newton = arrays["inside"][header["newton"]]
    x = trajectories(race)["sgd"].x[:-1, 0]
    np.testing.assert_allclose(x + newton[:-1], 0.0, atol=1e-6)


def test_a_start_beyond_all_bounds_has_no_inside():
    race = Race("rosenbrock", ("sgd",), EACH, start=(1e6, 1e6)).having({"sgd.lr": 100.0})
    header, _ = insides(race, np.arange(2))
    assert header is None or header["steps"] >= 1
    assert "left every bound" in why(race) or not anatomy_of(race).steps
