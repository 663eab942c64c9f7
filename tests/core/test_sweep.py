"""A sweep: every cell is the run that `simulate` makes alone, whatever the axes, the chunks and the workers."""

import importlib
import math
import re

import numpy as np
import pytest

from core import SCHEDULES, along, simulate, sweep
from optimizers import RULES
from surfaces import SURFACES
from tests.problems import UNDERCUT, Quadratic, sunken

MODULE = importlib.import_module("core.sweep")  # core.sweep itself is the function
RAVINE = SURFACES["ravine"]
RATES = np.geomspace(1e-3, 10.0, 5)


def alone(rule, surface, **arguments):
    return simulate(RULES[rule], surface, steps=60, **arguments)


def same(cell, run, level):
    final, best, stopped, count, x = cell
    assert (final, best, stopped, count) == (run.final[0], run.best[0], run.stopped[0], run.steps_to(level)[0])
    np.testing.assert_array_equal(x, run.x[-1, 0])


def cells(found, level):
    count = found.steps_to(level)
    for at in np.ndindex(found.final.shape):
        yield at, (found.final[at], found.best[at], found.stopped[at], count[at], found.x[at])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("surface", ["rosenbrock", "himmelblau", "saddle", "cliff"])
def test_a_cell_is_the_run_alone(rule, surface):
    level = 1.0
    found = sweep(RULES[rule], SURFACES[surface], axes={"lr": RATES}, steps=60, threshold=level)
    assert found.final.shape == found.best.shape == found.stopped.shape == (5,)
    for (i,), cell in cells(found, level):
        same(cell, alone(rule, SURFACES[surface], hypers={"lr": RATES[i]}), level)


@pytest.mark.parametrize(
    ("rule", "axis", "values"),
    [
        ("momentum", "lr", RATES),
        ("adam", "beta2", [0.0, 0.9, 0.999]),
        ("adam", "noise", [0.0, 0.1, 3.0]),
        ("sgd", "clip_norm", [0.1, math.inf]),
        ("adam", "kappa", [2.0, 100.0]),
        ("adam", "angle", [-90.0, 20.0, 45.0]),
    ],
)
def test_runs_along_an_axis_are_the_runs_alone(rule, axis, values):
    found = along(RULES[rule], RAVINE, axis=axis, values=values, hypers={} if axis == "lr" else {"lr": 0.1}, steps=60)
    for i, value in enumerate(values):
        surface, hypers, setting = RAVINE, {"lr": 0.1}, {}
        if axis == "kappa":
            surface = RAVINE.with_(kappa=value)
        elif axis == "angle":
            surface = RAVINE.rotated(value)
        elif axis in RULES[rule].hypers:
            hypers[axis] = value
        else:
            setting = {axis: value}
        run = simulate(RULES[rule], surface, steps=60, hypers=hypers, **setting)
        assert found.stopped[i] == run.stopped[0]
        np.testing.assert_array_equal(found.x[:, i], run.x[:, 0])
        np.testing.assert_array_equal(found.value[:, i], run.value[:, 0])
        np.testing.assert_array_equal(found.gradient[:, i], run.gradient[:, 0])


@pytest.mark.parametrize("rows", [[0, 1, 5, 699, 700], [0], [255, 256, 257, 512], range(701)], ids=str)
@pytest.mark.parametrize(
    ("rule", "values", "hypers"),
    [
        ("momentum", [1e-4, 0.1, 1.0], {}),
        ("adam", [0.01, 10.0], {}),
        ("sgd", [5.0, 9.0], {}),
        ("radam", [0.01, 0.5], {"beta2": 0.6}),
    ],
)
def test_rows_of_runs_are_those_of_the_runs_kept_whole(rule, values, hypers, rows):
    job = {"rule": RULES[rule], "objective": SURFACES["rosenbrock"], "axis": "lr", "values": values, "steps": 700}
    job["hypers"] = hypers
    whole, (part,) = along(**job), MODULE.paths_along([job], rows)
    np.testing.assert_array_equal(part.stopped, whole.stopped)
    np.testing.assert_array_equal(part.x, whole.x[rows])
    np.testing.assert_array_equal(part.value, whole.value[rows])


def test_two_axes_make_a_grid():
    mus = np.array([0.0, 0.5, 0.9, 0.99])
    found = sweep(RULES["momentum"], RAVINE, axes={"lr": RATES, "mu": mus}, start=(-1.0, 0.5), steps=60)
    assert found.final.shape == (5, 4)
    assert list(found.axes) == ["lr", "mu"]
    for (i, j), cell in cells(found, 1e-3):
        same(cell, alone("momentum", RAVINE, start=(-1.0, 0.5), hypers={"lr": RATES[i], "mu": mus[j]}), 1e-3)


def test_the_surface_may_be_an_axis():
    kappas, angles = np.array([2.0, 100.0]), np.array([-90.0, 20.0, 45.0])
    found = sweep(RULES["adam"], RAVINE, axes={"kappa": kappas, "angle": angles}, hypers={"lr": 0.1}, steps=60)
    for (i, j), cell in cells(found, 0.1):
        surface = RAVINE.with_(kappa=float(kappas[i])).rotated(float(angles[j]))
        same(cell, alone("adam", surface, hypers={"lr": 0.1}), 0.1)


def test_a_parameter_of_the_surface_may_be_the_only_axis():
    kappas = np.array([2.0, 30.0, 100.0])
    found = sweep(RULES["sgd"], RAVINE, axes={"kappa": kappas}, hypers={"lr": 0.01}, steps=60)
    for (i,), cell in cells(found, 0.1):
        same(cell, alone("sgd", RAVINE.with_(kappa=float(kappas[i])), hypers={"lr": 0.01}), 0.1)


def test_a_start_turns_along_with_the_angle():
    start = (1.0, -0.5)
    found = sweep(RULES["sgd"], RAVINE, axes={"angle": [30.0, 170.0]}, start=start, hypers={"lr": 0.01}, steps=60)
    for (i,), cell in cells(found, 0.1):
        surface = RAVINE.rotated(float(found.axes["angle"][i]))
        same(cell, alone("sgd", surface, start=surface.turned((start,))[0], hypers={"lr": 0.01}), 0.1)


def test_the_start_may_be_an_axis():
    xs, ys = np.array([-4.0, 0.1, 3.0]), np.array([-3.0, 2.0])
    surface = SURFACES["himmelblau"]
    found = sweep(RULES["sgd"], surface, axes={"x": xs, "y": ys}, hypers={"lr": 0.01}, steps=60)
    for (i, j), cell in cells(found, 0.1):
        same(cell, alone("sgd", surface, start=(xs[i], ys[j]), hypers={"lr": 0.01}), 0.1)
    reached = found.reached(surface.minima, within=0.5)
    assert reached.min() >= 0
    ends = np.array(surface.minima)[reached]
    assert np.abs(found.x - ends).max() < 0.5


def test_the_loop_and_the_schedule_may_be_axes():
    decays, lasts = np.array([0.0, 0.1]), np.array([1e-3, 0.5])
    common = {"noise": 0.3, "seed": 4}
    axes = {"weight_decay": decays, "last": lasts}
    found = sweep(RULES["adam"], RAVINE, axes=axes, hypers={"lr": 0.1}, steps=60, schedule="exponential", **common)
    for (i, j), cell in cells(found, 0.1):
        schedule = SCHEDULES["exponential"].with_(last=lasts[j])
        same(cell, alone("adam", RAVINE, hypers={"lr": 0.1}, weight_decay=decays[i], schedule=schedule, **common), 0.1)


def test_chunks_change_nothing(monkeypatch):
    axes = {"lr": RATES, "mu": np.linspace(0, 0.99, 7)}
    whole = sweep(RULES["nesterov"], SURFACES["rosenbrock"], axes=axes, steps=60)
    monkeypatch.setattr(MODULE, "RUNS", 4)
    told: list[float] = []
    parts = sweep(RULES["nesterov"], SURFACES["rosenbrock"], axes=axes, steps=60, progress=told.append)
    for name in ("final", "best", "stopped", "x"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    np.testing.assert_array_equal(whole.steps_to(0.1), parts.steps_to(0.1))
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_workers_change_nothing(monkeypatch):
    monkeypatch.setattr(MODULE, "RUNS", 8)
    axes = {"kappa": np.array([1.0, 50.0, 500.0]), "lr": np.geomspace(1e-3, 1, 9)}
    arguments = {"axes": axes, "steps": 60, "threshold": 0.01, "schedule": "cosine"}
    solo = sweep(RULES["adam"], RAVINE.rotated(10), **arguments)
    shared = sweep(RULES["adam"], RAVINE.rotated(10), processes=2, **arguments)
    for name in ("final", "best", "stopped", "x"):
        np.testing.assert_array_equal(getattr(solo, name), getattr(shared, name))
    np.testing.assert_array_equal(solo.steps_to(0.01), shared.steps_to(0.01))
    assert shared.complete


def test_a_cancelled_sweep_keeps_what_it_has(monkeypatch):
    monkeypatch.setattr(MODULE, "RUNS", 2)
    shares: list[float] = []
    found = sweep(
        RULES["sgd"], RAVINE, axes={"lr": RATES}, steps=60, progress=shares.append, should_stop=lambda: shares[-1] > 0.5
    )
    assert not found.complete
    np.testing.assert_array_equal(found.stopped > 0, [True, True, False, False, False])
    whole = sweep(RULES["sgd"], RAVINE, axes={"lr": RATES}, steps=60)
    np.testing.assert_array_equal(found.final[:2], whole.final[:2])
    assert np.isnan(found.final[2:]).all()


def test_an_objective_needs_no_formula():
    problem = Quadratic((1.0, 10.0, 100.0))
    found = sweep(RULES["momentum"], problem, axes={"lr": RATES}, steps=60)
    for (i,), cell in cells(found, 1.0):
        same(cell, alone("momentum", problem, hypers={"lr": RATES[i]}), 1.0)


def test_steps_to_a_threshold_never_reached_is_one_past_the_end():
    found = sweep(RULES["sgd"], RAVINE, axes={"lr": [1e-6, 1.0]}, steps=300)
    assert found.stopped.tolist() == [301, found.stopped[1]]
    assert found.stopped[1] < 300
    assert found.steps_to(1e-9).tolist() == [301, 301]
    assert found.steps_to(1e9).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({}, "axes is empty"),
        ({"lr": []}, "axes is empty"),
        ({"lr": [0.1, -1.0]}, "lr = -1"),
        ({"lr": [0.1, math.nan]}, "lr = nan"),
        ({"mu": [0.5]}, "axis 'mu' is unknown"),
        ({"seed": [1, 2]}, "axis 'seed' is unknown"),
        ({"kappa": [0.0, 5.0]}, "kappa = 0"),
        ({"angle": [0.0, 500.0]}, "angle = 500"),
        ({"lr": [[0.1]]}, "shape (1, 1)"),
        ({"lr": ["a"]}, "not a list of numbers"),
        ({"x": [math.inf, 1.0]}, "start"),
    ],
)
def test_a_bad_axis_is_named(axes, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        sweep(RULES["sgd"], RAVINE, axes=axes)


def test_a_cell_is_measured_from_the_minimum_of_its_own_surface():
    depths, rates = np.array([0.5, 1.0, 3.0]), np.array([0.01, 0.1, 0.4])
    found = sweep(RULES["sgd"], sunken, axes={"depth": depths, "lr": rates}, steps=60, within=0.01)
    height, count, counts = found.above(found.final), found.steps_within(0.01), found.steps_within(0.5)
    assert (found.ended() == 0).all()
    assert not found.left.any()
    for i, j in np.ndindex(height.shape):
        run = alone("sgd", sunken.with_(depth=float(depths[i])), hypers={"lr": rates[j]})
        assert height[i, j] == run.height[-1, 0] == pytest.approx(run.final[0] + depths[i])
        assert (count[i, j], counts[i, j]) == (run.steps_within(0.01)[0], run.steps_within(0.5)[0])
    assert len(set(count.ravel().tolist())) > 3


def test_levels_are_cut_like_the_cells(monkeypatch):
    axes = {"depth": np.linspace(0.5, 3.0, 5), "lr": np.linspace(0.05, 0.4, 5)}
    whole = sweep(RULES["sgd"], sunken, axes=axes, steps=40, within=0.01).steps_within(0.01)
    monkeypatch.setattr(MODULE, "RUNS", 7)
    np.testing.assert_array_equal(sweep(RULES["sgd"], sunken, axes=axes, steps=40, within=0.01).steps_within(0.01), whole)


@pytest.mark.parametrize("key", [key for key, surface in SURFACES.items() if surface.minima])
def test_turning_changes_neither_the_minimum_reached_nor_its_name(key):
    """A rule that does not see the axes ends at the same minimum at every angle; its rates are too small for chaos."""
    surface, (low, high) = SURFACES[key], np.transpose(SURFACES[key].domain)
    bends = np.linalg.eigvalsh(surface.hessian(np.random.default_rng(0).uniform(low, high, (200, 2))))
    rates = np.maximum(np.geomspace(0.01, 0.5, 24) / np.abs(bends).max(), 1e-6)
    found = sweep(RULES["sgd"], surface, axes={"lr": rates, "angle": np.linspace(-90, 90, 13)}, steps=150)
    ended = found.ended()
    assert (ended >= 0).all()
    assert (ended == ended[:, [6]]).all()


@pytest.mark.parametrize("key", UNDERCUT)
def test_a_run_below_the_minimum_is_told_and_has_reached_nothing(key):
    surface, rates = SURFACES[key], np.geomspace(1e-3, 1.0, 24)
    found = sweep(RULES["momentum"], surface, axes={"lr": rates}, steps=300, within=0.1)
    assert found.left.any()
    assert not found.left.all()
    assert surface.lowest is not None
    for i in range(len(rates)):
        run = simulate(RULES["momentum"], surface, steps=300, hypers={"lr": rates[i]})
        assert run.left[0] == found.left[i] == (run.best[0] < surface.lowest - 1e-9)
        assert run.steps_within(0.1)[0] == found.steps_within(0.1)[i]
        if run.left[0]:
            assert run.steps_within(0.1)[0] == 301
            assert run.steps_to(surface.lowest + 0.1)[0] <= 300  # the loss as such does pass the level
            assert run.height.min() == pytest.approx(run.value.min() - surface.lowest)


def test_an_objective_without_claims_is_left_by_nobody():
    run = simulate(RULES["sgd"], Quadratic((-1.0,)), hypers={"lr": 0.1}, steps=9)
    assert not run.left.any()
    np.testing.assert_array_equal(run.height, run.value)
    plane = simulate(RULES["sgd"], SURFACES["plane"], hypers={"lr": 0.1}, steps=90)
    assert plane.value.min() < 0
    assert not plane.left.any()
    with pytest.raises(ValueError, match="not a surface"):
        sweep(RULES["sgd"], Quadratic((1.0,)), axes={"lr": [0.1]}, steps=9).ended()
