"""The verdict says no more than the numbers do."""

import dataclasses

import numpy as np
import pytest

from surfaces import SURFACES
from ui.ranking import Result, cells, loss_axes, number, places, verdict
from ui.spec import Race

RACE = Race("ravine", ("sgd", "adam", "lion"))
SURFACE = SURFACES["ravine"]


def result(title, final, stopped=None, steps_to=None):
    return Result(title.lower(), title, 0.01, final, final, steps_to, 0.1, 500, stopped)


def said(*found, race=RACE):
    return verdict(found, race, SURFACE, 5.0)


def test_a_clear_winner_is_named_with_the_runner_up():
    text = said(result("SGD", 0.5), result("Adam", 0.1), result("Lion", 2.0))
    assert "Adam has the lowest loss: 0.1 above the minimum; next is SGD with 0.5" in text
    assert "Lion" not in text


def test_nearly_equal_runs_are_level():
    text = said(result("SGD", 0.1000), result("Adam", 0.1005), result("Lion", 2.0))
    assert "SGD and Adam are level" in text
    assert "lowest" not in text


def test_runs_at_the_minimum_are_not_ranked_by_rounding():
    text = said(result("SGD", 1e-30, steps_to=40), result("Adam", 1e-19, steps_to=20), result("Lion", 1.0))
    assert "SGD and Adam are at the minimum to machine precision; Adam was first within 0.001, at step 20" in text


def test_noise_and_divergence_are_said():
    noisy = RACE.having({"noise": 0.1})
    text = said(result("SGD", 0.5), result("Adam", 0.1), result("Lion", np.inf, stopped=9), race=noisy)
    assert "another seed may order them differently" in text
    assert "1 of 3 runs diverged" in text


def test_the_only_survivor_is_no_winner():
    text = said(result("SGD", 0.5), result("Adam", np.inf, stopped=7))
    assert "SGD, the only run that did not diverge, is 0.5 above the minimum" in text


def test_one_run_alone():
    assert said(result("SGD", 0.5)) == "After 500 steps SGD is 0.5 above the minimum."


def test_all_diverged():
    assert said(result("SGD", np.inf, stopped=3)).startswith("Every run diverged")


def test_places_put_the_diverged_last_and_the_longest_survivor_first_among_them():
    found = [result("A", np.inf, stopped=3), result("B", 2.0), result("C", np.inf, stopped=30), result("D", 1.0)]
    assert places(found) == {"d": 0, "b": 1, "c": 2, "a": 3}


def test_cells_of_a_diverged_run_show_no_numbers_it_does_not_have():
    row = cells(result("SGD", np.inf, stopped=3), RACE)
    assert row[2] == row[5] == "–"
    assert row[-1] == "diverged at step 3"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.001, "0.001"), (1234.5678, "1235"), (-0.5, "−0.5"), (1e-7, "1e−7"), (1e9, "1e9"), (np.inf, "∞")],
)
def test_numbers_read_well(value, text):
    assert number(value) == text


def test_axes_come_from_the_surviving_points():
    gaps = np.array([[10.0, 1.0, 1e-3], [10.0, 1e20, 1e28]])
    alive = np.array([[True, True, True], [True, True, False]])
    axes = loss_axes(gaps, alive, True, (0.0, 50.0))
    assert axes["log"] == [-3, 1]
    assert axes["linear"] is not None
    assert axes["linear"][1] < 11


def test_true_zero_does_not_break_the_log_axis():
    assert loss_axes(np.zeros((1, 3)), np.ones((1, 3), bool), True, (0.0, 1.0))["log"] == [-16, 0]
    axes = loss_axes(np.array([[1.0, 1e-40, 0.0]]), np.ones((1, 3), bool), True, (0.0, 1.0))
    assert axes["log"] == [-16, 0]


def test_result_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        result("A", 1.0).final = 2  # type: ignore[misc]


def test_where_theory_knows_it_says_why_a_run_diverged():
    ravine = RACE.having({"ravine.kappa": 40.0})
    assert cells(result("SGD", np.inf, stopped=9), ravine)[-1] == "diverged at step 9"  # lr 0.01 is below 2/40
    fast = dataclasses.replace(result("SGD", np.inf, stopped=9), lr=0.06)
    assert cells(fast, ravine)[-1] == "diverged at step 9: no lr above 0.05 is stable"
    assert cells(fast, ravine.having({"clip_norm": 1.0}))[-1] == "diverged at step 9"
    assert cells(fast, dataclasses.replace(ravine, surface="rosenbrock"))[-1] == "diverged at step 9"
    adam = dataclasses.replace(result("Adam", np.inf, stopped=9), lr=50.0)
    assert cells(adam, ravine)[-1] == "diverged at step 9"
