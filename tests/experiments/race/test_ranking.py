"""The verdict says no more than the numbers do."""

import dataclasses

import numpy as np
import pytest

from experiments.numbers import number
from experiments.race.axes import loss_axes
from experiments.race.ranking import Result, cells, columns, places, results
from experiments.race.run import trajectories
from experiments.race.spec import Race
from experiments.race.words import verdict
from optimizers import ENTRANTS
from surfaces import SURFACES
from tests.problems import UNDERCUT
from tests.races import leaving

RACE = Race("ravine", ("sgd", "adam", "lion"))
SURFACE = SURFACES["ravine"]


def result(title, final, stopped=None, steps_to=None):
    return Result(title.lower(), title, 0.01, final, final, steps_to, 0.1, {"grad": 500}, stopped)


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


def outcome(race):
    found = results(trajectories(race), {key: ENTRANTS[key].title for key in race.entrants}, race)
    return {result.key: result for result in found}, verdict(found, race, race.landscape, 5.0)


@pytest.mark.parametrize("angle", [0.0, 30.0, -120.0])
@pytest.mark.parametrize("key", UNDERCUT)
def test_a_run_that_left_below_the_minimum_has_won_nothing_and_is_told(key, angle):
    race = leaving(key, "sgd").having({"angle": angle})
    run, surface = trajectories(race)["momentum"], race.landscape
    assert surface.lowest is not None
    found, text = outcome(race)
    gone, stayed = found["momentum"], found["sgd"]
    first = int((run.value[:, 0] < surface.lowest - 1e-9).argmax())
    assert (gone.left, stayed.left) == (first, None)
    assert gone.final == pytest.approx(float(run.value[-1, 0]) - surface.lowest)
    assert gone.best <= gone.final < 0 <= stayed.best
    assert gone.steps_to is None
    assert places(list(found.values())) == {"sgd": 0, "momentum": 1}
    assert f"Momentum ({number(gone.best)}, from step {first} on) left below it. {surface.caveat}" in text
    assert f"SGD, the only run that stayed above the minimum, is {number(stayed.final)} above the minimum" in text
    row = cells(gone, race)
    assert row[2:5] == [number(gone.final), number(gone.best), "–"]
    assert row[-1] == f"left below the minimum at step {first}"
    assert "above the minimum" in columns(race, surface)[2][0]


@pytest.mark.parametrize("key", UNDERCUT)
def test_where_all_left_there_is_nothing_to_win(key):
    _, text = outcome(leaving(key))
    assert text.startswith("No run stayed above the minimum, so there is nothing to win. Momentum (")
    assert "machine precision" not in text


@pytest.mark.parametrize("key", UNDERCUT)
def test_who_left_is_told_wherever_others_are_ranked(key):
    """Two that stay and are level, and one that left: it is in no ranking, at any number of steps."""
    for steps in (30.0, 300.0, 2000.0):
        found, text = outcome(leaving(key, "sgd", "adam").having({"steps": steps}))
        assert ("left below it" in text) == (found["momentum"].left is not None)
        assert "Momentum has the lowest" not in text
    assert found["momentum"].left is not None


def test_rounding_below_the_minimum_is_the_minimum():
    for surface in SURFACES.values():
        if surface.minima:
            assert surface.lowest is not None
            deeper = np.nextafter(surface.lowest, -np.inf) if surface.lowest else 0.0
            assert surface.above(deeper) == 0
            assert not surface.below(deeper)


def test_the_distance_is_that_to_the_nearest_minimum_also_where_minima_are_a_curve():
    for key, start in (("hyperbola", (0.3, 3.9)), ("drop_wave", (-1.9, 1.1))):
        race = Race(key, ("sgd",), start=start).having({"lr": 0.01, "steps": 1000.0, "angle": 25.0})
        found, _ = outcome(race)
        assert found["sgd"].distance is not None
        assert found["sgd"].distance < 1e-6
        assert min(np.linalg.norm(trajectories(race)["sgd"].x[-1, 0] - np.array(race.landscape.minima), axis=1)) > 0.5


def test_one_that_left_and_diverged_is_told_both():
    gone = dataclasses.replace(result("SGD", np.inf, stopped=9), left=4, best=-3.0)
    assert cells(gone, RACE)[-1] == "left below the minimum at step 4, diverged at step 9"
    text = said(gone, result("Adam", 0.5), result("Lion", 0.6))
    assert "Adam has the lowest loss: 0.5 above the minimum; next is Lion with 0.6. 1 of 3 runs diverged. SGD (−3" in text
    assert places([gone, dataclasses.replace(gone, key="b", stopped=None), result("A", 5.0)]) == {"a": 0, "b": 1, "sgd": 2}
