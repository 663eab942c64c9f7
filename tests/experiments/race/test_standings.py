"""Fair learning rates: what each protocol means, and that the winner depends on it."""

from dataclasses import replace

import numpy as np
import pytest

from core import simulate
from experiments.race.controls import DEFAULT, SHARED, TRIED, TUNED, TUNINGS
from experiments.race.ranking import cells, results
from experiments.race.run import trajectories, tried
from experiments.race.spec import Race, read_race
from experiments.race.standings import LENGTHS, standings
from experiments.race.words import verdict
from optimizers import ENTRANTS
from surfaces import SURFACES
from tests.problems import UNDERCUT
from tests.races import leaving

TEN = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamax", "nadam", "amsgrad")
RACE = Race("rosenbrock", TEN, TUNED, numbers=(("steps", 200.0),), start=(-2.0, 2.0))


def searched(key: str, steps: int, many: int) -> tuple[float, float]:
    """The lowest final loss and its learning rate, by running one after the other."""
    best = np.inf, np.nan
    for lr in np.geomspace(*TRIED, many):
        run = simulate(ENTRANTS[key].rule, SURFACES["rosenbrock"], start=(-2.0, 2.0), hypers={"lr": lr}, steps=steps)
        best = min(best, (float(run.final[0]), float(lr)))
    return best


@pytest.mark.parametrize("key", TEN)
def test_tuned_is_what_a_grid_search_finds(key):
    loss, lr = searched(key, 200, 64)
    run = trajectories(RACE)[key]
    assert run.lr[0, 0] == pytest.approx(lr, rel=1e-12)
    assert run.final[0] == pytest.approx(loss, rel=1e-3)


def test_default_is_each_rules_own_and_shared_is_one():
    for key, run in trajectories(RACE.choosing("rosenbrock", TEN, DEFAULT, "constant")).items():
        assert run.lr[0, 0] == ENTRANTS[key].hypers["lr"].default
    shared = RACE.choosing("rosenbrock", TEN, SHARED, "constant").having({"lr": 0.02})
    assert {float(run.lr[0, 0]) for run in trajectories(shared).values()} == {0.02}


def test_every_rule_has_the_same_number_of_tries():
    few = RACE.having({"tries": 5.0})
    grid = np.geomspace(*TRIED, 5)
    assert all(np.isclose(run.lr[0, 0], grid, rtol=1e-12).any() for run in trajectories(few).values())


@pytest.mark.parametrize("tuning", TUNINGS)
def test_no_rule_has_more_tries_than_said_and_all_have_the_same_rates(tuning):
    few = replace(RACE, tuning=tuning).having({"tries": 50.0})
    rates = set()
    for key in TEN:
        values = tried(few, ENTRANTS[key])
        assert len({len(numbers) for numbers in values.values()}) == 1
        assert 49 <= len(values["lr"]) <= 50
        assert (len(values) == 2) == (TUNINGS[tuning].pairs and len(ENTRANTS[key].rule.hypers) > 1)
        if len(values) == 1 or TUNINGS[tuning].random:
            rates.add(tuple(values["lr"]))
    assert len(rates) == 1


@pytest.mark.parametrize("tuning", ["random", "pairs", "random-pairs"])
@pytest.mark.parametrize("key", ["sgd", "momentum", "adam"])
def test_the_best_of_the_tries_runs(key, tuning):
    race = replace(RACE, entrants=(key,), tuning=tuning).having({"tries": 16.0, "steps": 60.0})
    values = tried(race, ENTRANTS[key])
    runs = [
        simulate(ENTRANTS[key].rule, race.landscape, start=race.origin, hypers=dict(zip(values, pair, strict=True)), steps=60)
        for pair in zip(*values.values(), strict=True)
    ]
    assert trajectories(race)[key].final[0] == min(run.final[0] for run in runs)
    told = cells(results(trajectories(race), {key: key}, race)[0], race)[1]
    assert (", " in told) == (len(values) > 1)


def test_tuning_survives_the_link_and_takes_its_sliders_away():
    race = replace(RACE, tuning="pairs")
    assert read_race(race.link(), RACE) == (race, [])
    ids = [control.id for control in race.controls.values()]
    assert "adam.beta1" not in ids
    assert "adam.beta2" in ids
    _, problems = read_race({**race.link(), "tuning": "magic"}, RACE)
    assert problems == ["The link's tuning “magic” is unknown: grid is shown instead."]


def test_the_winner_changes_with_the_protocol_and_with_the_steps():
    table = standings(RACE)
    winners = {protocol: [cell.split(" (")[0] for cell in row] for protocol, row in table.items()}
    assert len(set(winners[TUNED])) >= 3
    assert winners[SHARED] != winners[TUNED]
    for i, steps in enumerate(LENGTHS[:3]):
        best = min(TEN, key=lambda key: searched(key, steps, 64)[0])
        assert ENTRANTS[best].title == winners[TUNED][i]


def test_the_terms_and_an_end_of_the_range_are_said():
    longer = RACE.having({"steps": 500.0})
    runs = trajectories(longer)
    found = results(runs, {key: ENTRANTS[key].title for key in runs}, longer)
    assert "each rule with the best of 64 learning rates from 1e−5 to 10" in verdict(found, longer, longer.landscape, 100.0)
    told = {result.key: cells(result, longer)[1] for result in found}
    assert told["adadelta"] == "10 (end of range)"
    assert "end" not in told["adam"]


@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize("key", UNDERCUT)
def test_tuning_prefers_no_run_that_left_below_the_minimum(key, tuning):
    race = replace(leaving(key), lrs=TUNED, tuning=tuning).having({"tries": 25.0})
    values = tried(race, ENTRANTS["momentum"])
    pairs = [dict(zip(values, pair, strict=True)) for pair in zip(*values.values(), strict=True)]
    runs = [simulate(ENTRANTS["momentum"].rule, race.landscape, hypers=pair, steps=300) for pair in pairs]
    lowest = race.landscape.lowest
    assert lowest is not None
    gone = [run.best[0] < lowest - 1e-9 for run in runs]
    assert any(gone)
    chosen = trajectories(race)["momentum"]
    assert not chosen.left.any()
    assert chosen.final[0] == min(run.final[0] for run, left in zip(runs, gone, strict=True) if not left)


@pytest.mark.parametrize("key", UNDERCUT)
def test_who_left_below_the_minimum_wins_under_no_terms(key):
    table = standings(leaving(key, "sgd"), lengths=(300, 1000))
    assert table[SHARED] == [cell for cell in table[SHARED] if cell.startswith("SGD")]
    assert not any("−" in cell for row in table.values() for cell in row)
    assert standings(leaving(key), lengths=(300,))[SHARED] == ["none stayed above it"]
