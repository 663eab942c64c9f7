"""The script of a run trains what the page trained, for settings at random; where rounding decides, it says so."""

import random
from functools import partial

import numpy as np
import pytest

from experiments.training.spec import Lesson, read_lesson
from networks import TASKS, Training, fork, train
from networks.analysis.shaken import shaken
from networks.export.script import script, why_no_script
from networks.training.regime import PRECISIONS
from optimizers import ENTRANTS
from tests import by_torch, links
from tests.scripts import NEAR, apart, run

one_thread = pytest.fixture(scope="module", autouse=True)(by_torch.one_thread)

FIRST = Lesson("iris_mlp", ("adam",))
ELSEWHERE = {task for task in TASKS if task.startswith("mnist")}
"""Tasks that take long; `python -m tests.random_pages` has them too."""


def drawn(seed: int, dtype: str) -> Training:
    """A training by settings at random, of rules that have scripts."""
    rng = random.Random(seed)
    while True:
        link = links.of_lesson(rng, most=2, share=0.5)
        lesson, problems = read_lesson(link, FIRST)
        assert problems == []
        if lesson.task not in ELSEWHERE and all(ENTRANTS[key].rule.twin for key in lesson.rules):
            return train(lesson.work, entrants=lesson.entrants, **{**lesson.regime, "dtype": dtype})


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("seed", range(16))
def test_a_script_trains_what_the_page_trained(seed, dtype):
    training = drawn(seed, dtype)
    last = training.runs - 1
    if why := why_no_script(training, last):
        assert "follows no schedule" in why
        return
    found = apart(training, last, script(training, last))
    assert found.fine, found


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_calm_run_is_not_said_to_make_much_of_rounding(dtype):
    training = train(TASKS["iris_mlp"], entrants=[("sgd", {"lr": 0.1})], steps=60, dtype=dtype)
    step, moved = shaken(training, 0)
    assert step == 60
    assert 0 < moved < NEAR[dtype]
    assert not apart(training, 0, script(training, 0)).said


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_run_that_makes_much_of_rounding_is_said_to(dtype):
    """Far beyond what is stable every digit is new within some steps."""
    entrants = [("momentum", {"lr": 3.0, "mu": 0.95})]
    training = train(TASKS["spiral_mlp"], entrants=entrants, steps=100, batch_size=16, dtype=dtype)
    assert shaken(training, 0)[1] > 1e-3
    assert apart(training, 0, script(training, 0)).said


def test_a_large_run_is_not_measured_to_its_end(monkeypatch):
    training = train(TASKS["iris_mlp"], entrants=[("sgd", {})], steps=60)
    monkeypatch.setattr("networks.analysis.shaken._MOST", 1_000_000)
    step, _ = shaken(training, 0)
    assert 0 < step < 60
    assert f"of itself by step {step}." in script(training, 0)
    monkeypatch.setattr("networks.analysis.shaken._MOST", 1)
    assert "was not measured: it is too large" in script(training, 0)


def test_who_runs_out_of_patience_has_the_script_of_its_best():
    for seed in range(3):
        entrants = [("adam", {"lr": 0.05}), ("sgd", {"lr": 1.0})]
        training = train(TASKS["wine_mlp"], entrants=entrants, steps=300, batch_size=16, patience=2, seed=seed, dtype="float64")
        assert (training.kept < training.finished).any()
        for i in range(training.runs):
            assert apart(training, i, script(training, i)).near


def test_a_fork_at_the_start_has_the_data_of_its_parent():
    parent = train(TASKS["iris_mlp"], entrants=[("sgd", {})], steps=20, seed=(3, 4), dtype="float64")
    forked = fork(parent, 1, 0, [("adam", {})])
    names = run(script(forked, 0))
    assert names["mean"] == pytest.approx(float(forked.final("val_loss")[0]), rel=1e-9)
    np.testing.assert_array_equal(names["x_val"].numpy(), parent.data.x_val.double().numpy())


def test_one_of_many_memories_has_its_script():
    begin = partial(train, TASKS["digits_mlp"], steps=40)
    for key in ("adam", "radam"):
        training = begin(entrants=[(key, {"beta2": [0.9, 0.99999]})])
        assert apart(training, 1, script(training, 1)).near


def test_what_was_stopped_in_its_first_evaluation_has_no_script():
    asked = []
    training = train(TASKS["iris_mlp"], entrants=[("sgd", {})], should_stop=lambda: bool(asked.append(1)) or True)
    assert "before its first evaluation was done" in why_no_script(training, 0)
