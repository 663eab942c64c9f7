"""Columns become inputs by the training rows alone: what is of no use is left out and said, words become ones and zeros."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from networks import MLP, train
from networks.data.encoding import MOST_LEVELS, Column, one_hot, parted
from networks.data.prepare import Data, FileTable, Preparation, Table, data_of, split
from networks.data.text_table import csv_table
from networks.tasks import NetworkTask
from tests.lookalikes import LOOKALIKES

PARTS = ("x_train", "x_val", "x_test")


def table(rows: int = 200) -> FileTable:
    """A number, words of three kinds, one of them rare, and a target of two classes."""
    rng = np.random.default_rng(0)
    words = np.array([1.0, 2.0])[np.arange(rows) % 2]
    words[7] = 0
    columns = (Column("size"), Column("kind", "words", ("odd", "red", "blue")))
    y = np.arange(rows) // 2 % 2
    return FileTable(np.c_[rng.normal(3, 2, rows), words], y, ("a", "b"), (2,), columns=columns, target="t")


def told(data: Data) -> dict[str, str]:
    return {name: became for name, _, became in data.told}


def own(some: Table) -> NetworkTask:
    return NetworkTask("own", "own.csv", lambda seed: some, MLP((4,)), (1,), len(some.classes))


def test_numbers_are_scaled_and_words_are_ones_and_zeros():
    some = table()
    train_rows, val, _ = split(some, 0)
    data = data_of(some, 0)
    sizes = some.x[train_rows, 0]
    np.testing.assert_allclose(data.x_val[:, 0], (some.x[val, 0] - sizes.mean()) / sizes.std(), rtol=1e-5)
    np.testing.assert_array_equal(data.x_val[:, 1:3].numpy(), np.stack([some.x[val, 1] == 1, some.x[val, 1] == 2], axis=1))
    assert told(data)["size"] == "scaled to mean 0, deviation 1"
    assert told(data)["kind"].startswith("one-hot: red, blue")
    assert data.told[-1] == ("t", "the target", "2 classes: a, b")
    assert data.shape == (data.x_train.shape[1],)


@pytest.mark.parametrize("scaling", ["none", "standard", "minmax"])
@pytest.mark.parametrize("outliers", ["keep", "clip"])
@pytest.mark.parametrize("share", [1, 2])
def test_statistics_levels_and_what_is_left_out_are_of_the_training_rows_alone(scaling, outliers, share):
    some, wanted = table(), Preparation(scaling=scaling, outliers=outliers)
    x = np.c_[some.x, np.full(200, 4.0), np.arange(200.0)]
    columns = (*some.columns, Column("constant"), Column("counter", counter=True))
    some = replace(some, x=x, columns=columns)
    x[split(some, 0)[0][:5], 0] = np.nan
    before = data_of(some, 0, wanted)
    planted = replace(some, x=x.copy())
    planted.x[split(some, 0)[share][0]] = [1e9, 0, 9, 0]
    after = data_of(planted, 0, wanted)
    assert torch.equal(before.x_train, after.x_train)
    assert told(before)["kind"] == told(after)["kind"]
    for name in PARTS[1:]:
        assert torch.equal(getattr(before, name)[1:], getattr(after, name)[1:])


def test_a_word_that_training_never_saw_counts_as_rare():
    columns = [Column("kind", "words", ("a", "b", "c", "d"))]
    seen = np.repeat([0.0, 1.0, 2.0], [150, 149, 1])[:, None]
    parts, (became,) = one_hot(columns, [seen, np.array([[3.0], [2.0], [0.0], [np.nan]])])
    assert parts[1].tolist() == [[0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 1]]
    assert became == "one-hot: a, b, and a rare one"
    parts, (became,) = one_hot(columns, [seen[:299], np.array([[3.0], [0.0]])])
    assert parts[1].tolist() == [[0, 0], [1, 0]]
    assert became == "one-hot: a, b"


def test_many_words_become_few_columns():
    levels = tuple(f"word {i}" for i in range(60))
    codes = np.concatenate([np.arange(60.0), np.repeat(np.arange(19.0), 50)])[:, None]
    (part,), (became,) = one_hot([Column("city", "words", levels)], [codes])
    assert part.shape[1] == MOST_LEVELS
    assert (part.sum(axis=1) == 1).all()
    assert became == "one-hot: word 0, word 1, word 2, word 3, word 4, word 5 and 13 more, and 41 rare ones together"


def test_a_missing_word_is_one_of_its_own():
    (part,), (became,) = one_hot([Column("kind", "words", ("a",))], [np.array([[0.0], [np.nan]] * 9)])
    assert part[:2].tolist() == [[0, 1], [1, 0]]
    assert became == "one-hot: no value, a"


def test_too_many_ones_and_zeros_are_refused(monkeypatch):
    monkeypatch.setattr("networks.data.encoding.MOST_NUMBERS", 39)
    with pytest.raises(ValueError, match="20 rows of 2 features or classes are 40 numbers: allowed are at most 39"):
        one_hot([Column("kind", "words", ("a", "b"))], [np.array([[0.0], [1.0]] * 10)])


COUNT = np.arange(40.0)
PLAIN = np.sin(COUNT)


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        (Column("x"), np.full(40, np.nan), "has no value in the training rows"),
        (Column("x"), np.full(40, 3.0), "has one value in the training rows, 3"),
        (Column("x"), np.where(COUNT < 4, np.nan, 3.0), "has one value in the training rows, 3"),
        (Column("x", levels=("a", "b")), np.ones(40), "has one value in the training rows, b"),
        (Column("x", levels=("a", "b")), np.where(COUNT < 4, np.nan, 1.0), ""),
        (Column("x", counter=True), COUNT, "counts the rows, which in a sorted table would give the target away"),
        (
            Column("x", levels=tuple("w" * i for i in range(40))),
            COUNT,
            "has 40 different words in 40 training rows: it names rows",
        ),
        (Column("x", levels=tuple("w" * i for i in range(40))), COUNT % 20, ""),
        (Column("PassengerId"), COUNT * 3, "has another whole number in every training row: it names rows"),
        (Column("user_id"), COUNT * 3, "has another whole number in every training row: it names rows"),
        (Column("ID"), COUNT * 3, "has another whole number in every training row: it names rows"),
        (Column("paid"), COUNT * 3, ""),
        (Column("id"), COUNT % 30, ""),
        (Column("id"), PLAIN, ""),
    ],
)
def test_what_is_left_out(column, values, why):
    useless, numbers, words = parted([column, Column("plain")], np.c_[values, PLAIN])
    assert useless == ({0: why} if why else {})
    assert (numbers, words) == ([1] if why or column.levels else [0, 1], [] if why or not column.levels else [0])


def test_a_counter_that_is_all_there_is_is_kept():
    assert parted([Column("x", counter=True)], COUNT[:, None]) == ({}, [0], [])
    with pytest.raises(
        ValueError, match="no column beside the target says anything: 'x' has one value in the training rows, 0"
    ):
        parted([Column("x")], 0 * COUNT[:, None])


def test_an_index_gives_no_sorted_class_away():
    text = ",a,b,kind\n" + "\n".join(f"{i},{(i * 7) % 11},{(i * 5) % 13},{'yes' if i < 50 else 'no'}" for i in range(100))
    for head in (",a,b,kind", "Unnamed: 0,a,b,kind", "a,b,kind", "number,a,b,kind"):
        data = data_of(csv_table(text.replace(",a,b,kind", head, 1)), 0)
        assert data.x_train.shape[1] == 2
        assert data.told[0][2] == "left out: it counts the rows, which in a sorted table would give the target away"


def test_a_task_has_as_many_inputs_as_the_training_rows_say():
    some = table(110)
    widths = {}
    for seed in range(8):
        training = train(own(some), entrants=[("adam", {})], steps=3, batch_size=16, seed=seed)
        widths[seed] = training.data.x_train.shape[1]
        assert training.task.model.blocks[0].shape[1] == widths[seed]
        assert np.isfinite(training.metrics["val_loss"]).all()
    assert set(widths.values()) == {3, 4}  # the rare word is not always among the training rows
    assert {seed for seed, width in widths.items() if width == 4} == {seed for seed in range(8) if 7 in split(some, seed)[0]}


@pytest.mark.parametrize("lookalike", LOOKALIKES, ids=lambda one: one.name)
def test_tables_that_people_try_first_train_better_than_their_mean(lookalike):
    some = csv_table(lookalike.content, lookalike.target or None)
    task = replace(own(some), loss="cross_entropy" if some.classes else "mse", shape=data_of(some, 0).x_train.shape[1:])
    training = train(task, entrants=[("adam", {"lr": 0.02})], steps=60, batch_size=32)
    assert training.metrics["train_loss"][-1, 0] < training.metrics["val_loss"][0, 0]
    y = training.data.y_train.numpy()
    chance = (np.bincount(y).max() / len(y)) if some.classes else 1.0
    if some.classes:
        assert training.metrics["train_accuracy"][-1, 0] >= 0.9 * chance
    else:
        assert training.metrics["train_loss"][-1, 0] < chance
    again = pickle.loads(pickle.dumps(some))
    assert torch.equal(data_of(again, 0).x_val, training.data.x_val)
