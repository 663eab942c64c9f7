"""The learning-rate finder: against stability limits that are known, and at its edges."""

from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np
import pytest

from core import Surface
from core.study.finder import BROKEN, find_lr
from core.study.stability import curvatures, limit, linear
from core.symbolic.derivative import Formula
from experiments.race.finder import found, marks, words
from experiments.race.spec import Race
from figures.finder import curve
from optimizers import RULES
from surfaces import SURFACES

COMMON: dict[str, Any] = {"low": 1e-5, "high": 10.0, "steps": 300}


@pytest.mark.parametrize("kappa", [10.0, 100.0])
def test_gradient_descent_breaks_past_its_limit_and_late(kappa):
    surface = SURFACES["ravine"].with_(kappa=kappa)
    finding = find_lr(RULES["sgd"], surface, **COMMON)
    assert finding.breaking is not None
    assert 2 / kappa < finding.breaking < 10 * 2 / kappa


def test_the_rates_grow_evenly_and_the_losses_are_the_runs():
    finding = find_lr(RULES["adam"], SURFACES["rosenbrock"], **COMMON)
    np.testing.assert_allclose(np.diff(np.log(finding.lrs)), np.log(1e6) / 299)
    assert (finding.lrs[0], finding.lrs[-1]) == (1e-5, pytest.approx(10.0))
    x = np.array(SURFACES["rosenbrock"].start)
    m = v = np.zeros(2)
    for i, lr in enumerate(finding.lrs[:50]):
        g = SURFACES["rosenbrock"].grad(x)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - lr * (m / (1 - 0.9 ** (i + 1))) / (np.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8)
        assert finding.value[i] == pytest.approx(float(SURFACES["rosenbrock"].value(x)), rel=1e-9)


LINEAR = [rule for rule in RULES.values() if linear(rule)]


@pytest.mark.parametrize("noise", [0.0, 0.03])
@pytest.mark.parametrize("draw", range(10))
@pytest.mark.parametrize("rule", LINEAR, ids=lambda rule: rule.key)
def test_a_linear_rule_breaks_near_its_limit_and_for_good(rule, draw, noise):
    # lr grows by 4.7 % a step. A rule that remembers for longer swings with what it gained at lower rates, so it may break
    # a little early: at 0.88 of the limit at the least in 500 draws. Late it is because a dead direction must grow back: in
    # the n steps past the limit by about lr's growth to the power of n²/2, which is why no factor is asked for but a bound.
    rng = np.random.default_rng([draw, *map(ord, rule.key)])
    hypers = {name: float(rng.choice([0.0, 0.5, 0.9, 0.99])) for name in rule.hypers if name != "lr"}
    surface = SURFACES["ravine"].with_(kappa=10 ** rng.uniform(1, 3)).rotated(rng.uniform(0, 90))
    edge = float(limit(rule, hypers)) / curvatures(surface).max()
    finding = find_lr(rule, surface, hypers=hypers, start=rng.uniform(-2, 2, 2), noise=noise, seed=draw, **COMMON)
    if edge > 4:
        return  # it has no steps left to grow back in
    assert finding.breaking is not None
    assert 0.8 * edge < finding.breaking < 8 * edge
    at = int(np.flatnonzero(finding.lrs == finding.breaking)[0])
    after = finding.value[at:]
    alive = after[np.isfinite(after)]
    assert (np.diff(alive) > 0).all()
    assert alive.size == 0 or alive[0] > np.nanmax(finding.value[:at], initial=0.0)
    assert np.isnan(after[-1]) or after[-1] > BROKEN * np.nanmax(finding.value[:at])


@pytest.mark.parametrize("key", ["momentum", "nesterov", "ema"])
@pytest.mark.parametrize("mu", [0.5, 0.9, 0.99])
def test_oscillation_breaks_nothing(key, mu):
    surface = SURFACES["ravine"]
    edge = float(limit(RULES[key], {"mu": mu})) / 20.0
    finding = find_lr(RULES[key], surface, low=1e-5, high=0.8 * edge, steps=300, hypers={"mu": mu})
    assert finding.breaking is None


def test_a_run_that_falls_without_end_has_not_broken():
    for key in RULES:
        finding = find_lr(RULES[key], SURFACES["saddle"], **COMMON)
        assert finding.breaking is None
        assert finding.floor is None
        assert finding.steepest is not None


UNBOUNDED = [surface for surface in SURFACES.values() if not surface.minima]


def lifted(surface: Surface, by: float) -> Surface:
    """The surface, so much higher."""

    @wraps(surface.formula.function)
    def higher(x: Any, y: Any, **parameters: Any) -> Any:
        return surface.formula.function(x, y, **parameters) + by

    return replace(surface, formula=Formula(higher))


@pytest.mark.parametrize("by", [-1024.0, 8.0, 1e5])
@pytest.mark.parametrize("surface", UNBOUNDED, ids=lambda surface: surface.key)
def test_how_high_a_surface_lies_changes_nothing(surface, by):
    for rule in RULES.values():
        plain, other = (find_lr(rule, s, **COMMON) for s in (surface, lifted(surface, by)))
        assert (other.steepest, other.breaking) == (plain.steepest, plain.breaking)


@pytest.mark.parametrize("key", ["ravine", "rosenbrock", "quartic"])
def test_neither_does_the_height_of_a_minimum(key):
    for rule in RULES.values():
        plain, other = (find_lr(rule, s, low=1e-5, high=1e-2, steps=100) for s in (SURFACES[key], lifted(SURFACES[key], 0.5)))
        assert other.floor == pytest.approx((plain.floor or 0.0) + 0.5)
        assert (other.steepest, other.breaking) == (plain.steepest, plain.breaking)


def test_below_a_minimum_that_is_claimed_there_is_no_floor():
    # McCormick falls without end outside its window.
    finding = find_lr(RULES["lion"], SURFACES["mccormick"], **COMMON)
    assert np.nanmin(finding.value) < (SURFACES["mccormick"].lowest or 0.0) - 1
    assert finding.floor is None
    np.testing.assert_array_equal(finding.above, finding.value)


@pytest.mark.parametrize("surface", [s for s in SURFACES.values() if s.minima and s.everywhere], ids=lambda s: s.key)
def test_rounding_is_no_fall_below_a_minimum(surface):
    for rule in RULES.values():
        assert find_lr(rule, surface, **COMMON).floor == surface.lowest


@pytest.mark.parametrize("surface", [s for s in SURFACES.values() if s.minima], ids=lambda surface: surface.key)
def test_the_steepest_fall_is_to_a_new_low_and_no_rounding(surface):
    before = float(surface.value(surface.start)) - (surface.lowest or 0.0)
    for rule in RULES.values():
        finding = find_lr(rule, surface, **COMMON)
        if finding.floor is None or finding.steepest is None:
            continue
        k = int(np.flatnonzero(finding.lrs == finding.steepest)[0]) - 2
        gap = np.array([before, *finding.above])
        assert gap[k] > max(1e-15 * abs(finding.floor), 1e-32 * before)
        mean = [np.log(np.maximum(gap[i : i + 5], 1e-300)).mean() for i in range(k + 2)]
        assert mean[-1] < min(mean[:-1])


@pytest.mark.parametrize("key", RULES)
def test_the_words_say_what_is_shown(key):
    for surface in ("ravine", "plane", "rosenbrock"):
        race = Race(surface, (key,))
        finding, said = found(race, key), words(race, key)
        assert ("It breaks at" in said) == (finding.breaking is not None)
        assert ("no lowest point" in said) == (surface == "plane")
        edge = marks(race, key).get("largest stable, from theory")
        later = surface == "ravine" and edge is not None and finding.breaking is not None and finding.breaking > edge
        assert ("breaks later" in said) == later
        assert set(marks(race, key)) <= {"steepest", "breaking", "largest stable, from theory"}
    if RULES[key] in LINEAR:
        assert "breaks later" in words(Race("ravine", (key,)), key)


def test_the_curve_is_logarithmic_above_a_floor_and_plain_without():
    lrs, loss = np.geomspace(1e-3, 10.0, 5), np.array([4.0, 1.0, 1e-20, 2.0, np.nan])
    above: Any = curve(lrs, loss, "#123456", {"steepest": 0.1, "breaking": 10.0}, floor=True)
    np.testing.assert_array_equal(above.data[0].y, [4.0, 1.0, 1e-16, 2.0, np.nan])
    assert (above.layout.yaxis.type, above.layout.yaxis.title.text) == ("log", "loss above the minimum")
    assert [note.xanchor for note in above.layout.annotations] == ["left", "right"]
    plain: Any = curve(lrs, np.array([3.0, 2.0, 1.0, -5.0, -1e30]), "#123456", {}, floor=False)
    assert plain.layout.yaxis.type is None
    assert plain.layout.yaxis.title.text == "loss"
    low, high = plain.layout.yaxis.range
    assert -3000 < low < -5
    assert 3 < high < 600
    empty: Any = curve(lrs, np.full(5, np.nan), "#123456", {}, floor=False)
    assert empty.layout.yaxis.range == (0.0, 1.0)


def test_a_run_that_never_breaks_and_one_that_never_falls():
    tame = find_lr(RULES["sgd"], SURFACES["ravine"], low=1e-5, high=1e-3, steps=100)
    assert tame.breaking is None
    assert tame.steepest == pytest.approx(1e-3, rel=0.3)
    wild = find_lr(RULES["sgd"], SURFACES["ravine"], low=5.0, high=50.0, steps=100)
    assert wild.steepest is None
    assert wild.breaking == 5.0
    assert np.isnan(wild.value[-1])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="lr = 0"):
        find_lr(RULES["sgd"], SURFACES["ravine"], low=0.0, high=1.0, steps=10)
