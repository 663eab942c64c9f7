"""What travels to the browser is what was computed, and not more than it needs."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest

from experiments.race import band
from experiments.race.controls import EACH
from experiments.race.run import trajectories
from experiments.race.spec import Race
from optimizers import ENTRANTS
from surfaces import SURFACES
from tests.problems import UNDERCUT
from tests.races import leaving
from ui.components.stage import _stage, message

TEN = tuple(ENTRANTS)[:10]


def read(data: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    (size,) = struct.unpack("<I", data[:4])
    header = json.loads(data[4 : 4 + size])
    arrays = {}
    for name, (kind, start, end) in header["arrays"].items():
        arrays[name] = np.frombuffer(data[4 + size + start : 4 + size + end], dtype=kind)
    return header, arrays


def sent(race: Race, wish=None, grasped=None):
    runs = trajectories(race)
    (control,) = [c for c in race.controls.values() if c.id == grasped] or [None]
    header, arrays = read(message.pack(race, runs, [], wish, 3, control))
    return runs, header, arrays


def test_the_arrays_are_the_runs():
    race = Race("himmelblau", TEN).having({"lr": 0.003})
    runs, header, arrays = sent(race)
    x = arrays["x"].reshape(10, header["frames"], 2)
    gap = arrays["gap"].reshape(10, header["frames"])
    slope = arrays["slope"].reshape(10, header["frames"])
    for i, run in enumerate(runs.values()):
        assert np.array_equal(x[i], run.x[:, 0].astype(np.float32))
        assert np.allclose(gap[i] + header["floor"], run.value[:, 0], rtol=1e-6, atol=1e-12)
        assert np.array_equal(slope[i], run.gradient_norm[:, 0].astype(np.float32))
    assert header["floor"] == race.landscape.lowest


@pytest.mark.parametrize("steps", [1, 2, 999, 1000, 1001, 1999, 5000])
def test_long_runs_are_thinned_under_the_hand_alone_and_end_at_their_last_step(steps):
    race = Race("ravine", ("sgd",)).having({"steps": float(steps)})
    for wish in (None, {"released": True}):
        _, header, _ = sent(race, wish)
        assert (header["frames"], header["stride"]) == (steps + 1, 1)
    runs, header, arrays = sent(race, {"released": False})
    assert header["frames"] <= message.MOST_FRAMES
    assert (header["frames"] - 1) * header["stride"] >= steps > (header["frames"] - 2) * header["stride"]
    assert np.array_equal(arrays["x"][-2:], runs["sgd"].x[-1, 0].astype(np.float32))


def test_an_update_is_small():
    """Ten rules, 500 steps: everything a message carries, scripts and styles included."""
    carried = sum(len(message_part) for message_part in scripts())
    race = Race("rosenbrock", TEN).having({"lr": 0.001})
    _, header, _ = sent(race)
    wish = {"structure": header["structure"], "field": header["fieldId"]}
    runs = trajectories(race)
    assert len(message.pack(race, runs, [], wish, 3)) + carried <= 130_000
    turned = race.having({"angle": 20.0})
    assert len(message.pack(turned, trajectories(turned), [], wish, 3)) + carried <= 150_000


def scripts() -> list[bytes]:
    from ui.components.stage import RACE_SCRIPTS, _part

    return [
        _part("stage.html").encode(),
        _part("stage.css").encode(),
        _part(*RACE_SCRIPTS).encode(),
    ]


def test_controls_and_map_are_sent_only_when_they_change():
    race = Race("ravine", ("sgd", "adam"))
    _, header, arrays = sent(race)
    assert "controls" in header
    assert "field" in arrays
    wish = {"structure": header["structure"], "field": header["fieldId"]}
    _, again, arrays = sent(race.having({"lr": 0.02}), wish)
    assert "controls" not in again
    assert "field" not in arrays
    _, turned, arrays = sent(race.having({"angle": 10.0}), wish)
    assert "controls" not in turned
    assert "field" in arrays
    _, other, _ = sent(race.choosing("ravine", ("sgd",), EACH, "constant"), wish)
    assert "controls" in other


@pytest.mark.parametrize("surface", SURFACES)
def test_every_surface_makes_a_drawable_map(surface):
    race = Race(surface, ("sgd",))
    _, header, arrays = sent(race)
    field = arrays["field"].reshape(message.GRID, message.GRID)
    assert (field.min(), field.max()) == (0, 65535)
    assert len(np.unique(field)) > 500
    scale = header["scale"]
    (x0, x1, y0, y1) = header["window"]
    value = float(race.landscape.value((x0, y1)))
    height = np.log1p((value - scale["base"]) / scale["unit"]) / scale["span"]
    assert field[-1, 0] == pytest.approx(65535 * height, abs=1)
    assert x0 <= header["start"][0] <= x1
    assert y0 <= header["start"][1] <= y1


def test_a_diverged_run_is_marked_and_does_not_stretch_the_axes():
    race = Race("rosenbrock", ("sgd", "adam"), EACH).having({"sgd.lr": 1.0, "adam.lr": 0.05})
    runs, header, _ = sent(race)
    sgd, adam = header["runs"]
    assert sgd["stopped"] == int(runs["sgd"].stopped[0]) < 20
    assert sgd["last"] == sgd["stopped"]
    assert (adam["stopped"], adam["last"]) == (None, header["frames"] - 1)
    assert header["axes"]["log"][1] <= 4
    assert "diverged at step" in sgd["cells"][-1]


def test_a_marked_run_is_drawn_up_to_the_step_it_stopped_at_also_when_thinned():
    race = Race("saddle", ("sgd",)).having({"steps": 5000.0, "lr": 0.1})
    _, header, _ = sent(race, {"released": False})
    (run,) = header["runs"]
    assert header["stride"] == 5
    assert run["last"] == -(-run["stopped"] // header["stride"])


def test_all_runs_diverged_still_makes_a_picture():
    race = Race("rosenbrock", ("sgd", "momentum")).having({"lr": 90.0})
    _, header, _ = sent(race)
    assert header["verdict"].startswith("Every run diverged")
    assert all(np.isfinite(v) for axis in header["axes"].values() for v in axis)


def test_the_axes_do_not_depend_on_where_the_map_looks():
    race = Race("rosenbrock", ("sgd", "adagrad"), EACH).having({"sgd.lr": 0.0015, "adagrad.lr": 0.5})
    near = replace(race, view=(-0.05, 0.05, 0.95, 1.05))
    assert sent(near)[1]["axes"] == sent(race)[1]["axes"]


def test_a_run_that_survives_is_seen_whole_on_the_logarithmic_axis():
    race = Race("rosenbrock", ("sgd", "momentum", "adam")).having({"lr": 10.0})
    _, header, arrays = sent(race)
    low, high = header["axes"]["log"]
    gaps = arrays["gap"].reshape(3, -1)
    peaks = [gap.max() for gap, run in zip(gaps, header["runs"], strict=True) if run["stopped"] is None]
    assert peaks
    assert 10.0**low <= min(gap.min() for gap in gaps) or low == -16
    assert max(peaks) <= 10.0**high


def test_surface_without_minimum_has_no_log_axis_and_no_winner():
    _, header, _ = sent(Race("saddle", ("sgd", "adam")))
    assert header["axes"]["log"] is None
    assert "falls without end" in header["verdict"]


def test_the_stage_is_one_component():
    assert callable(_stage)
    assert sum(map(len, scripts())) < 52_000


@pytest.mark.parametrize(
    ("race", "control", "moved"),
    [
        (Race("rosenbrock", TEN).having({"lr": 1e-3}), "lr", 10),
        (Race("rosenbrock", ("sgd", "adam", "adamw")), "adam.beta1", 1),
        (Race("rosenbrock", ("sgd", "adam", "adamw")), "adamw.weight_decay", 1),
        (Race("rosenbrock", ("sgd", "adam", "adamw")), "weight_decay", 2),
        (Race("ravine", ("sgd", "momentum")), "angle", 2),
        (Race("rosenbrock", ("sgd", "adam"), start=(0.5, -1.0)), "rosenbrock.b", 2),
        (Race("himmelblau", ("sgd", "adam"), schedule="cosine"), "cosine.floor", 2),
        (Race("himmelblau", ("sgd", "adam")), "noise", 2),
        (Race("himmelblau", ("adam",)), "clip_norm", 1),
        (Race("saddle", ("sgd", "adam")), "lr", 2),
        (Race("ravine", ("sgd",)).having({"steps": 1.0}), "lr", 1),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_band_is_the_runs_of_every_value(race, control, moved):
    _, header, arrays = sent(race, {"released": False}, control)
    band, steps = header["band"], header["steps"]
    rows, (of,) = np.array(band["rows"]), [c for c in race.controls.values() if c.id == control]
    shape = (len(band["stops"]), moved, len(rows))
    x, gap = arrays["bandX"].reshape(*shape, 2), arrays["bandGap"].reshape(shape)
    assert (rows[0], rows[-1]) == (0, steps)
    assert (np.diff(rows) > 0).all()
    assert len(band["runs"]) == moved
    x0, x1, y0, y1 = band["reach"]
    low, high = np.array([x0, y0]), np.array([x1, y1])
    for i in range(0, shape[0], 9):
        at = race.having({control: of.hyper.stops[band["stops"][i]]})
        floor = message.ranking.floor_of(at.landscape)
        alone = list(trajectories(at).values())
        for r, key in enumerate(band["runs"]):
            run = alone[key]
            assert band["stopped"][i][r] == (int(run.stopped[0]) if run.diverged[0] else None)
            alive = rows < run.stopped[0]
            true = np.clip(run.x[rows, 0], low, high)[alive]
            np.testing.assert_allclose((low + x[i, r] / 65534 * (high - low))[alive], true, atol=1e-5 * (x1 - x0))
            loss = run.value[rows, 0] - floor
            loss = np.where(loss < 0, 0, loss) if race.landscape.minima else loss
            size = np.where(gap[i, r] == 0, 0, 10 ** ((np.abs(gap[i, r]) - 1.0) / band["fine"] - band["deep"]))
            told = (np.copysign(size, gap[i, r]))[alive & (np.abs(loss) > 1e-24)]
            np.testing.assert_allclose(told, loss[alive & (np.abs(loss) > 1e-24)], rtol=3e-3)
        if "grounds" in band:
            assert band["grounds"][i]["start"] == list(at.origin)
            assert band["grounds"][i]["minima"] == [list(point) for point in at.landscape.minima]
    assert ("grounds" in band) == (of.group == "Surface")


def test_a_band_is_small_whatever_the_race():
    for steps in (1.0, 500.0, 5000.0):
        race = Race("rosenbrock", tuple(ENTRANTS)[:12]).having({"steps": steps})
        for control in ("lr", "angle", "adam.beta2"):
            _, header, arrays = sent(race, {"released": False}, control)
            assert sum(arrays[name].nbytes for name in ("bandX", "bandGap")) <= message.BAND
            assert arrays["bandGround"].nbytes <= 300_000
            assert len(json.dumps(header["band"])) < 40_000


def test_a_band_comes_for_what_is_grasped_alone():
    race = Race("ravine", ("sgd", "adam"))
    assert "band" not in sent(race)[1]
    controls = {control["id"]: control["band"] for control in sent(race)[1]["controls"]}
    assert [name for name, can in controls.items() if not can] == ["steps", "threshold", "seed", "age"]
    tuned = sent(replace(race, lrs="tuned"))[1]["controls"]
    assert not any(control["band"] for control in tuned)


def test_the_gradient_norm_stays_at_home_while_a_slider_is_dragged():
    assert "slope" not in sent(Race("ravine", ("sgd",)), {"released": False})[2]
    assert "slope" in sent(Race("ravine", ("sgd",)), {"released": True})[2]


def test_a_helper_changes_nothing(monkeypatch):
    race = Race("rosenbrock", TEN).having({"lr": 1e-3, "steps": 60.0})
    (control,) = [c for c in race.controls.values() if c.id == "lr"]
    monkeypatch.setattr(band.os, "cpu_count", lambda: 1)
    band._done.cache_clear()
    alone = band.band(race, control, 40_000).runs
    monkeypatch.setattr(band.os, "cpu_count", lambda: 2)
    band._done.cache_clear()
    assert band._helper().result(30) > 0
    helped = band.band(race, control, 40_000).runs
    assert list(helped) == list(alone) == list(TEN)
    for key, paths in helped.items():
        for name in ("x", "value", "stopped"):
            np.testing.assert_array_equal(getattr(paths, name), getattr(alone[key], name))


@pytest.mark.parametrize("key", UNDERCUT)
def test_a_loss_below_the_minimum_is_drawn_as_what_it_is(key):
    race = leaving(key, "sgd")
    runs, header, arrays = sent(race, {"released": False}, "lr")
    gap = arrays["gap"].reshape(2, header["frames"])
    lowest = race.landscape.lowest
    assert lowest is not None
    for i, run in enumerate(runs.values()):
        true = run.value[:, 0] - lowest
        np.testing.assert_allclose(gap[i], np.where(np.abs(true) < 1e-12, gap[i], true), rtol=1e-5)
    momentum, sgd = header["runs"]
    assert gap[0].min() < 0 <= gap[1].min()
    assert (momentum["left"], sgd["left"]) == (int((gap[0] < 0).argmax()), None)
    assert "left below it" in header["verdict"]
    assert header["axes"]["log"] is not None
    made, rows = header["band"], np.array(header["band"]["rows"])
    codes = arrays["bandGap"].reshape(len(made["stops"]), 2, len(rows))
    (control,) = [c for c in race.controls.values() if c.id == "lr"]
    for i in range(0, len(codes), 7):
        at = trajectories(race.having({"lr": control.hyper.stops[made["stops"][i]]}))
        for r, run in enumerate(at.values()):
            alive = rows < run.stopped[0]
            np.testing.assert_array_equal((codes[i, r] < 0)[alive], (run.value[rows, 0] < lowest - 1e-9)[alive])
    assert (codes < 0).any()
