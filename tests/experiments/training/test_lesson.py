"""A lesson: its link, the training that goes on beside the page, its forks, and what the board is told of it."""

import json
import re
import struct
import time
from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from experiments.numbers import number
from experiments.training.curves import fate, quartiles
from experiments.training.run import lesson_of
from experiments.training.spec import CHOICES, Lesson, read_lesson
from experiments.training.words import ends, standing, theorem, training_verdict
from figures.networks import signed
from networks import MLP, TASKS, train
from networks.analysis.paired import interval
from networks.analysis.perceptron import bound
from networks.analysis.report import by_class, confusion, first_weights, predicted, worst
from networks.model.widths import HIDDEN_LAYERS
from networks.tasks import usual_batch
from optimizers import ENTRANTS
from ui.complain import plain
from ui.components.board.message import SIDE, board_message, planes
from ui.widgets.forks import forked
from ui.widgets.gallery import gallery
from ui.widgets.own import table_task

FIRST = Lesson("digits_mlp", ("sgd", "adam"), (("adam.lr", 0.003), ("steps", 60.0)))


def read(data: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    (size,) = struct.unpack("<I", data[:4])
    header = json.loads(data[4 : 4 + size])
    places = header["arrays"].items()
    return header, {name: np.frombuffer(data[4 + size + a : 4 + size + b], dtype=kind) for name, (kind, a, b) in places}


@pytest.mark.parametrize("task", TASKS)
def test_a_lesson_survives_the_link(task):
    lesson = Lesson(task, tuple(ENTRANTS)[:12]).having({"adam.beta1": 0.8, "batch": 32.0, "seed": 7.0, "clip_norm": 2.0})
    assert read_lesson(lesson.link(), FIRST) == (lesson, [])
    other = {choice.name: list(choice.options(lesson.origin))[-1] for choice in lesson.offered}
    chosen = lesson.choosing(other)
    assert read_lesson(chosen.link(), FIRST) == (chosen, [])
    assert chosen.work.init == "zeros"


@pytest.mark.parametrize("choice", CHOICES, ids=[choice.name for choice in CHOICES])
def test_every_option_of_a_choice_can_be_trained(choice):
    offering = [task for task in TASKS.values() if len(choice.options(task)) > 1 and "mnist" not in task.key]
    assert offering
    for option in choice.options(offering[0]):
        lesson = Lesson(offering[0].key, ("adam",)).choosing({choice.name: option}).having({"steps": 10.0})
        going = lesson_of(lesson).start()
        going.wait(60)
        assert going.problem == ""
        assert going.so_far is not None
        assert going.so_far.steps == 10


@pytest.mark.parametrize(
    ("text", "found"), [("32-16", (32, 16)), ("8, 4", (8, 4)), ("", ()), (" 5 ", (5,)), ("3x3x3", (3, 3, 3))]
)
def test_widths_are_read_as_they_are_written(text, found):
    assert HIDDEN_LAYERS.read(text) == found


@pytest.mark.parametrize("text", ["0", "2000", "a-b", "-".join("8" * 11), "3.5"])
def test_bad_widths_get_one_sentence(text):
    with pytest.raises(ValueError, match=r"hidden layers = .* is not allowed: it must be up to 10 widths from 1 to 1024"):
        HIDDEN_LAYERS.read(text)


def test_what_a_task_has_not_is_left_behind():
    lesson = Lesson("digits_mlp", ("adam",)).having({"dropout": 0.3}).choosing({"activation": "gelu", "hidden": "20"})
    assert lesson.work.kind == MLP((20,), "gelu", 0.3)
    moved = Lesson("sentiment_lstm", lesson.rules, lesson.numbers, lesson.choices).choosing({}).having({})
    assert moved.choices == ()
    assert moved["dropout"] == 0.3


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ({"task": "atlantis"}, "task “atlantis” is unknown"),
        ({"rules": "sgd~adam~lamb"}, "rule “lamb” is unknown"),
        ({"steps": "1"}, "steps = 1 is not allowed"),
        ({"batch": "many"}, "batch = 'many' is not a number"),
        ({"adam.lr": "-1"}, "adam.lr = -1 is not allowed"),
        ({"colour": "red"}, "setting “colour” is unknown"),
        ({"hidden": "big"}, "hidden layers = “big” is not allowed"),
        ({"init": "ones"}, "init = ones is unknown"),
    ],
)
def test_a_bad_link_gets_one_sentence(link, told):
    lesson, problems = read_lesson({**FIRST.link(), **link}, FIRST)
    assert len(problems) == 1
    assert told in problems[0]
    assert lesson.rules


def test_an_ongoing_training_is_the_training():
    going = lesson_of(FIRST).start()
    going.wait(60)
    assert not going.running
    alone = train(TASKS["digits_mlp"], entrants=FIRST.entrants, steps=60, batch_size=64, seed=0)
    assert going.so_far is not None
    np.testing.assert_array_equal(going.so_far.x, alone.x)
    assert going.share == 1.0


def test_an_ongoing_training_stops_when_asked_and_goes_on_as_if_never_stopped():
    lesson = Lesson("digits_mlp", tuple(ENTRANTS)[:12]).having({"steps": 1500.0})
    going = lesson_of(lesson).start()
    end = time.monotonic() + 30
    while going.so_far is None and time.monotonic() < end:
        time.sleep(0.001)
    going.pause()
    going.wait(5)
    assert not going.running
    assert going.so_far is not None
    assert going.so_far.steps < 1500
    header, _ = read(board_message(going))
    assert header["state"] == "paused"
    going.go_on()
    going.wait(60)
    header, _ = read(board_message(going))
    assert header["state"] == "done"
    whole = lesson_of(lesson).start()
    whole.wait(60)
    assert whole.so_far is not None
    np.testing.assert_array_equal(whole.so_far.x, going.so_far.x)
    np.testing.assert_array_equal(whole.so_far.loss, going.so_far.loss)


def impossible() -> Lesson:
    """A lesson whose folds are more than the rows of a class."""
    text = "a,kind\n" + "\n".join(f"{i * i},{'rare' if i % 15 == 3 else 'common'}" for i in range(60))
    return Lesson("iris_mlp", ("sgd",)).learning(table_task("rare.csv", text.encode(), "")).choosing({"fold": "1"})


def test_a_training_that_cannot_be_says_why():
    going = lesson_of(impossible()).start()
    going.wait(30)
    assert going.problem.startswith("folds = 5 is not allowed: it must be from 2 to")


@pytest.mark.parametrize(
    ("wanted", "choices", "used", "told"),
    [
        (64, {}, 64, ""),
        (106, {}, 106, ""),
        (256, {}, 106, "batch = 256 is more than the 106 rows of the training set: 106 are used."),
        (256, {"fold": "1"}, 102, "batch = 256 is more than the 102 rows of the training set: 102 are used."),
    ],
)
def test_a_batch_is_no_larger_than_the_training_set(wanted, choices, used, told):
    lesson = Lesson("iris_mlp", ("sgd",)).having({"batch": float(wanted), "steps": 10.0}).choosing(choices)
    assert lesson.batch == (used, told)
    assert lesson.regime["batch_size"] == used
    assert lesson.link()["batch"] == str(wanted) if wanted != 64 else "batch" not in lesson.link()
    going = lesson_of(lesson).start()
    going.wait(30)
    assert not going.problem


def test_rows_drawn_again_count_for_the_batch():
    lesson = Lesson("cancer_mlp", ("sgd",)).having({"batch": 4000.0}).choosing({"balance": "oversample"})
    assert lesson.batch[0] == len(lesson.work.load(0).y_train) > lesson.choosing({"balance": "none"}).batch[0]


def test_what_cannot_be_split_has_the_batch_that_was_asked_for():
    assert impossible().having({"batch": 4000.0}).batch == (4000, "")


@pytest.mark.parametrize(
    ("rows", "batch"), [(1, 1), (7, 1), (8, 2), (42, 8), (63, 8), (64, 16), (224, 32), (256, 64), (9999, 64)]
)
def test_the_usual_batch_is_by_the_data(rows, batch):
    assert usual_batch(rows) == batch
    assert 4 * batch <= max(rows, 4)


@pytest.mark.parametrize("rows", [12, 40, 91, 92, 400])
def test_a_table_trains_at_once_however_small(rows):
    text = "a,kind\n" + "\n".join(f"{i * i},{'yes' if i % 2 else 'no'}" for i in range(rows))
    lesson = FIRST.learning(table_task("mine.csv", text.encode(), "")).having({"steps": 10.0})
    assert lesson["batch"] == usual_batch(lesson.work.rows(0))
    assert "batch" not in lesson.link()
    going = lesson_of(lesson).start()
    going.wait(30)
    assert not going.problem
    assert lesson.batch == (lesson["batch"], "")


@pytest.fixture(scope="module")
def done():
    going = lesson_of(FIRST).start()
    going.wait(60)
    assert going.so_far is not None
    return going


def test_the_board_is_told_what_was_recorded(done):
    header, _ = read(board_message(done))
    panels = {panel["title"]: panel for panel in header["panels"]}
    for title, solid, dashed in (("Loss", "val_loss", "train_loss"), ("Accuracy", "val_accuracy", "train_accuracy")):
        lines = panels[title]["lines"]
        for name, kept, first in ((solid, [line for line in lines if "dashed" not in line], 0), (dashed, lines[:2], 1)):
            told = np.array([line["values"] for line in kept]).T
            np.testing.assert_allclose(told, done.so_far.metrics[name][first:], rtol=1e-5)
    assert "window" not in header
    assert len(board_message(done)) < 60_000


def test_a_diverged_run_ends_its_curve_and_is_marked():
    going = lesson_of(Lesson("diabetes_mlp", ("sgd", "adam")).having({"sgd.lr": 100.0, "steps": 60.0})).start()
    going.wait(60)
    header, _ = read(board_message(going))
    assert header["runs"][0]["fate"].startswith("diverged at step")
    assert header["runs"][1]["fate"] == ""
    solid = [line for line in header["panels"][0]["lines"] if "dashed" not in line]
    assert solid[0]["values"][-1] is None
    assert solid[1]["values"][-1] is not None
    assert going.so_far is not None
    assert standing(going.so_far, ["SGD", "Adam"], tested=True)[-1]["fate"].startswith("diverged")


@pytest.mark.parametrize("task", ["moons_mlp", "blobs_softmax"])
def test_the_plane_is_what_the_network_says(task):
    going = lesson_of(Lesson(task, ("adam",)).having({"adam.lr": 0.01, "steps": 100.0})).start()
    going.wait(60)
    training = going.so_far
    assert training is not None
    header, arrays = read(board_message(going))
    (x0, x1, y0, y1), winners, shares = planes(training, SIDE)
    assert header["window"] == [x0, x1, y0, y1]
    said = torch.softmax(training.module(0)(torch.tensor([[x0, y0]], dtype=torch.float32)), dim=1)[0]
    assert shares[0, 0, 0] == pytest.approx(255 * said.max().item(), abs=1)
    assert winners[0, 0, 0] == said.argmax().item()
    assert arrays["shares"].reshape(SIDE, SIDE)[0, 0] == shares[0, 0, 0]
    assert len(arrays["points"]) == 3 * len(training.data.x_train)


def test_after_the_last_seed_comes_the_first():
    lesson, problems = read_lesson(
        {"task": "iris_mlp", "rules": "sgd", "seed": "9999", "seeds": "3"}, Lesson("wine_mlp", ("adam",))
    )
    assert problems == []
    assert lesson.seeds == (9999, 0, 1)


def test_several_seeds_are_drawn_as_median_and_quartiles():
    lesson = Lesson("iris_mlp", ("sgd", "adam")).choosing({"seeds": "3"}).having({"steps": 40.0})
    going = lesson_of(lesson).start()
    going.wait(60)
    training = going.so_far
    assert training is not None
    assert training.runs == 6
    header, _ = read(board_message(going))
    assert [run["title"] for run in header["runs"]] == ["SGD", "Adam"]
    line = next(line for line in header["panels"][0]["lines"] if "dashed" not in line and line["run"] == 1)
    values = training.metrics["val_loss"][-1, 3:]
    np.testing.assert_allclose(
        [line[k][-1] for k in ("low", "values", "high")], np.quantile(values, (0.25, 0.5, 0.75)), rtol=1e-5
    )
    assert np.isnan(quartiles(_dead(training), "val_loss", slice(0, 3))[:, -1]).all()


def _dead(training):
    return replace(training, stopped=np.array([1, 1, 41, 41, 41, 41]))


def test_no_winner_is_named_when_the_interval_crosses_zero(done):
    going = lesson_of(Lesson("iris_mlp", ("sgd", "adam")).choosing({"seeds": "5"}).having({"steps": 10.0})).start()
    going.wait(30)
    training = going.so_far
    assert training is not None

    def told(*losses: float) -> str:
        metrics = {**training.metrics, "val_loss": np.array([losses])}
        return training_verdict(replace(training, metrics=metrics), ["SGD", "Adam"])

    apart, across = (1.0, 2.0, 3.0, 4.0, 5.0), (0.9, 2.2, 2.9, 4.2, 4.7)
    assert told(*apart, *across).startswith("No winner: SGD ends")
    assert told(*apart, 0.5, 1.4, 2.5, 3.6, 4.5) == (
        "Adam ends lowest: SGD is 0.5 above it on average, 95 % interval from 0.4122 to 0.5878 over 5 paired seeds."
    )
    assert training_verdict(done.so_far, ["SGD", "Adam"]) == ""


def test_the_interval_is_students():
    # Student's own sleep data (Biometrika 6, 1908): differences of ten patients, mean 1.58, 95 % from 0.70 to 2.46.
    one = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    other = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    assert interval(one, other) == pytest.approx((1.58, 0.7001, 2.4599), abs=1e-4)


def test_a_fork_is_drawn_from_where_it_parts(done):
    training = done.so_far
    same = forked(training, done.lesson, 1, 33, "adam", "adam", {"lr": 0.003}, 0).start()
    other = forked(training, done.lesson, 1, 33, "adam", "sgd", {"lr": 0.01}, 1).start()
    for one in (same, other):
        one.wait(30)
    assert same.so_far is not None
    np.testing.assert_array_equal(same.so_far.x[0], training.x[1])
    assert "unchanged" in same.title
    header, _ = read(board_message(done, [same, other]))
    assert [run.get("forked") for run in header["runs"]] == [None, None, 33, 33]
    assert len({run["colour"] for run in header["runs"]}) == 4
    line = next(line for line in header["panels"][0]["lines"] if line["run"] == 3 and "dashed" not in line)
    assert line["steps"][0] == 33


def test_a_report_counts_what_torch_says(done):
    training = done.so_far
    x, y = training.rows("val")
    said = training.module(1)(torch.from_numpy(x)).argmax(dim=1).numpy()
    counts = confusion(training, 1)
    assert counts.sum() == len(y)
    assert counts.trace() == (said == y).sum()
    name, precision, recall, f1, rows = by_class(training, 1)[3]
    right = counts[3, 3]
    assert (name, rows) == ("3", counts[3].sum())
    assert (precision, recall) == pytest.approx((right / counts[:, 3].sum(), right / counts[3].sum()))
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    shares = predicted(training, 1)
    for row, wrongly, share in worst(training, 1, 5):
        assert wrongly == said[row] != y[row]
        assert share == pytest.approx(shares[:, row].max())
    weights = first_weights(training, 1, 4)
    assert weights is not None
    np.testing.assert_array_equal(weights[2].ravel(), next(training.module(1).parameters()).detach()[2].numpy())


def test_novikoffs_bound_holds_for_the_perceptron():
    lesson = Lesson("iris_perceptron", ("sgd",)).having({"batch": 1.0, "steps": 300.0, "sgd.lr": 1.0})
    going = lesson_of(lesson).start()
    going.wait(30)
    training = going.so_far
    assert training is not None
    found = bound(*training.rows("train"))
    assert found is not None
    mistakes = int((training.accuracy[:, 0] < 1).sum())
    assert 0 < mistakes <= found[2]
    assert f"SGD {mistakes}" in theorem(training)
    crossed = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert bound(crossed, np.array([0, 0, 1, 1])) is None
    radius, margin, most = bound(np.array([[-1.0], [1.0]]), np.array([0, 1])) or (0, 0, 0)
    assert (radius, margin, most) == pytest.approx((2**0.5, 1.0, 2.0), rel=1e-4)


def test_a_table_of_ones_own_becomes_a_task():
    text = "a,b,kind\n" + "\n".join(f"{i * i},{i % 7},{'yes' if i % 2 else 'no'}" for i in range(60))
    lesson = Lesson("iris_mlp", ("adam",)).having({"steps": 20.0, "batch": 16.0})
    going = lesson_of(lesson.learning(table_task("mine.csv", text.encode(), ""))).start()
    going.wait(30)
    assert going.problem == ""
    assert going.so_far is not None
    assert going.so_far.data.classes == ("no", "yes")
    with pytest.raises(ValueError, match=r"the file is not text"):
        table_task("picture.png", b"\x89PNG\r\n\x1a\n", "")


def test_a_gallery_shows_the_pixels_and_takes_no_markup():
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    text = gallery(pixels, ["a<b>", ""], side=40)
    assert "a&lt;b&gt;" in text
    assert "<b>" not in text
    images = [np.array(Image.open(BytesIO(b64decode(one)))) for one in re.findall(r"base64,([^\"]+)", text)]
    np.testing.assert_array_equal(images, pixels)


def test_the_smallest_weight_is_blue_and_the_largest_red():
    blue, white, red = signed(np.array([[[-2.0, 0.0, 2.0]]]))[0, 0].tolist()
    assert blue[2] > blue[0]
    assert min(white) > 230
    assert red[0] > red[2]
    assert (signed(np.zeros((1, 2, 2))) == white).all()


def test_a_table_of_two_features_and_a_number_to_predict_has_no_plane():
    text = "a,b,price\n" + "\n".join(f"{i * i},{i % 7},{3 * i - i % 7 + 0.25}" for i in range(60))
    lesson = Lesson("iris_mlp", ("adam",)).having({"steps": 10.0, "batch": 8.0})
    going = lesson_of(lesson.learning(table_task("prices.csv", text.encode(), "")))
    going.start().wait(30)
    header, _ = read(board_message(going))
    assert "window" not in header
    assert len(header["panels"]) == 5


def test_a_class_of_one_row_is_told_when_the_table_comes():
    text = "a,kind\n" + "\n".join(f"{i},{'rare' if i == 3 else 'common'}" for i in range(30))
    with pytest.raises(ValueError, match="class rare has 1 rows: allowed are 3 or more"):
        table_task("rare.csv", text.encode(), "")


def test_who_is_out_of_patience_keeps_what_it_had():
    lesson = Lesson("digits_mlp", ("sgd", "adam")).having({"patience": 2.0, "adam.lr": 0.05, "steps": 400.0})
    going = lesson_of(lesson).start()
    going.wait(60)
    training = going.so_far
    assert training is not None
    assert training.finished[1] < training.steps
    row = next(row for row in standing(training, ["SGD", "Adam"], tested=True) if row["Rule"] == "Adam")
    at = training.metric_steps.tolist().index(training.kept[1])
    assert at == training.metrics["val_loss"][: training.metric_steps.tolist().index(training.finished[1]) + 1, 1].argmin()
    assert row["validation loss"] == number(float(training.metrics["val_loss"][at, 1]))
    assert row["training loss"] == number(float(training.metrics["train_loss"][at, 1]))
    assert row["fate"] == f"out of patience at step {training.finished[1]}"
    (sentence,) = ends(training, ["SGD", "Adam", "a fork"])
    assert sentence.endswith(f"again: Adam of step {training.kept[1]}.")
    last = train(TASKS["digits_mlp"], entrants=lesson.entrants, **lesson.choosing({"keep": "last"}).regime)
    assert ends(last, ["SGD", "Adam"]) == []
    shown = next(row for row in standing(last, ["SGD", "Adam"], tested=True) if row["Rule"] == "Adam")
    ended = training.metric_steps.tolist().index(training.finished[1])
    assert shown["validation loss"] == number(float(training.metrics["val_loss"][ended, 1]))
    at = ended
    middle = quartiles(training, "val_loss", slice(1, 2))[1]
    assert np.isfinite(middle[: at + 1]).all()
    assert np.isnan(middle[at + 1 :]).all()
    both = replace(training, regime=replace(training.regime, seeds=(0, 1)))
    kept = quartiles(both, "val_loss", slice(0, 2))
    assert np.isfinite(kept[:, training.metric_steps <= training.finished.max()]).all()
    assert "1 of 2 seeds" in fate(both, slice(0, 2)) or "2 of 2 seeds" in fate(both, slice(0, 2))


def test_names_from_a_file_are_not_obeyed_as_markup():
    assert plain("$a$ **no**") == r"\$a\$ \*\*no\*\*"
    assert plain("Zürich 7") == "Zürich 7"
