"""A lesson: its link, the training that goes on beside the page, and what the board is told of it."""

import json
import struct

import numpy as np
import pytest
import torch

from networks import TASKS, train
from optimizers import RULES
from ui.board.message import SIDE, pack
from ui.lesson import Lesson, Ongoing, plane, read_lesson

FIRST = Lesson("digits_mlp", ("sgd", "adam"), (("adam.lr", 0.003), ("steps", 60.0)))


def read(data: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    (size,) = struct.unpack("<I", data[:4])
    header = json.loads(data[4 : 4 + size])
    places = header["arrays"].items()
    return header, {name: np.frombuffer(data[4 + size + a : 4 + size + b], dtype=kind) for name, (kind, a, b) in places}


@pytest.mark.parametrize("task", TASKS)
def test_a_lesson_survives_the_link(task):
    lesson = Lesson(task, tuple(RULES)[:12]).having({"adam.beta1": 0.8, "batch": 32.0, "seed": 7.0})
    assert read_lesson(lesson.link(), FIRST) == (lesson, [])


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ({"task": "atlantis"}, "task “atlantis” is unknown"),
        ({"rules": "sgd~adam~lamb"}, "rule “lamb” is unknown"),
        ({"steps": "1"}, "steps = 1 is not allowed"),
        ({"batch": "many"}, "batch = 'many' is not a number"),
        ({"adam.lr": "-1"}, "adam.lr = -1 is not allowed"),
        ({"colour": "red"}, "setting “colour” is unknown"),
    ],
)
def test_a_bad_link_gets_one_sentence(link, told):
    lesson, problems = read_lesson({**FIRST.link(), **link}, FIRST)
    assert len(problems) == 1
    assert told in problems[0]
    assert lesson.rules


def test_an_ongoing_training_is_the_training():
    going = Ongoing(FIRST).start()
    going.wait(60)
    assert not going.running
    alone = train(TASKS["digits_mlp"], entrants=FIRST.entrants, steps=60, batch_size=64, seed=0)
    assert going.so_far is not None
    np.testing.assert_array_equal(going.so_far.x, alone.x)
    assert going.share == 1.0


def test_an_ongoing_training_stops_when_asked():
    going = Ongoing(Lesson("digits_mlp", tuple(RULES)[:12]).having({"steps": 5000.0})).start()
    while going.so_far is None:
        pass
    going.stop()
    going.wait(5)
    assert not going.running
    assert len(going.so_far.loss) < 5000
    header, _ = read(pack(going))
    assert (header["stopped"], header["running"]) == (True, False)


def test_a_training_that_cannot_be_says_why():
    going = Ongoing(Lesson("iris_mlp", ("sgd",)).having({"batch": 256.0})).start()
    going.wait(30)
    assert going.problem.startswith("batch_size = 256 is not allowed: it must be from 1 to")


def test_the_board_is_told_what_was_recorded():
    going = Ongoing(FIRST).start()
    going.wait(60)
    header, _ = read(pack(going))
    panels = {panel["title"]: panel for panel in header["panels"]}
    metrics = going.so_far.metrics if going.so_far else {}
    np.testing.assert_allclose(np.array(panels["Validation loss"]["values"]).T, metrics["val_loss"], rtol=1e-5)
    np.testing.assert_allclose(np.array(panels["Validation accuracy"]["values"]).T, metrics["val_accuracy"], rtol=1e-5)
    assert "window" not in header


def test_a_diverged_run_ends_its_curve_and_is_marked():
    going = Ongoing(Lesson("diabetes_mlp", ("sgd", "adam")).having({"sgd.lr": 100.0, "steps": 60.0})).start()
    going.wait(60)
    header, _ = read(pack(going))
    assert header["runs"][0]["stopped"] < 60
    assert header["runs"][1]["stopped"] is None
    assert header["panels"][0]["values"][0][-1] is None
    assert header["panels"][0]["values"][1][-1] is not None


def test_the_plane_is_what_the_network_says():
    going = Ongoing(Lesson("moons_mlp", ("adam",)).having({"adam.lr": 0.01, "steps": 100.0})).start()
    going.wait(60)
    training = going.so_far
    assert training is not None
    header, arrays = read(pack(going))
    (x0, x1, y0, y1), shares = plane(training, SIDE) or ([0.0] * 4, np.zeros(0))
    assert header["window"] == [x0, x1, y0, y1]
    module = training.module(0)
    point = torch.tensor([[x0, y0]], dtype=torch.float32)
    assert shares[0, 0, 0] == pytest.approx(torch.softmax(module(point), dim=1)[0, 1].item(), abs=1e-5)
    assert arrays["shares"].reshape(SIDE, SIDE)[0, 0] == round(255 * float(shares[0, 0, 0]))
    assert len(arrays["points"]) == 3 * len(training.data.x_train)
