"""A map is its link, every cell is the run it says, and the figure shows the numbers it was given."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core import SCHEDULES
from experiments.axis import Axis, axis_of, checked_range, options_of, values_of
from experiments.map.run import below, boundary, played, shades, swept
from experiments.map.spec import COLOURS, Map, read_map
from experiments.race.controls import EACH, PROTOCOLS, SHARED
from experiments.race.run import trajectories
from experiments.race.spec import Race
from figures.maps import Panel, Shade, Side, maps
from optimizers import ENTRANTS
from surfaces import SURFACES
from tests.problems import UNDERCUT
from tests.races import leaving
from ui.widgets.maps import shade

FIRST = Map(Race("ravine", ("momentum", "nesterov"), numbers=(("steps", 80.0),)), Axis("lr", 1e-3, 1.0), Axis("mu", 0.0, 0.99))


def seen(link):
    return read_map(link, FIRST)


@pytest.mark.parametrize("name", [n for n in options_of(replace(FIRST.race, entrants=tuple(ENTRANTS)[:12])) if n != "lr"])
def test_every_number_can_be_an_axis_and_survives_the_link(name):
    race = replace(FIRST.race, entrants=tuple(ENTRANTS)[:12])
    view = Map(race, Axis("lr", 0.01, 0.1), axis_of(name, options_of(race)), "best")
    assert seen(view.link()) == (view, [])
    for key in view.shown:
        assert swept(view, key, 4).best.ndim == 2


def test_a_played_cell_survives_the_link():
    view = replace(FIRST, cell=("nesterov", 0.0123456789, 0.9))
    assert seen(view.link()) == (view, [])


@pytest.mark.parametrize("cell", ["sgd~0.1~0.9", "momentum~0.1", "momentum~x~0.9", "momentum~0.1~2", ""])
def test_a_bad_cell_gets_one_sentence_and_no_run(cell):
    view, problems = seen({**FIRST.link(), "cell": cell})
    assert view == FIRST
    assert len(problems) == 1
    assert problems[0].endswith("none is played.")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedules_numbers_are_axes_too(schedule):
    race = replace(FIRST.race, schedule=schedule)
    assert set(SCHEDULES[schedule].hypers) <= set(options_of(race))


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ({"across": "zeta"}, "across “zeta” is unknown"),
        ({"across": "lr~1"}, "is not two numbers"),
        ({"across": "lr~1~a"}, "lr = 'a' is not a number"),
        ({"across": "lr~1~0.1"}, "must run upwards"),
        ({"up": "mu~0~2"}, "mu = 2 is not allowed"),
        ({"up": "noise~0~1"}, "an axis runs within 0.0001 to 100"),
        ({"up": "lr~0.1~0.10000000000000002"}, "must run upwards"),
        ({"across": "ravine.kappa~1~100", "up": "lr~0.001~1"}, "across “ravine.kappa” is unknown"),
        ({"up": "mu~0~nan"}, "mu = nan is not allowed"),
        ({"up": "lr~0.1~1"}, "are both lr"),
        ({"colour": "red"}, "colour “red” is unknown"),
        ({"surface": "nowhere"}, "“nowhere” is unknown"),
    ],
)
def test_a_bad_link_gets_one_sentence_and_a_map(link, sentence):
    view, problems = seen({**FIRST.link(), **link})
    assert len(problems) == 1
    assert sentence in problems[0]
    assert view.across.name != view.up.name
    assert swept(view, view.shown[0], 3).complete


def test_a_bad_axis_leaves_the_good_one_alone():
    view, _ = seen({**FIRST.link(), "across": "nonsense", "up": "lr~0.01~0.5"})
    assert view.up == Axis("lr", 0.01, 0.5)


@pytest.mark.parametrize("text", ["0.1 … 10", "0.1...10", "0.1, 10", "0.1 10", "  0.1;10 ", "0.1–10"])
def test_a_range_may_be_typed_in_many_ways(text):
    assert checked_range("lr", text, options_of(FIRST.race)) == Axis("lr", 0.1, 10.0)


def test_a_range_below_zero_can_be_typed():
    assert checked_range("x", "-1.5 … -0.5", options_of(FIRST.race)) == Axis("x", -1.5, -0.5)


@pytest.mark.parametrize(
    ("across", "up", "race"),
    [
        (Axis("lr", 0.001, 0.1), Axis("mu", 0.0, 0.9), FIRST.race),
        (Axis("x", -1.0, 1.0), Axis("y", -2.0, 0.5), FIRST.race.having({"angle": 30.0})),
        (Axis("kappa", 2.0, 50.0), Axis("angle", 10.0, 60.0), replace(FIRST.race, start=(1.0, -0.5))),
        (Axis("noise", 0.1, 1.0), Axis("weight_decay", 0.01, 0.1), replace(FIRST.race, entrants=("adam", "adamw"), lrs=EACH)),
        (Axis("last", 0.01, 0.5), Axis("clip_norm", 0.5, 2.0), replace(FIRST.race, schedule="exponential")),
    ],
)
def test_a_cell_that_is_played_ends_where_the_map_says(across, up, race):
    view = Map(race, across, up)
    for key in view.shown:
        found = swept(view, key, 3)
        xs, ys = found.axes.values()
        for i, j in ((0, 0), (1, 2), (2, 1)):
            (run,) = trajectories(played(view, (key, float(xs[i]), float(ys[j])))).values()
            assert run.final[0] == pytest.approx(found.final[i, j], rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("lrs", PROTOCOLS)
def test_a_cell_can_be_played_whatever_the_protocol(lrs):
    view, _ = seen({**FIRST.link(), "lrs": lrs})
    for now in (view, replace(view, across=Axis("kappa", 2.0, 50.0))):
        found = swept(now, "nesterov", 3)
        xs, ys = (float(values[1]) for values in found.axes.values())
        (run,) = trajectories(played(now, ("nesterov", xs, ys))).values()
        assert run.final[0] == pytest.approx(found.final[1, 1], rel=1e-6)


def test_shades_say_what_they_are_called():
    view = replace(FIRST, colour="final")
    found = swept(view, "momentum", 16)
    diverged = found.stopped <= found.steps
    assert diverged.any()
    assert not diverged.all()
    for colour in COLOURS:
        told = shades(replace(view, colour=colour), found)
        assert told.shape == (16, 16)
        if colour == "final":
            np.testing.assert_array_equal(np.isnan(told), diverged)
        if colour == "stopped":
            np.testing.assert_array_equal(~np.isnan(told), diverged)
        if colour == "steps":
            assert np.nanmax(told) <= 80


def test_basins_name_their_minima():
    race = Race("himmelblau", ("sgd",), SHARED, numbers=(("lr", 0.01), ("steps", 300.0)))
    view = Map(race, Axis("x", -5.0, 5.0), Axis("y", -5.0, 5.0), "minimum")
    told = shades(view, swept(view, "sgd", 12))
    assert set(told[~np.isnan(told)]) == {0, 1, 2, 3}
    x, y = SURFACES["himmelblau"].minima[0]
    assert shade(view).names[0] == f"{x:.3g}, {y:.3g}"


def test_the_boundary_is_the_theory_and_silent_where_there_is_none():
    edge, turned_edge = boundary(FIRST, "momentum"), boundary(Map(FIRST.race, FIRST.up, FIRST.across), "momentum")
    assert edge
    assert turned_edge
    lrs, mus = edge
    np.testing.assert_allclose(lrs, 2 * (1 + mus) / 20.0, rtol=1e-9)
    np.testing.assert_allclose(turned_edge[1], lrs)
    adam = replace(FIRST, race=replace(FIRST.race, entrants=("adam",)), up=Axis("beta1", 0.0, 0.9))
    assert boundary(adam, "adam") is None
    assert boundary(replace(FIRST, race=FIRST.race.having({"clip_norm": 1.0})), "momentum") is None
    assert boundary(replace(FIRST, up=Axis("noise", 0.1, 1.0)), "momentum") is None
    assert boundary(replace(FIRST, race=replace(FIRST.race, surface="monkey_saddle")), "momentum") is None


def test_values_are_spaced_as_the_slider_is():
    options = options_of(replace(FIRST.race, schedule="step"))
    lrs = values_of(Axis("lr", 1e-4, 1.0), options["lr"], 5)
    np.testing.assert_allclose(lrs, [1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    mus = values_of(Axis("mu", 0.0, 0.99), options["mu"], 3)
    np.testing.assert_allclose(mus, [0.0, 0.9, 0.99])
    assert values_of(Axis("drops", 1, 10), options["drops"], 256).tolist() == list(range(1, 11))


def test_the_figure_draws_what_it_is_given():
    values = np.geomspace(0.01, 1.0, 4), np.linspace(0, 1, 3)
    told = np.array([[1.0, 0.1, np.nan], [1e-3, 0.0, 10.0], [1.0, 1.0, 1.0], [np.nan, np.nan, 1e-30]])
    edge = (np.array([0.001, 0.1, 0.2]), np.array([0.0, 0.5, 1.0]))
    (figure,) = maps([Panel("One", *values, told, edge)], Side("lr", True), Side("μ", False), Shade("loss", True, "diverged"))
    drawn: Any = figure.data
    heat, line, touch = drawn
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(heat.z, np.maximum(np.log10(told), -16).T.astype(np.float32))
    assert math.isnan(line.x[0])
    assert list(line.x[1:]) == [0.1, 0.2]
    assert len(touch.x) == 12
    assert {tuple(c) for c in touch.customdata} >= {("diverged", 0), ("loss: 1", 0), ("loss: 0.001", 0)}
    layout: Any = figure.layout
    assert layout.xaxis.type == "log"


def test_a_map_with_nothing_to_tell_is_still_a_figure():
    values = np.arange(3.0), np.arange(2.0)
    (figure,) = maps(
        [Panel("One", *values, np.full((3, 2), np.nan))], Side("a", False), Side("b", False), Shade("loss", True, "no")
    )
    layout: Any = figure.layout
    assert layout.coloraxis.cmin < layout.coloraxis.cmax


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("key", UNDERCUT)
def test_a_cell_whose_run_left_below_the_minimum_says_so(key, colour):
    view = Map(leaving(key), Axis("lr", 1e-3, 1.0), Axis("mu", 0.0, 0.99), colour)
    found = swept(view, "momentum", 16)
    surface, told, gone = view.race.landscape, shades(view, found), below(view, found)
    assert surface.lowest is not None
    low = found.best < surface.lowest - 1e-9
    assert low.any()
    if colour in ("final", "best", "steps"):
        assert np.isnan(told[low]).all()
        np.testing.assert_array_equal(gone, low & (found.stopped > found.steps))
    else:
        assert not gone.any()
    xs, ys = found.axes.values()
    sides = Side("lr", True), Side("μ", False)
    (figure,) = maps([Panel("One", xs, ys, told, None, gone)], *sides, shade(view))
    drawn: Any = figure.data
    assert ("left below the minimum" in {text for text, _ in drawn[-1].customdata}) == gone.any()
    assert len(drawn) == (3 if gone.any() else 2)


@pytest.mark.parametrize(
    ("key", "name"), [(key, name) for key, s in SURFACES.items() if s.wells for name in (*s.hypers, "angle")]
)
def test_a_cell_is_called_after_the_minimum_of_its_own_surface(key, name):
    surface = SURFACES[key]
    race = Race(key, ("sgd",), SHARED, numbers=(("steps", 400.0),))
    view = Map(race, Axis("lr", 1e-4, 2e-3), axis_of(name, options_of(race)), "minimum")
    found, (xlo, xhi) = swept(view, "sgd", 9), surface.domain[0]
    told = shades(view, found)
    for (i, j), place in np.ndenumerate(told):
        value = float(found.axes[name][j])
        own = surface.rotated(value) if name == "angle" else surface.with_(**{name: value})
        where, far = own.nearest(found.x[i, j])
        assert math.isnan(place) if far > 0.05 * (xhi - xlo) else place == where
        known = own.minima + own.local_minima
        if place >= 0 and not any(name[0].isalpha() for name in own.wells):  # all of them are points
            assert np.linalg.norm(np.array(known) - found.x[i, j], axis=1).argmin() == place
    assert len(shade(view).names) == len(surface.wells)
    assert [name.partition(": ")[2] for name in shade(view).names] == list(race.landscape.wells)


def test_turning_does_not_change_which_minimum_is_reached():
    race = Race("himmelblau", ("sgd",), SHARED, numbers=(("steps", 300.0),))
    view = Map(race, Axis("lr", 1e-3, 3e-2), Axis("angle", -90.0, 90.0), "minimum")
    found = swept(view, "sgd", 48)
    told = shades(view, found)
    assert len(set(told[~np.isnan(told)])) > 1
    assert ((told == told[:, [24]]) | np.isnan(told) & np.isnan(told[:, [24]])).mean() > 0.99
    for i, j in ((5, 3), (20, 40), (40, 10)):
        xs, ys = found.axes.values()
        (run,) = trajectories(played(view, ("sgd", float(xs[i]), float(ys[j])))).values()
        assert told[i, j] == played(view, ("sgd", float(xs[i]), float(ys[j]))).landscape.nearest(run.x[-1, 0])[0]
