"""The theory of quadratics, derived from the rules: against closed forms, and against what the runs do."""

import numpy as np
import pytest

from core import Surface, simulate, sweep
from core.stability import curvatures, growth, limit, linear, optimum, quadratic
from optimizers import RULES
from surfaces import SURFACES

LINEAR = {key: rule for key, rule in RULES.items() if linear(rule)}
MUS = np.array([0.0, 0.3, 0.5, 0.8, 0.9, 0.99])
CLOSED = {
    "sgd": lambda mu: 2.0 + 0 * mu,
    "momentum": lambda mu: 2 * (1 + mu),  # Polyak 1964
    "nesterov": lambda mu: 2 * (1 + mu) / (1 + 2 * mu),
    "ema": lambda mu: 2 * (1 + mu) / (1 - mu),
}


def test_the_linear_rules_are_known_by_themselves():
    assert set(LINEAR) == set(CLOSED)


@pytest.mark.parametrize("key", CLOSED)
def test_the_limit_is_the_closed_form(key):
    rule = RULES[key]
    for mu in MUS:
        hypers = {"mu": mu} if "mu" in rule.hypers else None
        assert limit(rule, hypers) == pytest.approx(CLOSED[key](mu), rel=1e-9)


def test_the_limit_takes_many_values_at_once():
    np.testing.assert_allclose(limit(RULES["momentum"], {"mu": MUS}), 2 * (1 + MUS), rtol=1e-9)


@pytest.mark.parametrize("kappa", [4.0, 100.0])
def test_the_optimum_is_polyaks(kappa):
    root = np.sqrt(kappa)
    mu = ((root - 1) / (root + 1)) ** 2
    best = optimum(RULES["momentum"], {"mu": mu}, (1.0, kappa))
    assert best == pytest.approx(4 / (1 + root) ** 2, rel=1e-6)
    assert optimum(RULES["momentum"], {"lr": best}, (1.0, kappa), "mu") == pytest.approx(mu, rel=1e-6)
    assert optimum(RULES["sgd"], None, (1.0, kappa)) == pytest.approx(2 / (1 + kappa), rel=1e-6)


def test_one_mode_is_fastest_when_critically_damped():
    assert optimum(RULES["momentum"], {"lr": 0.1}, (1.0,), "mu") == pytest.approx((1 - np.sqrt(0.1)) ** 2, rel=1e-6)


@pytest.mark.parametrize("key", LINEAR)
def test_a_mode_grows_as_told(key):
    rule, surface = RULES[key], SURFACES["ravine"].with_(kappa=1.0)
    for lr in (0.05, 1.2):
        run = simulate(rule, surface, start=(1.0, 0.0), hypers={"lr": lr}, steps=400)
        size = np.maximum.accumulate(np.abs(run.x[::-1, 0, 0]))[::-1]  # the envelope, where the mode swings
        assert growth(rule, {}, lr) == pytest.approx((size[300] / size[100]) ** (1 / 200), rel=0.02)


@pytest.mark.parametrize("key", ["momentum", "nesterov"])
@pytest.mark.parametrize("kappa", [5.0, 100.0])
def test_no_cell_of_the_map_is_on_the_wrong_side(key, kappa):
    surface = SURFACES["ravine"].with_(kappa=kappa)
    lrs, mus = np.geomspace(0.05, 20, 64) / kappa, np.linspace(0.0, 0.98, 48)
    found = sweep(RULES[key], surface, axes={"lr": lrs, "mu": mus}, start=(1.0, 1.0), steps=3000)
    edge = limit(RULES[key], {"mu": mus}) / curvatures(surface).max()
    beyond = lrs[:, None] / edge
    falls = found.final < float(surface.value(np.array((1.0, 1.0))))
    assert falls[beyond < 0.985].all()
    assert not falls[beyond > 1.015].any()
    assert (np.abs(beyond - 1) > 0.015).mean() > 0.95  # the band is narrow: nearly every cell was judged


@pytest.mark.parametrize(("key", "known"), [("ravine", (1.0, 20.0)), ("booth", (2.0, 18.0))])
def test_curvatures_are_those_of_the_minimum(key, known):
    assert quadratic(SURFACES[key])
    np.testing.assert_allclose(curvatures(SURFACES[key].rotated(30.0)), known, rtol=1e-9)


def test_a_surface_that_bends_is_not_quadratic():
    surface: Surface = SURFACES["rosenbrock"]
    assert not quadratic(surface)
    with pytest.raises(ValueError, match="no minimum"):
        curvatures(SURFACES["monkey_saddle"])
