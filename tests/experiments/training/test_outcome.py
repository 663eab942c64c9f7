"""What is said of a training: no sentence says other than its numbers, whatever seeds, forks and values there are."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from experiments.numbers import number
from experiments.training.words import ends, named, standing, theorem, training_verdict
from networks import TASKS, Training, fork, train
from networks.analysis import report
from networks.analysis.paired import interval, lead
from networks.analysis.report import absent, by_class, predicted

IRIS, PERCEPTRON = TASKS["iris_mlp"], TASKS["iris_perceptron"]
NAMES = ["Anna", "Ben", "Cora", "Dan", "Eve"]


@cache
def trained() -> Training:
    return train(IRIS, entrants=[("sgd", {})], steps=10, batch_size=16, seed=(0, 1))


def pretended(losses: np.ndarray) -> Training:
    """A training of as many rules and seeds as there are losses (rules, seeds); one that is not finite has diverged."""
    training, flat = trained(), losses.ravel()
    rules, seeds = losses.shape
    return replace(
        training,
        regime=replace(training.regime, seeds=tuple(range(seeds))),
        entrants=[("sgd", {})] * rules,
        x=np.zeros((flat.size, 1)),
        metrics={"val_loss": flat[None], "train_loss": flat[None], "lr": np.ones((1, flat.size))},
        stopped=np.where(np.isfinite(flat), training.steps + 1, 1),
        finished=np.full(flat.size, training.steps + 1),
    )


def value(text: str) -> float:
    return float(text.replace("−", "-"))


NUMBER = r"(−?[\d.]+(?:e−?\d+)?)"
SENTENCE = re.compile(
    rf"(?:(\w+) ends lowest[\w ]*: (\w+) is {NUMBER} above it on average, |No winner[\w ]*: (\w+) ends {NUMBER} above (\w+) on "
    rf"average, and the )95 % interval from {NUMBER} to {NUMBER} over (\d) paired seeds(?: crosses zero)?\."
)
LOSSES = st.tuples(st.integers(1, 5), st.integers(2, 5)).flatmap(
    lambda shape: st.lists(
        st.one_of(st.floats(0, 3), st.sampled_from([0.5, 1.0, 100.0, 1e-7, np.inf])),
        min_size=shape[0] * shape[1],
        max_size=shape[0] * shape[1],
    ).map(lambda values: np.array(values).reshape(shape))
)


@settings(max_examples=300, deadline=None)
@given(losses=LOSSES)
def test_no_verdict_says_other_than_its_numbers(losses):
    training, names = pretended(losses), NAMES[: len(losses)]
    text = training_verdict(training, [*names, "a fork"])
    whole = [i for i, row in enumerate(losses) if np.isfinite(row).all()]
    if len(whole) < 2:
        assert text == ""
        return
    if "level on average" in text:
        means = sorted(losses[i].mean() for i in whole)
        assert means[1] - means[0] <= 1e-15 * means[1]
        return
    assert ("of the rules that diverged with no seed" in text) == (len(whole) < len(losses))
    match = SENTENCE.fullmatch(text.replace(" of the rules that diverged with no seed", ""))
    assert match, text
    winner, behind, ahead, other, gap, best, low, high, seeds = match.groups()
    first, second = NAMES.index(winner or best), NAMES.index(behind or other)
    means = {i: losses[i].mean() for i in whole}
    assert means[first] == min(means.values())
    mean, *reach = interval(losses[second], losses[first])
    assert mean > 0
    assert [value(ahead or gap), value(low), value(high), int(seeds)] == [
        *(value(number(v)) for v in (mean, *reach)),
        losses.shape[1],
    ]
    if winner:
        assert all(interval(losses[i], losses[first])[1] > 0 for i in whole if i != first)
        assert value(low) > 0
    else:
        assert value(low) <= 0 <= value(high)


def test_where_median_and_mean_disagree_the_mean_is_told():
    """Ben's median is lower, his mean higher: one seed of five went wrong."""
    losses = np.array([[1.0, 1.1, 1.2, 1.1, 1.0], [0.9, 1.0, 1.1, 1.0, 5.9]])
    assert training_verdict(pretended(losses), NAMES[:2]).startswith("No winner: Ben ends 0.9 above Anna on average, and the")
    assert training_verdict(pretended(losses[::-1]), NAMES[1::-1]).startswith("No winner: Ben ends 0.9 above Anna on average")


def test_a_winner_is_below_everybody():
    near, wild = [1.1, 1.2, 1.3, 1.2], [0.0, 9.0, 0.0, 9.0]
    found = lead(np.array([[1.0, 1.1, 1.2, 1.1], near, wild]))
    assert found is not None
    assert (found.first, found.other, found.sure) == (0, 2, False)
    found = lead(np.array([near, [1.0, 1.1, 1.2, 1.15], [np.nan, 0, 0, 0]]))
    assert found is not None
    assert (found.first, found.other, found.sure) == (1, 0, True)
    assert lead(np.array([near])) is None
    assert lead(np.array([[np.inf] * 4, near, [np.nan] * 4])) is None


@pytest.mark.parametrize("seed", [0, (0, 1, 2)], ids=["one seed", "three"])
@pytest.mark.parametrize(
    "entrants",
    [[("adam", {})], [("adam", {}), ("sgd", {})], [("sgd", {"lr": [0.1, 0.2]}), ("adam", {})]],
    ids=["one rule", "two", "several values"],
)
def test_titles_of_forks_are_no_runs_of_the_training(entrants, seed):
    training = train(IRIS, entrants=entrants, steps=10, batch_size=16, seed=seed)
    titles = [*("Adam" if key == "adam" else "SGD" for key, _ in entrants), "a fork", "another"]
    rows = training.runs // len(training.regime.seeds)
    names = named(training, titles)
    assert len(names) == len(set(names)) == rows
    text = training_verdict(training, titles)
    assert bool(text) == (rows > 1 and len(training.regime.seeds) > 1)
    assert "fork" not in text
    assert [row["Rule"] for row in standing(training, titles, tested=True)] != []
    assert len(standing(training, titles, tested=False)) == rows
    assert ends(training, titles) == []
    child = fork(training, training.runs - 1, 5, [("sgd", {})])
    assert training_verdict(child, ["a fork"]) == ""
    assert len(standing(child, ["a fork"], tested=True)) == 1


def test_a_value_of_several_is_named():
    training = train(IRIS, entrants=[("sgd", {"lr": [0.1, 0.25]}), ("adam", {})], steps=1, batch_size=16, seed=(0, 1))
    assert named(training, ["SGD", "Adam"]) == ["SGD, lr 0.1", "SGD, lr 0.25", "Adam"]


def test_a_perceptron_is_told_its_own_mistakes_with_every_seed():
    entrants = [("sgd", {"lr": 1.0}), ("momentum", {"lr": 0.1})]
    training = train(PERCEPTRON, entrants=entrants, steps=60, batch_size=1, seed=(3, 1, 2))
    text = theorem(training)
    for e, title in enumerate(("SGD", "Momentum")):
        made = [
            int((train_alone(training, entrants[e], s).accuracy[:, 0] < 1).sum()) for s in range(len(training.regime.seeds))
        ]
        assert f"{title} {', '.join(map(str, made))}" in text
    assert text.endswith("in 60 steps (one number a seed, 3 in all).")
    alone = train(PERCEPTRON, entrants=entrants, steps=60, batch_size=1, seed=3)
    assert theorem(alone).endswith(" in 60 steps.")


def train_alone(training: Training, entrant: tuple[str, dict[str, float]], seed: int) -> Training:
    """One run of a training with several seeds, on its split of the data: a fork from its beginning."""
    run = training.entrants.index(entrant) * len(training.regime.seeds) + seed
    return fork(training, run, 0, [entrant])


def test_a_class_that_is_not_in_a_set_does_not_count_in_its_mean():
    """Every row right is 100 % of everything, though a third class has no row; scikit-learn says so of the classes there."""
    training = train(IRIS, entrants=[("adam", {"lr": 0.05})], steps=150, batch_size=16)
    y, told = training.data.y_val, torch.from_numpy(predicted(training, 0).argmax(axis=0))
    kept = (y < 2) & (told == y)
    assert set(y[kept].tolist()) == {0, 1}
    lacking = replace(training, data=replace(training.data, x_val=training.data.x_val[kept], y_val=y[kept]))
    said = predicted(lacking, 0).argmax(axis=0)
    assert (said == y[kept].numpy()).all()
    rows = by_class(lacking, 0)
    assert [row[1:4] for row in rows[:2]] == [(1.0, 1.0, 1.0)] * 2
    assert np.isnan(rows[2][1:4]).all()
    assert rows[2][4] == 0
    assert [row[1:] for row in rows[3:]] == [(1.0, 1.0, 1.0, len(said))] * 2
    assert (absent(lacking), absent(training)) == (1, 0)


def test_means_over_the_classes_are_scikit_learns(monkeypatch):
    rng = np.random.default_rng(0)
    training = train(TASKS["digits_softmax"], entrants=[("sgd", {})], steps=1)
    y, said = rng.integers(0, 6, 80), rng.integers(0, 7, 80)  # class 6 is said and is not there; 7, 8 and 9 are neither
    monkeypatch.setattr(Training, "rows", lambda self, part: (np.zeros((80, 64)), y))
    monkeypatch.setattr(report, "predicted", lambda *_: np.eye(10)[said].T)
    *rows, mean, weighted = by_class(training, 0)
    for got, average in ((mean, "macro"), (weighted, "weighted")):
        theirs = precision_recall_fscore_support(y, said, labels=np.unique(y), average=average)
        np.testing.assert_allclose(got[1:4], theirs[:3], rtol=1e-12)
    assert absent(training) == 4
    assert [np.isnan(row[1]) for row in rows] == [False] * 7 + [True] * 3
    assert [np.isnan(row[3]) for row in rows] == [False] * 6 + [True] * 4
    assert rows[6][1] == 0.0


def test_what_ended_a_run_is_told_once_a_rule():
    training = train(IRIS, entrants=[("sgd", {}), ("adam", {})], steps=5, batch_size=16, seed=(0, 1))
    reason = "Adam could not make step 3 (ZeroDivisionError: float division by zero)"
    failed = replace(training, stopped=np.array([6, 6, 3, 3]), reasons={2: reason, 3: reason})
    assert ends(failed, ["SGD", "Adam"]) == [f"{reason}; it ends there, the others go on."]
    rows = {row["Rule"]: row["fate"] for row in standing(failed, ["SGD", "Adam"], tested=False)}
    assert rows == {"SGD": "", "Adam": "2 of 2 seeds failed, first at step 3"}
