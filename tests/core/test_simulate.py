"""The loop: what it records is what was computed, every run is its own, and bad input is told in words."""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from core import DIVERGENCE_BOUND, DRIVER, SCHEDULES, Trajectory, simulate
from optimizers import RULES
from surfaces import SURFACES
from tests.problems import Counting, Fourth, Line, Quadratic, same

ROSENBROCK, RAVINE = SURFACES["rosenbrock"], SURFACES["ravine"]
SGD, ADAM, MOMENTUM = RULES["sgd"], RULES["adam"], RULES["momentum"]
STARTS = np.random.default_rng(0).uniform(-2, 2, (6, 2))
EVERY_RULE = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
EVERY_SURFACE = pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)


class Plain:
    """An objective stripped of its partials: value and gradient for a batch, no more."""

    def __init__(self, objective: Any) -> None:
        self.value, self.grad, self.start = objective.value, objective.grad, objective.start


# What is recorded


@EVERY_SURFACE
@EVERY_RULE
def test_value_belongs_to_the_position_beside_it(surface, rule):
    run = simulate(rule, surface, steps=60)
    batch = simulate(rule, surface, start=STARTS + surface.centre, steps=60)
    for record in (run, batch):
        with np.errstate(all="ignore"):
            assert same(record.value, surface.value(record.x))
            assert all(same(row, surface.value(x)) for row, x in zip(record.value, record.x, strict=True))


@EVERY_RULE
def test_row_zero_is_the_start(rule):
    run = simulate(rule, ROSENBROCK, start=STARTS, steps=3)
    assert same(run.x[0], STARTS)
    assert all((run.state[slot][0] == initial).all() for slot, initial in rule.slots.items())
    assert same(simulate(rule, ROSENBROCK, steps=3).x[0, 0], ROSENBROCK.start)


@EVERY_RULE
@pytest.mark.parametrize("runs", [1, 4])
def test_shapes_and_kinds(rule, runs):
    run = simulate(rule, ROSENBROCK, start=STARTS[:runs], steps=7)
    assert (run.steps, run.runs) == (7, runs)
    assert (run.x.shape, run.value.shape, run.lr.shape) == ((8, runs, 2), (8, runs), (7, runs))
    assert list(run.state) == list(rule.slots)
    assert all(slot.shape == (8, runs, 2) for slot in run.state.values())
    assert run.x.dtype == run.value.dtype == np.float64
    assert np.issubdtype(run.stopped.dtype, np.integer)
    for array in (run.x, run.value, run.stopped, run.lr, *run.evaluations.values(), *run.state.values()):
        assert not array.flags.writeable


def test_a_step_is_what_the_rule_said():
    run = simulate(ADAM, ROSENBROCK, start=STARTS, hypers={"lr": 0.05}, steps=50)
    m_hat, v_hat = (
        run.state[slot][1:] / (1 - beta ** np.arange(1, 51))[:, None, None] for slot, beta in (("m", 0.9), ("v", 0.999))
    )
    np.testing.assert_allclose(np.diff(run.x, axis=0), -0.05 * m_hat / (np.sqrt(v_hat) + 1e-8), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(run.state["m"][1:], 0.9 * run.state["m"][:-1] + 0.1 * run.gradient[:-1], rtol=1e-12)


# One run, many runs


@EVERY_SURFACE
@EVERY_RULE
def test_a_run_on_floats_is_the_run_on_arrays(surface, rule):
    settings: dict[str, Any] = {"steps": 80, "noise": 0.2, "clip_norm": 5.0, "clip_value": 4.0, "l2": 0.01, "weight_decay": 0.1}
    kw: dict[str, Any]
    for kw in ({"steps": 80}, settings, {"steps": 80, "schedule": SCHEDULES["cosine"]}):
        alone = simulate(rule, surface, **kw)
        for other in (simulate(rule, surface, start=[surface.start] * 2, **kw), simulate(rule, Plain(surface), **kw)):
            assert same(alone.x[:, 0], other.x[:, 0])
            assert same(alone.value[:, 0], other.value[:, 0])
            assert alone.stopped[0] == other.stopped[0]
            assert all(same(alone.state[slot][:, 0], other.state[slot][:, 0]) for slot in rule.slots)


def test_starts_and_hyperparameters_in_one_batch():
    lrs, mus = np.geomspace(1e-4, 1e-2, 6), np.linspace(0, 0.9, 6)
    batch = simulate(
        MOMENTUM, ROSENBROCK, start=STARTS, hypers={"lr": lrs, "mu": mus}, steps=50, weight_decay=[0.0] * 5 + [1.0]
    )
    for i in range(6):
        alone = simulate(
            MOMENTUM, ROSENBROCK, start=STARTS[i], hypers={"lr": lrs[i], "mu": mus[i]}, steps=50, weight_decay=float(i == 5)
        )
        assert same(batch.x[:, i], alone.x[:, 0])
    assert same(batch.lr, np.tile(lrs, (50, 1)))


@pytest.mark.parametrize("name", ["weight_decay", "l2", "clip_norm", "clip_value", "noise"])
def test_each_setting_may_differ_by_run(name):
    def run(value: Any) -> Trajectory:
        setting: dict[str, Any] = {name: value}
        return simulate(MOMENTUM, RAVINE, steps=40, **setting)

    values = np.array([DRIVER[name].off, 0.5, 3.0])
    batch = run(values)
    for i, value in enumerate(values):
        assert same(batch.x[:, i], run(value).x[:, 0])
    assert len(np.unique(batch.x[-1, :, 1])) == 3


@pytest.mark.parametrize("parameters", [1, 3, 10])
def test_an_objective_needs_only_value_and_gradient(parameters):
    curvatures = tuple(np.linspace(1, 4, parameters))
    run = simulate(SGD, Quadratic(curvatures), start=np.ones((5, parameters)), hypers={"lr": 0.1}, steps=30)
    assert run.x.shape == (31, 5, parameters)
    expected = (1 - 0.1 * np.array(curvatures)) ** np.arange(31)[:, None]
    np.testing.assert_allclose(run.x, np.tile(expected[:, None], (1, 5, 1)), rtol=1e-13)
    assert simulate(ADAM, Quadratic(curvatures), steps=2).x.shape == (3, 1, parameters)


def test_an_objective_without_a_start_takes_any():
    class Bowl:
        value, grad = staticmethod(Quadratic((1.0,) * 4).value), staticmethod(Quadratic((1.0,) * 4).grad)

    assert simulate(SGD, Bowl(), start=np.ones((2, 4)), steps=3).x.shape == (4, 2, 4)
    with pytest.raises(ValueError, match="start is missing"):
        simulate(SGD, Bowl())


# Divergence is data


def test_a_diverging_run_is_marked_and_frozen():
    run = simulate(SGD, Quadratic((1.0,)), hypers={"lr": 3.0}, steps=200)  # x doubles, ½x² is past 1e30 at 2^51
    assert run.stopped.tolist() == [51]
    assert run.diverged.all()
    assert same(run.x[:52, 0, 0], (-2.0) ** np.arange(52))
    assert (run.x[51:] == (-2.0) ** 51).all()
    assert (run.value[51:] == 0.5 * 2.0**102).all()
    assert run.evaluations["grad"].tolist() == [51]
    assert run.final.tolist() == [math.inf]
    assert run.best.tolist() == [0.5]
    assert run.steps == 200


def test_a_position_past_the_bound_is_divergence_too():
    run = simulate(SGD, Line(), hypers={"lr": 100.0}, steps=10)
    assert run.stopped.tolist() == [11]
    far = simulate(SGD, Line(1e-30), start=(0.99e30,), hypers={"lr": 1.0}, steps=5, weight_decay=[10.0, 0.0])
    assert far.stopped.tolist() == [1, 6]
    assert (far.value[far.stopped[0]] > -DIVERGENCE_BOUND).all()


def test_a_start_past_the_bound_stops_at_zero():
    run = simulate(SGD, Quadratic((1.0,)), start=[[1e20], [1.0]], hypers={"lr": 0.5}, steps=5)
    assert run.stopped.tolist() == [0, 6]
    assert run.evaluations["grad"].tolist() == [0, 5]
    assert (run.x[:, 0] == 1e20).all()
    assert run.best.tolist() == [math.inf, run.value[5, 1]]


@EVERY_RULE
def test_neighbours_of_a_diverging_run_do_not_notice(rule):
    starts = np.array([[0.5, 0.5], [1e14, -1e14], [-0.7, 0.2], [1e8, 1e9]])
    batch = simulate(rule, ROSENBROCK, start=starts, hypers={"lr": 1e-3}, steps=150)
    assert batch.stopped[1] == 0
    for i, start in enumerate(starts):
        alone = simulate(rule, ROSENBROCK, start=start, hypers={"lr": 1e-3}, steps=150)
        assert same(batch.x[:, i], alone.x[:, 0])
        assert same(batch.value[:, i], alone.value[:, 0])
        assert batch.stopped[i] == alone.stopped[0]
        assert all(same(batch.state[slot][:, i], alone.state[slot][:, 0]) for slot in rule.slots)


def test_nothing_is_clipped_to_the_domain():
    run = simulate(SGD, ROSENBROCK, hypers={"lr": 0.01}, steps=500)
    (low, high), _ = ROSENBROCK.domain
    assert run.diverged.all()
    assert (np.abs(run.x) > 100 * max(-low, high)).any()
    before = run.stopped[0]
    assert same(run.x[1 : before + 1], run.x[:before] - 0.01 * run.gradient[:before])


@EVERY_RULE
def test_a_run_may_cross_the_edge_of_the_picture(rule):
    # A start far outside the domain stays where it was put and walks in from there, as the rule says.
    start = (9.0, -7.0)
    run = simulate(rule, RAVINE, start=start, hypers={"lr": 1e-4}, steps=5)
    assert same(run.x[0, 0], start)
    assert (np.abs(run.x[:, 0]) > 6).all()


def test_a_small_gradient_freezes_nothing():
    crawling = simulate(SGD, Line(1e-12), hypers={"lr": 1.0}, steps=100)
    np.testing.assert_allclose(crawling.x[:, 0, 0], -1e-12 * np.arange(101), rtol=1e-13)
    at_the_bottom = simulate(MOMENTUM, Quadratic((1.0,)), start=(1.0,), hypers={"lr": 1.0, "mu": 0.5}, steps=2)
    assert at_the_bottom.x[:, 0, 0].tolist() == [1.0, 0.0, -0.5]  # no gradient at 0, yet it rolls on
    off_the_ridge = simulate(SGD, Quadratic((1.0, -1.0)), start=(1.0, 1e-14), hypers={"lr": 0.5}, steps=100)
    assert off_the_ridge.x[-1, 0, 1] > 1


@EVERY_RULE
def test_a_failed_run_leaves_nothing_behind(rule):
    before = simulate(rule, ROSENBROCK, steps=40)
    assert simulate(SGD, ROSENBROCK, hypers={"lr": 1.0}, steps=40).diverged.all()
    assert simulate(rule, ROSENBROCK, start=(1e14, 1e14), steps=40).diverged.all()
    after = simulate(rule, ROSENBROCK, steps=40)
    assert same(before.x, after.x)
    assert all(same(before.state[slot], after.state[slot]) for slot in rule.slots)


def test_a_division_by_zero_is_divergence_and_not_an_error():
    at_rest = simulate(ADAM, RAVINE, start=(0.0, 1.0), hypers={"eps": 0.0}, steps=10)
    both = simulate(ADAM, RAVINE, start=[(0.0, 1.0), (1.0, 1.0)], hypers={"eps": 0.0}, steps=10)
    assert at_rest.stopped.tolist() == [1]
    assert both.stopped.tolist() == [1, 11]
    assert same(at_rest.x[:, 0], both.x[:, 0])


@pytest.mark.parametrize("start", [None, STARTS], ids=["one run", "six"])
def test_radams_rectification_may_have_no_limit(start):
    run = simulate(RULES["radam"], RAVINE, start=start, hypers={"beta2": 0.6}, steps=20)  # ρ∞ = 4, and ρ∞ − 4 divides
    averaged = run.state["m"][1:] / (1 - 0.9 ** np.arange(1.0, 21))[:, None, None]
    np.testing.assert_allclose(np.diff(run.x, axis=0), -0.01 * averaged, rtol=1e-9, atol=1e-15)


def test_all_diverged_still_gives_every_row():
    run = simulate(SGD, Fourth(), start=[[3.0], [4.0]], hypers={"lr": 1.0}, steps=1000)
    assert run.x.shape == (1001, 2, 1)
    assert (run.x[-1] == run.x[run.stopped, [0, 1]]).all()
    assert np.isfinite(run.x).all()
    assert all((run.value[s:, i] == run.value[s, i]).all() for i, s in enumerate(run.stopped))


# Noise


def test_noise_is_one_stream_for_all_rules_and_runs():
    lr, runs = 0.1, 3
    draws = np.random.default_rng(7).standard_normal((40, 1))
    noisy = simulate(SGD, Line(0.0), start=np.zeros((runs, 1)), hypers={"lr": lr}, noise=2.0, seed=7, steps=40)
    np.testing.assert_allclose(np.diff(noisy.x[:, :, 0], axis=0), np.tile(-lr * 2.0 * draws, (1, runs)), rtol=1e-12)
    heavy = simulate(MOMENTUM, Line(0.0), hypers={"lr": lr, "mu": 0.5}, noise=2.0, seed=7, steps=40).state["v"][:, 0]
    np.testing.assert_allclose(heavy[1:] - 0.5 * heavy[:-1], 2.0 * draws, rtol=1e-10)


@EVERY_RULE
def test_same_seed_same_numbers(rule):
    first, again, other = (simulate(rule, ROSENBROCK, noise=1.0, seed=seed, steps=30) for seed in (3, 3, 4))
    assert same(first.x, again.x)
    assert not same(first.x, other.x)


@EVERY_RULE
def test_fewer_steps_are_the_beginning_of_more(rule):
    short, long = (simulate(rule, RAVINE, noise=1.0, seed=5, steps=steps) for steps in (20, 70))
    assert same(short.x, long.x[:21])
    assert same(short.value, long.value[:21])


def test_every_rule_gets_the_noise_or_none():
    for rule in RULES.values():
        quiet, noisy = (simulate(rule, RAVINE, noise=noise, steps=30) for noise in (0.0, 5.0))
        assert not same(quiet.x, noisy.x), rule.key


# What happens to the gradient, step by step


def by_hand(steps: int = 12, **settings: Any) -> np.ndarray:
    """Momentum on the ravine with every effect written out, in the documented order."""
    x, v, lr = np.array(RAVINE.start), np.zeros(2), 0.02
    draws = np.random.default_rng(1).standard_normal((steps, 2))
    path = [x]
    for t in range(steps):
        g = RAVINE.grad(x) + settings.get("l2", 0.0) * x + settings.get("noise", 0.0) * draws[t]
        bound = settings.get("clip_value", math.inf)
        g = np.minimum(np.maximum(g, -bound), bound)
        norm = math.hypot(*g)
        if norm > settings.get("clip_norm", math.inf):
            g = g * (settings["clip_norm"] / norm)
        v = 0.9 * v + g
        x = x - lr * (v + settings.get("weight_decay", 0.0) * x)
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"l2": 0.7},
        {"weight_decay": 0.7},
        {"noise": 2.0},
        {"clip_value": 1.5},
        {"clip_norm": 1.5},
        {"clip_value": 3.0, "clip_norm": 1.5},
        {"l2": 0.7, "weight_decay": 0.3, "noise": 2.0, "clip_value": 3.0, "clip_norm": 3.5},
    ],
    ids=lambda settings: "+".join(settings) or "nothing",
)
def test_effects_by_hand_and_in_order(settings):
    run = simulate(MOMENTUM, RAVINE, hypers={"lr": 0.02}, steps=12, seed=1, **settings)
    np.testing.assert_allclose(run.x[:, 0], by_hand(**settings), rtol=1e-12, atol=1e-14)


def test_the_hand_computed_effects_are_all_different():
    one_each = [{}, {"l2": 0.7}, {"weight_decay": 0.7}, {"noise": 2.0}, {"clip_value": 1.5}, {"clip_norm": 1.5}]
    ends = {tuple(by_hand(**settings)[-1]) for settings in one_each}
    assert len(ends) == len(one_each)


def test_clipping_by_norm_is_torchs():
    # 2e-6: torch adds 1e-6 to the norm before it divides.
    x = torch.tensor(ROSENBROCK.start, dtype=torch.float64, requires_grad=True)
    run = simulate(SGD, ROSENBROCK, hypers={"lr": 1e-3}, steps=50, clip_norm=3.0)
    for row in run.x[1:, 0]:
        x.grad = torch.from_numpy(ROSENBROCK.grad(x.detach().numpy()))
        torch.nn.utils.clip_grad_norm_([x], 3.0)
        torch.optim.SGD([x], lr=1e-3).step()
        np.testing.assert_allclose(row, x.detach().numpy(), rtol=2e-6)


@pytest.mark.parametrize("key", ["sgd", "adam"])
def test_l2_is_torchs_weight_decay(key):
    rule = RULES[key]
    assert rule.twin
    x = torch.tensor(RAVINE.start, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, rule.twin.name)([x], lr=0.01, weight_decay=0.3)
    run = simulate(rule, RAVINE, hypers={"lr": 0.01}, steps=100, l2=0.3)
    for row in run.x[1:, 0]:
        x.grad = torch.from_numpy(RAVINE.grad(x.detach().numpy()))
        optimizer.step()
        np.testing.assert_allclose(row, x.detach().numpy(), rtol=1e-12)


def test_decoupled_decay_follows_the_schedule():
    run = simulate(SGD, Line(0.0), start=(1.0,), hypers={"lr": 0.1}, weight_decay=0.5, schedule=SCHEDULES["cosine"], steps=10)
    factors = SCHEDULES["cosine"].factors(10)[:, 0]
    np.testing.assert_allclose(run.x[1:, 0, 0], np.cumprod(1 - 0.1 * 0.5 * factors), rtol=1e-14)
    assert same(run.lr[:, 0], 0.1 * factors)


def test_the_gradient_shown_is_the_objectives_own():
    run = simulate(SGD, RAVINE, noise=1.0, clip_norm=0.5, l2=1.0, steps=20)
    assert same(run.gradient, RAVINE.grad(run.x))
    np.testing.assert_allclose(run.gradient_norm, np.hypot(run.gradient[..., 0], run.gradient[..., 1]), rtol=1e-15)


def test_defaults_are_everything_off():
    plain = simulate(MOMENTUM, RAVINE, steps=20)
    none = simulate(
        MOMENTUM, RAVINE, steps=20, hypers={}, weight_decay=0.0, l2=0.0, clip_norm=math.inf, clip_value=math.inf, noise=0.0,
        schedule=SCHEDULES["constant"], seed=99,
    )  # fmt: skip
    assert same(plain.x, none.x)
    assert all(hyper.default == hyper.off for name, hyper in DRIVER.items() if name not in ("steps", "seed"))


# Counting, progress, stopping


@EVERY_RULE
def test_evaluations_are_the_gradients_asked_for(rule):
    counting = Counting(RAVINE)
    run = simulate(rule, counting, steps=77)
    assert counting.asked == 77 == run.evaluations["grad"][0]


def test_a_run_that_died_is_not_charged_for_what_came_after():
    counting = Counting(Quadratic((1.0,)))
    run = simulate(SGD, counting, hypers={"lr": 3.0}, steps=5000)
    assert run.evaluations["grad"].tolist() == run.stopped.tolist() == [51]
    assert counting.asked < 200


@pytest.mark.parametrize(
    ("hypers", "start"),
    [({}, None), ({}, STARTS), ({"lr": 5.0}, None), ({"lr": [5.0, 7.0]}, None), ({"lr": [5.0, 0.01]}, None)],
    ids=["one", "batch", "one that dies", "all die", "one of two dies"],
)
@pytest.mark.parametrize("rule", [SGD, ADAM], ids=["sgd", "adam"])
def test_progress_goes_from_nothing_to_all(rule, hypers, start):
    told: list[float] = []
    simulate(rule, ROSENBROCK, start=start, hypers=hypers, steps=1000, progress=told.append)
    assert told == sorted(set(told))
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_progress_never_goes_back_when_floats_give_up():
    class Hole(Fourth):
        """Descends steadily, and divides by zero once past 500."""

        def partials(self, x: Any) -> Any:
            return (-1 / (x < 500),)

    told: list[float] = []
    run = simulate(SGD, Hole(), hypers={"lr": 1.0}, steps=1000, progress=told.append)
    assert run.stopped.tolist() == [500]
    assert told == sorted(set(told))
    assert told[-1] == 1.0


@pytest.mark.parametrize("start", [None, STARTS], ids=["one run", "six"])
def test_a_cancelled_run_is_the_beginning_of_the_whole(start):
    asked = 0

    def enough() -> bool:
        nonlocal asked
        asked += 1
        return asked == 4

    told: list[float] = []
    whole = simulate(ADAM, ROSENBROCK, start=start, steps=1000)
    part = simulate(ADAM, ROSENBROCK, start=start, steps=1000, should_stop=enough, progress=told.append)
    assert 0 < part.steps <= 4 * 32
    assert told[-1] < 1
    assert same(part.x, whole.x[: part.steps + 1])
    assert same(part.value, whole.value[: part.steps + 1])
    assert same(part.state["v"], whole.state["v"][: part.steps + 1])
    assert len(part.lr) == part.steps
    assert (part.stopped == part.steps + 1).all()
    assert (part.evaluations["grad"] == part.steps).all()
    assert not part.diverged.any()
    never = simulate(ADAM, ROSENBROCK, start=start, steps=1000, should_stop=lambda: True)
    assert never.steps == 0
    assert same(never.x, whole.x[:1])
    assert same(never.best, whole.value[0])


def test_a_cancelled_run_still_shows_who_diverged():
    answers = iter([False] * 4 + [True])
    run = simulate(SGD, Fourth(), start=[[0.1], [3.0]], hypers={"lr": 1.0}, steps=1000, should_stop=lambda: next(answers))
    assert run.steps == 128
    assert run.diverged.tolist() == [False, True]
    assert np.isfinite(run.value).all()


# Bad input


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"hypers": {"warmth": 1.0}}, ["warmth", "lr"]),
        ({"hypers": {"lr": math.nan}}, ["lr", "nan", "1e-06 to 100"]),
        ({"hypers": {"lr": math.inf}}, ["lr", "inf", "1e-06 to 100"]),
        ({"hypers": {"lr": -0.1}}, ["lr", "-0.1"]),
        ({"hypers": {"lr": 0}}, ["lr", "0 "]),
        ({"hypers": {"lr": "fast"}}, ["lr", "fast"]),
        ({"hypers": {"lr": None}}, ["lr", "nan"]),
        ({"hypers": {"lr": [0.1, -3.0]}}, ["lr", "-3"]),
        ({"hypers": {"lr": [[0.1, 0.2]]}}, ["lr", "(1, 2)"]),
        ({"hypers": {"lr": []}}, ["lr", "0"]),
        ({"hypers": {"beta1": 1.0}}, ["beta1", "1", "0.9999"]),
        ({"hypers": {"eps": -1.0}}, ["eps", "-1", "0 for off"]),
        ({"hypers": {"lr": [0.1, 0.2], "beta1": [0.1, 0.2, 0.3]}}, ["lr 2", "beta1 3"]),
        ({"hypers": {"lr": [0.1, 0.2]}, "start": np.zeros((3, 2))}, ["lr 2", "start 3"]),
        ({"noise": [0.1, 0.2], "start": np.zeros((3, 2))}, ["noise 2", "start 3"]),
        ({"start": (1.0, 2.0, 3.0)}, ["start", "(3,)", "(2,)"]),
        ({"start": 1.0}, ["start", "()", "(2,)"]),
        ({"start": np.zeros((2, 3))}, ["start", "(2, 3)", "(runs, 2)"]),
        ({"start": np.zeros((1, 2, 2))}, ["start", "(1, 2, 2)"]),
        ({"start": np.zeros((0, 2))}, ["start", "(0, 2)"]),
        ({"start": ((1.0, 2.0), (3.0,))}, ["start", "3.0"]),
        ({"start": "here"}, ["start", "here"]),
        ({"start": (0.0, math.nan)}, ["start", "nan"]),
        ({"start": (math.inf, 0.0)}, ["start", "inf"]),
        ({"steps": 0}, ["steps", "0", "1 to 5000"]),
        ({"steps": 1.5}, ["steps", "1.5", "whole"]),
        ({"steps": 5001}, ["steps", "5001", "5000"]),
        ({"steps": [10, 20]}, ["steps", "(2,)"]),
        ({"steps": math.nan}, ["steps", "nan"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"seed": 0.5}, ["seed", "0.5"]),
        ({"seed": [1, 2]}, ["seed", "(2,)"]),
        ({"noise": -0.1}, ["noise", "-0.1", "0 for off"]),
        ({"noise": math.inf}, ["noise", "inf"]),
        ({"weight_decay": math.nan}, ["weight_decay", "nan"]),
        ({"weight_decay": 11}, ["weight_decay", "11", "10"]),
        ({"l2": -1}, ["l2", "-1"]),
        ({"clip_norm": 0}, ["clip_norm", "0", "inf for off"]),
        ({"clip_value": -math.inf}, ["clip_value", "-inf"]),
        ({"clip_value": "tight"}, ["clip_value", "tight"]),
    ],
    ids=lambda case: "-".join(case) if isinstance(case, dict) else None,
)
def test_bad_input_is_told_in_words(arguments, told):
    with pytest.raises(ValueError, match=re.escape(told[0])) as caught:
        simulate(ADAM, RAVINE, **arguments)
    for word in told:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", [name for name in DRIVER if name not in ("steps", "seed")])
def test_none_is_off(name):
    setting: dict[str, Any] = {name: None}
    assert same(simulate(SGD, RAVINE, steps=5, **setting).x, simulate(SGD, RAVINE, steps=5).x)


# Reading a trajectory


def test_steps_to_best_final_distance():
    run = simulate(SGD, Quadratic((1.0,)), start=[[1.0], [2.0], [1.0]], hypers={"lr": [0.5, 0.5, 3.0]}, steps=20)
    # x halves each step, so ½x² ≤ 1/32 from |x| = ¼ on: after 2 steps from 1, after 3 from 2. The third run's x doubles.
    assert run.steps_to(1 / 32).tolist() == [2, 3, 21]
    assert run.steps_to(0.5).tolist() == [0, 1, 0]
    assert run.steps_to(-1.0).tolist() == [21, 21, 21]
    assert run.final.tolist() == [0.5 * 4.0**-20, 2 * 4.0**-20, 0.5 * 4.0**20]
    assert run.best.tolist() == [0.5 * 4.0**-20, 2 * 4.0**-20, 0.5]
    assert run.distance_to([[0.0], [1e6]]).tolist() == [2.0**-20, 2.0**-19, 2.0**20 - 1e6]


def test_a_diverged_run_has_reached_nothing_since():
    diverging = simulate(SGD, Quadratic((-1.0,)), hypers={"lr": 1.0}, steps=200)
    assert diverging.stopped.tolist() == [51]
    assert diverging.steps_to(-1e35).tolist() == [201]
    assert diverging.distance_to([[0.0]]).tolist() == [math.inf]
    assert diverging.final.tolist() == [math.inf]


def test_a_nan_is_neither_reached_nor_best():
    nan, run = math.nan, simulate(SGD, Quadratic((1.0,)), hypers={"lr": 0.5}, steps=2)
    broken = replace(run, value=np.array([[0.5], [0.1], [nan]]), stopped=np.array([2]))
    assert isinstance(broken, Trajectory)
    assert broken.best.tolist() == [0.1]
    assert broken.steps_to(0.2).tolist() == [1]
    assert broken.final.tolist() == [math.inf]
