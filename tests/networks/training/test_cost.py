"""What work is said to take: never less memory than it takes, nor much more; and what is said of work that takes too much."""

import re
import resource
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.hosting.jobs import Nursery, done
from experiments import budget
from experiments.budget import HALL, fewer, refusal
from experiments.hall import in_line
from experiments.network_sweep.spec import NetworkSweep
from experiments.network_sweep.spec import OngoingSweep as Swept
from experiments.training.run import lesson_of
from experiments.training.spec import Lesson
from networks import CNN, MLP, TASKS, train
from networks.model.architectures import Reader
from networks.model.layers.recurrent import GRU
from networks.training.cost import BASE, ROOM, cost_of, fork_cost, sweep_cost
from networks.training.sweep import train_grid
from networks.training.training import small
from tests.networks.training import test_cost as here

PAGES = Path(__file__).parents[3] / "pages"
DIGITS, ROWS, MNIST = TASKS["digits_mlp"], TASKS["digits_gru"], TASKS["mnist_mlp"]
SIX = [(key, {}) for key in ("adam", "sgd", "momentum", "amsgrad", "rmsprop", "nadam")]
WIDE = MLP((512,) * 4)
CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "few parameters": (DIGITS, SIX[:1], {"steps": 20}),
    "many runs": (DIGITS, SIX, {"steps": 20, "seed": (0, 1, 2, 3, 4)}),
    "a large batch": (DIGITS, SIX, {"steps": 5, "seed": (0, 1, 2, 3, 4), "batch_size": 1200}),
    "wide layers": (replace(DIGITS, kind=WIDE), SIX[:1], {"steps": 4}),
    "without slots": (replace(DIGITS, kind=WIDE), SIX[1:2], {"steps": 4}),
    "wide layers, many runs": (replace(DIGITS, kind=WIDE), SIX, {"steps": 2, "seed": (0, 1)}),
    "effects": (replace(DIGITS, kind=WIDE), SIX, {"steps": 2, "l2": 0.1, "l1": 0.1, "clip_norm": 1.0, "weight_decay": 0.1}),
    "double precision": (replace(DIGITS, kind=WIDE), SIX[:2], {"steps": 2, "dtype": "float64"}),
    "the best is kept": (replace(DIGITS, kind=WIDE), SIX, {"steps": 4, "patience": 2}),
    "dropout": (replace(DIGITS, kind=replace(WIDE, dropout=0.3)), SIX[:1], {"steps": 3, "batch_size": 1200}),
    "convolutions": (replace(TASKS["digits_cnn"], kind=CNN((64, 64))), SIX[:2], {"steps": 2, "batch_size": 1200}),
    "recurrent": (replace(ROWS, kind=Reader(GRU(256))), SIX[:3], {"steps": 2, "batch_size": 600}),
    "many inputs": (MNIST, SIX[:2], {"steps": 2, "batch_size": 3000, "seed": (0, 1, 2)}),
}


@pytest.fixture(scope="module")
def nursery():
    nursery = Nursery(["tests.networks.training.test_cost"])
    yield nursery
    nursery.close()


def height() -> int:
    """Bytes, the most that this process has had; one that is forked begins with what there is."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def climbed(work: Any, *, watch: Any, progress: Any, should_stop: Any) -> int:
    """How many bytes more than before it takes."""
    before = height()
    work(watch=watch, progress=progress, should_stop=should_stop)
    return height() - before


def measured(nursery: Nursery, work: Any) -> int:
    hear: dict[str, Any] = {"watch": lambda _: None, "progress": lambda _: None, "should_stop": lambda: False}
    return done(nursery, partial(here.climbed, work), small, **hear, most=4e9)


@pytest.mark.parametrize(("task", "entrants", "regime"), CASES.values(), ids=CASES)
def test_a_training_takes_what_is_said(nursery, task, entrants, regime):
    whole = {"batch_size": 64, "seed": (0,), **regime}
    cost, real = cost_of(task, entrants, **whole), measured(nursery, partial(train, task, entrants=entrants, **whole))
    assert real <= cost.bytes - cost.kept <= 3 * real + BASE


def test_what_is_kept_is_what_a_training_leaves():
    for kind, steps in ((MLP((32, 16)), 30), (WIDE, 2)):
        task, regime = replace(DIGITS, kind=kind), {"steps": steps, "batch_size": 64, "seed": (0, 1)}
        training = train(task, entrants=SIX, **regime)
        real = training.x0.nbytes + training.x.nbytes + sum(one.nbytes for one in training.snapshots)
        assert 0.6 * real <= cost_of(task, SIX, **regime).kept <= 3 * real


def test_a_sweep_takes_what_is_said_however_many_its_runs(nursery):
    task, axes = replace(DIGITS, kind=MLP((256,))), {"lr": np.geomspace(1e-4, 1, 32)}
    regime = {"steps": 1, "batch_size": 64, "seed": (0, 1, 2, 3, 4)}
    cost = sweep_cost(task, SIX, axes, **regime)
    assert cost.bytes == ROOM
    assert measured(nursery, partial(train_grid, task, entrants=SIX, axes=axes, **regime)) <= cost.bytes


def test_costs_grow_as_they_should():
    regime = {"steps": 100, "batch_size": 64, "seed": (0,)}
    one = cost_of(DIGITS, SIX[:1], **regime)
    assert cost_of(DIGITS, SIX, **regime).bytes > one.bytes
    assert cost_of(DIGITS, SIX[:1], **{**regime, "steps": 5000}).seconds > 20 * one.seconds
    assert fork_cost(DIGITS, SIX, step=50, key="adam", **regime).bytes > one.bytes
    rates = {"lr": np.ones(16)}
    assert sweep_cost(DIGITS, SIX, rates, **regime).seconds > 10 * cost_of(DIGITS, SIX, **regime).seconds


# Words

TEN = "-".join(["1024"] * 10)
TWELVE = "sgd~momentum~nesterov~adagrad~rmsprop~adadelta~adam~adamw~adamax~nadam~amsgrad~radam"


def lesson(rules: str = TWELVE, seeds: str = "5", hidden: str = TEN, **numbers: float) -> Lesson:
    made = Lesson("digits_mlp", tuple(rules.split("~"))).choosing({"seeds": seeds, "hidden": hidden})
    return made.having(numbers)


@pytest.fixture
def room(monkeypatch):
    monkeypatch.setattr(HALL, "room", 3e9)
    monkeypatch.setattr(budget, "LONGEST", 3600.0)


def test_too_large_a_training_is_refused_and_what_would_fit_does(room):
    told = lesson_of(lesson()).refusal
    found = re.fullmatch(
        r"12 rules × 5 seeds of this network with 9,523,210 parameters would take about (\d+) GB of memory; 3 GB are allowed: "
        r"(\d+) rules? with (\d) seeds? would fit\.",
        told,
    )
    assert found, told
    assert int(found[1]) > 10
    rules, seeds = int(found[2]), found[3]
    smaller = lesson("~".join(TWELVE.split("~")[:rules]), seeds)
    assert lesson_of(smaller).refusal == ""
    assert lesson_of(lesson("~".join(TWELVE.split("~")[: rules + 1]), seeds)).refusal


def test_too_long_a_training_is_refused_and_fewer_steps_fit(room):
    told = lesson_of(lesson("adam", "1", steps=5000.0)).refusal
    found = re.search(r"would take about ([\d.]+) (min|hours); 60 min are allowed: (\d+) steps would fit\.$", told)
    if found:  # on its own it may be short enough
        assert lesson_of(lesson("adam", "1", steps=float(found[3]))).refusal == ""
    long = lesson(TWELVE, "1", TEN.replace("1024", "256"), steps=5000.0, batch=1200.0)
    found = re.search(r"60 min are allowed: (\d+) steps would fit\.$", lesson_of(long).refusal)
    assert found, lesson_of(long).refusal
    assert lesson_of(long.having({"steps": float(found[1])})).refusal == ""


def test_too_large_a_sweep_is_refused(room):
    for steps in (200.0, 1000.0):
        told = Swept(NetworkSweep(lesson("sgd~adam", "5", steps=steps), many=32)).refusal
        assert told.startswith("320 runs of this network with 9,523,210 parameters would take about")
        assert told.endswith("would fit.")
    assert Swept(NetworkSweep(lesson("sgd~adam", "5", "32-16"), many=32)).refusal == ""


def test_what_every_visitor_begins_with_is_not_refused(room):
    for task in TASKS:
        for rules in ("sgd~adam", TWELVE):
            made = Lesson(task, tuple(rules.split("~")))
            assert "parameters would take" not in lesson_of(made).refusal or "mnist_cnn" in task


def test_a_refused_training_is_not_begun_even_where_nobody_asked_before(room):
    going = lesson_of(lesson()).start()
    going.wait(10)
    assert going.so_far is None
    assert "would take about" in going.problem


@pytest.mark.parametrize(("page", "key"), [("training", "networks"), ("network_sweep", "sweep")])
def test_the_page_says_it_and_the_last_picture_stays(page, key, room):
    app = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=30)
    app.query_params.update({"task": "iris_mlp", "rules": "sgd~adam", "steps": "10", "seeds": "5"})
    before = app.run().session_state[f"{key}.going"]
    before.wait(90)
    app.run()
    HALL.room = 1.0
    app.multiselect(key=f"{key}.rules").set_value(["sgd"]).run()
    assert not app.exception
    assert ["would take about" in warning.value for warning in app.warning] == [True]
    assert app.session_state[f"{key}.going"] is before
    assert before.so_far is not None
    assert app.table


def test_a_place_in_line_is_said_as_people_do():
    said = [in_line(place) for place in (1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111)]
    assert said == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th"]


def test_where_nothing_fits_that_is_said(room):
    cost = replace(cost_of(DIGITS, SIX, steps=10, batch_size=64, seed=(0,)), bytes=4.2e9)
    assert refusal("It", cost, iter([])) == (
        "It would take about 4.2 GB of memory; 3 GB are allowed: a smaller network may fit."
    )
    assert list(fewer(1000, replace(cost, seconds=36_000.0))) == [100, 66, 44, 29, 19, 12]
    assert [*fewer(5, replace(cost, seconds=3600.1)), *fewer(5000, replace(cost, seconds=10.0))] == []
