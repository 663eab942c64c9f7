"""A sweep over a network: every run is the training of its values alone, and what is said of it is what it came to."""

import math
import re
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from experiments.axis import Axis
from experiments.network_sweep.spec import NetworkSweep, OngoingSweep, beside, read_sweep, swept_options
from experiments.network_sweep.words import Standing, outcome, share, sweep_verdict, width
from experiments.training.spec import Lesson, read_lesson
from figures import netsweep
from figures.maps import Shade, Side
from networks import TASKS, train
from networks.training import sweep as module
from networks.training.sweep import MEASURES, TrainedGrid, hypers_of, measures_of, train_grid
from networks.training.training import Training
from optimizers import ENTRANTS
from tests.experiments.training.test_lesson import impossible

PAGE = Path(__file__).parents[3] / "pages" / "network_sweep.py"
DIGITS, DIABETES, IRIS = (TASKS[key] for key in ("digits_mlp", "diabetes_mlp", "iris_mlp"))
LRS = np.geomspace(1e-3, 1.0, 4)
FIRST = NetworkSweep(Lesson("digits_mlp", ("sgd", "adam"), (("steps", 20.0),)))


def alone(found: TrainedGrid, cell: tuple[int, ...], task: Any, entrants: Any, **regime: Any) -> Training:
    """The training of one cell's values."""
    key, numbers = entrants[cell[0]]
    own = {name: float(values[place]) for (name, values), place in zip(found.axes.items(), cell[1:], strict=True)}
    return train(task, entrants=[(key, {**numbers, **own})], **regime)


def assert_alone(found: TrainedGrid, task: Any, entrants: Any, cells: Any, **regime: Any) -> None:
    """The cells are, bit for bit, what `train` makes of their values alone."""
    for cell in cells:
        one = alone(found, cell, task, entrants, **regime)
        np.testing.assert_array_equal(found.stopped[cell], np.where(one.diverged, one.stopped, found.steps + 1))
        for key, values in found.outcomes.items():
            told = np.where(one.diverged, np.nan, MEASURES[key].of(one))
            np.testing.assert_array_equal(values[cell], told)


ENTERED = [("adam", {"beta1": 0.8}), ("momentum", {}), ("adamw", {})]
REGIME = {"steps": 25, "batch_size": 32, "seed": (3, 4)}


@pytest.mark.parametrize("axes", [{"lr": LRS}, {"lr": LRS[:3], "weight_decay": [1e-3, 0.1]}], ids=["lr", "lr and decay"])
def test_a_run_is_bitwise_the_training_of_its_values(axes):
    found = train_grid(DIGITS, entrants=ENTERED, axes=axes, **REGIME)
    assert found.complete
    cells = [(entrant, *places) for entrant in range(3) for places in np.ndindex(found.done.shape[1:])]
    assert_alone(found, DIGITS, ENTERED, cells[::3], **REGIME)


def test_a_number_of_the_rule_rounds_as_it_does_alone():
    entrants, axes = [("adam", {})], {"lr": [1e-2, 3e-2], "beta1": [0.7, 0.9], "eps": [1e-8, 1e-3]}
    found = train_grid(DIGITS, entrants=entrants, axes=axes, **REGIME)
    assert_alone(found, DIGITS, entrants, [(0, *places) for places in np.ndindex(2, 2, 2)], **REGIME)


@pytest.mark.parametrize("wrong", ["rate", "place", "seed"])
def test_a_planted_difference_is_seen(monkeypatch, wrong):
    right, joined = module.train, module._joined

    def planted(task, *, entrants, seed, **rest):
        if wrong == "rate":
            entrants = [(key, own | {"lr": own["lr"] * (1 + 1e-5)}) for key, own in entrants]
        return right(task, entrants=entrants, seed=seed[::-1] if wrong == "seed" else seed, **rest)

    def misplaced(so_far, cells, trained):
        return joined(so_far, cells[::-1] if wrong == "place" else cells, trained)

    monkeypatch.setattr(module, "train", planted)
    monkeypatch.setattr(module, "_joined", misplaced)
    entrants = [("adam", {}), ("sgd", {})]
    found = train_grid(DIGITS, entrants=entrants, axes={"lr": LRS[:2]}, **REGIME)
    with pytest.raises(AssertionError):
        assert_alone(found, DIGITS, entrants, [(0, 0), (1, 0)], **REGIME)


def test_it_comes_coarse_first_and_every_picture_spans_the_range():
    seen: list[TrainedGrid] = []
    shares: list[float] = []
    axes = {"lr": np.geomspace(1e-3, 1, 16), "mu": np.linspace(0, 0.9, 8)}
    found = train_grid(
        IRIS, entrants=[("momentum", {})], axes=axes, steps=3, batch_size=8, watch=seen.append, progress=shares.append
    )
    assert seen[0].done.sum() == 1
    assert seen[-1].done.all()
    assert seen[-1] is found
    for before, after in pairwise(seen):
        assert (after.done >= before.done).all()
        np.testing.assert_array_equal(after.outcomes["final"][before.done], before.outcomes["final"][before.done])
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    order = list(module._coarse_first((2, 8)))
    assert order[:6] == [(0, 0), (1, 0), (0, 4), (1, 4), (0, 2), (1, 2)]
    early = next(one for one in seen if one.done.sum() > 1)
    cell = early.standing_for((0, 15, 7))
    assert cell is not None
    assert early.done[cell]
    assert found.standing_for((0, 15, 7)) == (0, 15, 7)


def test_a_sweep_that_was_stopped_goes_on_as_if_it_had_not_been():
    entrants, axes = [("sgd", {}), ("adam", {})], {"lr": np.geomspace(1e-3, 1, 8)}
    seen: list[TrainedGrid] = []
    part = train_grid(IRIS, entrants=entrants, axes=axes, steps=40, watch=seen.append, should_stop=lambda: bool(seen))
    assert 0 < part.done.sum() < part.done.size
    assert np.isnan(part.outcomes["final"][~part.done]).all()
    after = train_grid(IRIS, entrants=entrants, axes=axes, steps=40, after=part)
    whole = train_grid(IRIS, entrants=entrants, axes=axes, steps=40)
    for key in whole.outcomes:
        np.testing.assert_array_equal(after.outcomes[key], whole.outcomes[key])


def test_divergence_is_data():
    entrants, regime = [("sgd", {}), ("adam", {})], {"steps": 40, "batch_size": 64, "seed": (0, 1, 2)}
    found = train_grid(DIABETES, entrants=entrants, axes={"lr": [1e-2, 1e-1, 100.0]}, **regime)
    assert found.diverged[0, 2].all()
    assert not found.diverged[:, :2].any()
    assert np.isnan(found.outcomes["best"][0, 2]).all()
    assert (found.stopped[0, 2] <= 40).all()
    assert_alone(found, DIABETES, entrants, [(0, 2), (0, 1), (1, 1)], **regime)
    told = outcome(found, MEASURES["final"], 0)
    assert told.middle[2] == math.inf
    assert told.lost.tolist() == [0, 0, 3]
    assert told.best in ((0,), (1,))
    assert "accuracy" not in measures_of(DIABETES)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"axes": {}}, "axes is empty"),
        ({"axes": {"lr": []}}, "axes is empty"),
        ({"axes": {"lr": [-1.0]}}, "lr = -1 is not allowed"),
        ({"axes": {"mu": [0.5]}}, "sgd has no number 'mu'"),
        ({"entrants": [("warp", {})]}, "rule 'warp' is unknown"),
        ({"entrants": []}, "entrants is empty"),
        ({"batch_size": 5000}, "batch_size = 5000 is not allowed"),
        ({"seed": [1, 1]}, r"seed = \[1, 1\] is not allowed"),
    ],
)
def test_bad_input_is_named(arguments, told):
    with pytest.raises(ValueError, match=told):
        train_grid(DIGITS, **{"entrants": [("sgd", {})], "axes": {"lr": [0.1]}, "steps": 5, **arguments})


# What is said of it


def made(values: Any, lrs: Any = (0.01, 0.1, 1.0)) -> TrainedGrid:
    """A sweep with these final losses (entrants, lrs, seeds), NaN where the run diverged; accuracies are their halves."""
    losses = np.array(values, dtype=float)
    stopped = np.where(np.isnan(losses), 5, 11)
    return TrainedGrid({"lr": np.array(lrs)}, 10, stopped, {"final": losses, "accuracy": losses / 2}, {"final": np.ones(3)})


def test_the_middle_and_the_band_are_seeds():
    nan = math.nan
    found = made([[[3, 1, 2], [0.5, nan, 0.4], [nan, nan, 0.1]]])
    told = outcome(found, MEASURES["final"], 0)
    assert told.middle.tolist() == [2, 0.5, math.inf]
    assert told.low.tolist() == [1, 0.4, 0.1]
    assert told.high.tolist() == [3, math.inf, math.inf]
    assert told.lost.tolist() == [0, 1, 2]
    assert told.best == (1,)
    best = outcome(found, MEASURES["accuracy"], 0)
    assert best.middle.tolist() == [1, 0.2, -math.inf]
    assert best.best == (0,)
    five = outcome(made([[[5, 4, 3, 2, 1]]], [0.1]), MEASURES["final"], 0)
    assert (five.low[0], five.middle[0], five.high[0]) == (2, 3, 4)


def test_the_width_is_read_off_the_line():
    measure, lrs = MEASURES["final"], np.array([0.01, 0.1, 1.0])
    flat = outcome(made([[[1.0], [1.0], [1.0]]]), measure, 0)
    assert width(lrs, flat, measure) == pytest.approx(2.0)
    dip = outcome(made([[[1.21], [1.0], [1.1**4]]]), measure, 0)  # the line crosses 1.1 half way, and a quarter
    assert width(lrs, dip, measure) == pytest.approx(0.75)
    cut = outcome(made([[[math.nan], [1.0], [1.0]]]), measure, 0)
    assert width(lrs, cut, measure) == pytest.approx(1.0)
    gone = outcome(made([[[math.nan]] * 3]), measure, 0)
    assert (gone.best, width(lrs, gone, measure), share(gone, measure)) == (None, 0.0, 0.0)
    rising = outcome(made([[[1.8], [1.9], [1.8]]]), MEASURES["accuracy"], 0)
    assert width(lrs, rising, MEASURES["accuracy"]) == pytest.approx(0.4)  # 0.90, 0.95, 0.90: a point below the best
    assert share(dip, measure) == pytest.approx(1 / 3)


def said(values: Any, measure: str = "final") -> str:
    found = made(values)
    told = {name: outcome(found, MEASURES[measure], i) for i, name in enumerate("ABC"[: len(values)])}
    return sweep_verdict(found, MEASURES[measure], told, list(told))


def test_a_winner_is_named_only_where_the_seeds_can_tell():
    clear = [[[2, 2, 2], [1.0, 1.1, 1.2], [3, 3, 3]], [[1.5, 1.61, 1.72], [4, 4, 4], [5, 5, 5]]]
    assert said(clear).startswith("A (lr 0.1) is best: B (lr 0.01) is 0.51 above it on average over 3 paired seeds, 95 %")
    unclear = [[[2, 2, 2], [1.0, 1.1, 1.2], [3, 3, 3]], [[1.5, 0.9, 1.7], [4, 4, 4], [5, 5, 5]]]
    assert said(unclear).startswith("No winner: B (lr 0.01) is 0.27 above A (lr 0.1)")
    assert said(unclear).endswith("includes zero.")
    assert said(clear, "accuracy").startswith("B (lr 1) is best: A (lr 1) is 100 points below it")
    lost = [[[2, 2, 2], [1.0, 1.1, math.nan], [3, 3, 3]], clear[1]]
    assert "a seed diverged" in said(lost)
    single = said([[[2], [1], [3]], [[4], [5], [6]]])
    assert single.startswith("A (lr 0.1) is ahead with 1, then B (lr 0.01) with 4. This is one seed")
    assert said([[[2], [1], [3]]]) == "A (lr 0.1) comes to a final validation loss of 1."
    assert said([[[math.nan]] * 3]).startswith("Every run diverged")


def test_the_means_decide_who_is_said_to_be_ahead():
    assert said([[[9, 9, 9], [1, 1, 9], [9, 9, 9]], [[2, 2, 2], [9, 9, 9], [9, 9, 9]]]).startswith(
        "No winner: A (lr 0.1) is 1.7"
    )


# Links


@pytest.mark.parametrize("task", TASKS)
def test_a_sweep_survives_the_link(task):
    lesson = Lesson(task, ("adam", "momentum", "adamw")).having({"adam.beta1": 0.8, "batch": 32.0, "seed": 7.0, "steps": 50.0})
    one = NetworkSweep(lesson.choosing({"seeds": "5"}), Axis("lr", 1e-3, 0.5), None, 32, "best")
    assert read_sweep(one.link(), FIRST) == (one, [])
    two = replace(one, other=Axis("beta2", 0.5, 0.999), many=8, shows="minibatch")
    assert read_sweep(two.link(), FIRST) == (two, [])
    assert two.shown == ["adam", "adamw"]
    assert len(two.arguments["axes"]["beta2"]) == 8


@pytest.mark.parametrize("rule", ENTRANTS)
def test_every_number_of_a_rule_can_be_the_other_axis(rule):
    lesson = Lesson("iris_mlp", (rule,), (("steps", 10.0),))
    for name in beside(swept_options(lesson)):
        view, problems = read_sweep({**lesson.link(), "other": name, "values": "8"}, FIRST)
        assert problems == []
        assert view.other is not None
        assert (view.other.name, view.shown) == (name, [rule])
        for axis, values in view.values.items():
            hypers_of(rule)[axis].check(values)


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ({"task": "atlantis"}, "task “atlantis” is unknown"),
        ({"rules": "sgd~warp"}, "rule “warp” is unknown"),
        ({"rules": "sgd~adam~momentum~lion~rmsprop~nadam~adagrad"}, "The link asks for 7 rules: the first 6 are swept."),
        ({"axis": "mu~0~1"}, "axis “mu” is unknown: allowed is one of lr"),
        ({"axis": "lr~1~0.1"}, "must run upwards"),
        ({"other": "lr~1~2"}, "other “lr” is unknown"),
        ({"other": "beta1~0~2"}, "beta1 = 2 is not allowed"),
        ({"values": "7"}, "values = 7 is not allowed: it must be one of 8, 16, 32"),
        ({"shows": "speed"}, "shows “speed” is unknown here"),
        ({"steps": "2000"}, "steps = 2000 are too many for a sweep: 1000 are used instead"),
        ({"seeds": "2"}, "seeds = 2 is unknown: allowed is one of 1, 3, 5"),
        ({"adam.beta1": "x"}, "adam.beta1 = 'x' is not a number"),
        ({"colour": "red"}, "setting “colour” is unknown"),
    ],
)
def test_a_bad_link_gets_one_sentence(link, told):
    view, problems = read_sweep({**FIRST.link(), **link}, FIRST)
    assert len(problems) == 1
    assert told in problems[0]
    assert view.shown
    assert view.arguments["steps"] <= 1000


def test_the_best_can_be_trained_as_a_lesson():
    view, _ = read_sweep({"task": "iris_mlp", "rules": "adam~sgd", "steps": "30", "seeds": "3", "other": "l2~0.001~1"}, FIRST)
    link = view.trained_at({"adam": {"lr": 0.0215443, "l2": 0.01}})
    lesson, problems = read_lesson(link, FIRST.lesson)
    assert problems == []
    assert lesson.entrants[0][1]["lr"] == 0.0215443
    assert (lesson.regime["l2"], lesson.seeds, lesson.regime["steps"]) == (0.01, (0, 1, 2), 30)
    of_all, problems = read_lesson(view.trained_at({"adam": {"lr": 0.1}, "sgd": {"lr": 0.2}}), FIRST.lesson)
    assert [numbers["lr"] for _, numbers in of_all.entrants] == [0.1, 0.2]


# The thread


def test_an_ongoing_sweep_can_be_stopped_and_is_the_sweep():
    view = replace(FIRST, lesson=FIRST.lesson.having({"steps": 300.0}), many=32)
    going = OngoingSweep(view).start()
    end = time.monotonic() + 30
    while going.so_far is None and time.monotonic() < end:
        time.sleep(0.005)
    asked = time.perf_counter()
    going.stop()
    going.wait(5)
    taken = time.perf_counter() - asked
    assert not going.running
    assert taken < 0.5  # a step takes some milliseconds
    assert not going.complete
    assert going.so_far is not None
    assert going.so_far.done.any()
    assert re.match(r"\d+% of 64 runs are trained\.", going.words)
    going = OngoingSweep(replace(FIRST, many=8)).start()
    going.wait(30)
    whole = train_grid(DIGITS, **going.work.arguments)
    assert going.complete
    assert going.so_far is not None
    np.testing.assert_array_equal(going.so_far.outcomes["final"], whole.outcomes["final"])
    assert going.words.startswith("16 runs, trained in ")


def test_a_sweep_that_cannot_be_says_why():
    going = OngoingSweep(replace(FIRST, lesson=impossible())).start()
    going.wait(30)
    assert going.problem.startswith("folds = 5 is not allowed: it must be from 2 to")
    going.look()
    assert not going.running


# Pictures


def curve(title: str, middle: Any, best: int | None, name: str = "") -> netsweep.Curve:
    values, level = np.array([0.01, 0.1, 1.0]), np.array(middle, dtype=float)
    return netsweep.Curve(
        title, "#123456", values, level * 0.9, level, level * 1.1, [f"{title} {v:g}" for v in values], best, name
    )


def test_the_profile_shows_what_it_is_given():
    curves = [
        curve("A", [0.5, 0.2, math.inf], 1, "A 0.1"),
        curve("B", [0.5, 0.3, 50.0], 1, "B 0.1"),
        curve("C", [math.inf] * 3, None),
    ]
    figure = netsweep.sweep_profile(curves, Side("lr", True), (0.01, 1.0), Shade("loss", True, "diverged", top=3.0), 1.0)
    drawn: Any = figure.data
    lines = [trace for trace in drawn if trace.mode == "lines+markers"]
    np.testing.assert_array_equal(lines[0].y, [0.5, 0.2, np.nan])
    marks = {symbol for trace in drawn if trace.yaxis == "y2" for symbol in trace.marker.symbol}
    assert marks == {"x-thin", "triangle-up"}
    crossed = [trace for trace in drawn if trace.yaxis == "y2" and trace.marker.symbol[0] == "x-thin"]
    assert sorted(len(trace.x) for trace in crossed) == [1, 3]
    layout: Any = figure.layout
    names = {note.text: note for note in layout.annotations}
    assert {"A 0.1", "B 0.1", "before training", "▲ worse than is shown, × diverged"} <= set(names)
    assert names["A 0.1"].x == -1.0
    assert names["A 0.1"].yshift != names["B 0.1"].yshift  # they do not cover each other
    assert 10 ** layout.yaxis.range[1] < 3


def test_all_diverged_is_still_a_picture():
    for shade in (Shade("loss", True, "diverged", top=3.0), Shade("accuracy", False, "diverged", rises=True)):
        layout: Any = netsweep.sweep_profile(
            [curve("C", [math.inf] * 3, None)], Side("lr", True), (0.01, 1.0), shade, None
        ).layout
        assert layout.yaxis.range[0] < layout.yaxis.range[1]


def test_a_loss_of_nothing_has_its_place():
    shade = Shade("loss", True, "diverged")
    figure: Any = netsweep.sweep_profile([curve("A", [0.3, 0.0, 0.6], 1, "A 0.1")], Side("lr", True), (0.01, 1.0), shade, None)
    (line,) = [trace for trace in figure.data if trace.mode == "lines+markers"]
    np.testing.assert_allclose(line.y, [0.3, 0.09, 0.6])  # a third of the lowest end of the band
    assert 10 ** figure.layout.yaxis.range[0] < 0.09


def test_tiles_show_what_they_are_given():
    shades = np.array([[1.0, 0.1], [0.5, math.inf], [0.7, 0.7]])
    trained = np.array([[True, True], [True, True], [True, False]])
    told = np.array([["a", "b"], ["c", "d"], ["e", "f"]])
    panel = netsweep.Tiles(
        "A", np.array([0.1, 1.0, 10.0]), np.array([0.0, 0.9]), shades, ~np.isfinite(shades), trained, told, (0, 1)
    )
    shade = Shade("loss", True, "diverged")
    (figure,) = netsweep.tiles([panel], Side("lr", True), Side("μ", False), shade)
    drawn: Any = figure.data
    np.testing.assert_allclose(drawn[0].z, [[0, np.log10(0.5), np.log10(0.7)], [-1, np.nan, np.nan]])
    np.testing.assert_array_equal(drawn[1].z, [[np.nan] * 3, [np.nan, 1, np.nan]])
    assert (drawn[0].opacity, drawn[2].opacity) == (1.0, 0.4)  # what is not trained yet is faint
    assert drawn[2].z[1][2] == pytest.approx(np.log10(0.7))
    assert (list(drawn[-2].x), list(drawn[-2].y)) == ([1], [1])
    assert (list(drawn[-1].x), list(drawn[-1].y)) == ([0], [1])
    layout: Any = figure.layout
    ticks = dict(zip(layout.xaxis.ticktext, layout.xaxis.tickvals, strict=True))
    assert {"0.1": 0, "1": 1, "10": 2}.items() <= ticks.items()
    bar: Any = netsweep.legend([panel], shade).layout.coloraxis
    assert "diverged" in bar.colorbar.title.text


# The page


def begun(**link: str) -> tuple[AppTest, OngoingSweep]:
    """The page and its sweep, which goes on."""
    app = AppTest.from_file(str(PAGE), default_timeout=30)
    for name, value in {"task": "iris_mlp", "rules": "sgd~adam", "steps": "20", "values": "8", **link}.items():
        app.query_params[name] = value
    app.run()
    return app, app.session_state["sweep.going"]


def opened(**link: str) -> AppTest:
    """The page once all is trained."""
    app, going = begun(**link)
    going.wait(30)
    return app.run()


def test_the_page_tells_the_profile_and_the_best_can_be_followed():
    app = opened(seeds="3")
    assert not app.exception
    assert any("paired seeds" in text.value for text in app.markdown)
    assert any(text.value.startswith("48 runs, trained in") for text in app.caption)
    (table,) = app.table
    assert list(table.value.columns) == ["Rule", "best lr", "final validation loss there", "decades of lr within 10 % of it"]
    (link,) = [found for text in app.markdown if (found := re.search(r"\(networks\?(\S+)\)", text.value))]
    lesson, problems = read_lesson(dict(parse_qsl(link.group(1))), FIRST.lesson)
    assert problems == []
    assert set(lesson.rules) == {"sgd", "adam"}


def test_another_measure_trains_nothing_anew():
    app = opened()
    before = app.session_state["sweep.going"]
    app.selectbox(key="sweep.shows").set_value("accuracy").run()
    assert app.session_state["sweep.going"] is before
    assert app.query_params["shows"] == "accuracy"
    assert "validation accuracy there" in app.table[0].value.columns


def test_a_second_number_makes_a_map():
    app = opened(rules="sgd~adam~momentum", other="mu~0~0.99")
    assert not app.exception
    assert app.session_state["sweep.going"].so_far.done.shape == (1, 8, 8)
    assert len(app.get("plotly_chart")) == 2  # the scale and one rule's tiles
    assert any("SGD, Adam cannot be shown: there is no μ in it." in text.value for text in app.caption)
    assert any("[Train Momentum at its best](networks?" in text.value for text in app.caption)
    app.selectbox(key="sweep.other").set_value("").run()
    assert not app.exception
    assert len(app.session_state["sweep.going"].work.shown) == 3


def test_what_cannot_be_is_said_and_the_page_goes_on():
    app = opened(batch="256")
    assert not app.exception
    assert any("batch = 256 is more than the 106 rows" in warning.value for warning in app.warning)
    app.text_input(key="sweep.span.lr").set_value("1 … 0.1").run()
    assert any("must run upwards" in warning.value for warning in app.warning)
    app.multiselect(key="sweep.rules").set_value([]).run()
    assert not app.exception
    assert "Pick at least one rule" in app.info[0].value
    app.multiselect(key="sweep.rules").set_value(["lion"]).run()
    assert not app.exception
    app.selectbox(key="sweep.task").set_value("diabetes_mlp").run()
    assert not app.exception
    assert "accuracy" not in app.selectbox(key="sweep.shows").options


def test_it_can_be_stopped_and_gone_on_with():
    app, going = begun(task="digits_mlp", steps="1000", values="32")
    app.button(key="sweep.Stop").click().run()
    assert going.stopped
    app.run()
    app.button(key="sweep.Go on").click().run()
    assert not app.exception
    assert going.running
    going.stop()
    going.wait(5)


def test_an_outcome_without_a_best_has_no_level():
    nothing = Standing(*(np.array([np.inf]) for _ in range(3)), lost=np.array([1]), best=None)
    assert width(np.array([0.1]), nothing, MEASURES["final"]) == 0.0
