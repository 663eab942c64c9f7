"""The theory of quadratics, derived from the rules: against closed forms, and against what the runs do."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core import Surface, simulate, sweep
from core.maths import sqrt
from core.study.stability import (
    DAMPINGS,
    Fastest,
    curvatures,
    damping,
    growth,
    limit,
    linear,
    modes,
    optimum,
    quadratic,
    settled,
)
from core.symbolic.derivative import Formula
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


def fastest(key: str, hypers: dict[str, float] | None, curvatures: Sequence[float], name: str = "lr") -> Fastest:
    found = optimum(RULES[key], hypers, curvatures, name)
    assert found is not None
    return found


def alone(found: Fastest) -> float:
    assert found.low == found.high
    return found.low


@pytest.mark.parametrize("kappa", [4.0, 20.0, 100.0, 1e4])
def test_the_optimum_is_polyaks(kappa):
    root = np.sqrt(kappa)
    mu = ((root - 1) / (root + 1)) ** 2
    best = alone(fastest("momentum", {"mu": mu}, (1.0, kappa)))
    assert best == pytest.approx(4 / (1 + root) ** 2, rel=1e-9)
    found = fastest("momentum", {"lr": best}, (1.0, kappa), "mu")
    assert (alone(found), found.rate) == pytest.approx((mu, np.sqrt(mu)), rel=1e-9)
    found = fastest("sgd", None, (1.0, kappa))
    assert (alone(found), found.rate) == pytest.approx((2 / (1 + kappa), (kappa - 1) / (kappa + 1)), rel=1e-9)


def test_one_mode_is_fastest_when_critically_damped():
    assert alone(fastest("momentum", {"lr": 0.1}, (1.0,), "mu")) == pytest.approx((1 - np.sqrt(0.1)) ** 2, rel=1e-9)
    found = fastest("nesterov", {"mu": 0.9}, (1.0,))
    assert (alone(found), found.rate) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-12))


@pytest.mark.parametrize("apart", [0.0, 1e-9, -1e-9, 1e-12, -1e-12, 1e-15])
def test_momentum_is_equally_fast_from_here_to_there(apart):
    found = fastest("momentum", {"mu": 0.9}, (1.0, 20.0 * (1 + apart)))
    assert (found.low, found.high) == pytest.approx((0.002633, 0.189868), abs=1e-6)
    assert found.rate == pytest.approx(np.sqrt(0.9), rel=1e-12)


@pytest.mark.parametrize("draw", range(12))
@pytest.mark.parametrize("key", ["momentum", "ema"])
def test_where_both_modes_swing_all_rates_are_equal(key, draw):
    rng = np.random.default_rng(draw)
    mu, kappa, size = rng.uniform(0.3, 0.999), 10 ** rng.uniform(0, 3), 10 ** rng.uniform(-6, 6)
    scale = size * (1 - mu if key == "ema" else 1)
    low, high = (1 - np.sqrt(mu)) ** 2 / scale, (1 + np.sqrt(mu)) ** 2 / (kappa * scale)
    found = fastest(key, {"mu": mu}, (size, kappa * size))
    if low < high:
        assert (found.low, found.high, found.rate) == pytest.approx((low, high, np.sqrt(mu)), rel=1e-9)
        return
    # The flat mode creeps until the steep one swings as fast: −root of the one is the root of the other.
    flat, steep = np.array([1.0, kappa]) * scale * alone(found)
    creeping = (1 + mu - flat + np.sqrt((1 + mu - flat) ** 2 - 4 * mu)) / 2
    swinging = -(1 + mu - steep - np.sqrt((1 + mu - steep) ** 2 - 4 * mu)) / 2
    assert (creeping, swinging) == pytest.approx((found.rate, found.rate), rel=1e-9)


@pytest.mark.parametrize("key", LINEAR)
@pytest.mark.parametrize("curvatures", [(1.0,), (1.0, 1.0), (1.0, 3.0), (0.4, 1000.0), (2.0, 2.0 * (1 + 1e-9))])
def test_nothing_is_faster_and_all_between_is_as_fast(key, curvatures):
    rule = LINEAR[key]
    for name, given in [("lr", {}), *((name, {"lr": 0.3 / max(curvatures)}) for name in rule.hypers if name != "lr")]:
        found, hyper = fastest(key, given, curvatures, name), rule.hypers[name]
        tried = np.geomspace(1e-6, 10, 3001) if name == "lr" else np.linspace(hyper.low, hyper.high, 3001)
        inside = np.linspace(found.low, found.high, 301)

        def slowest(values: np.ndarray, name: str = name, given: dict[str, float] = given) -> np.ndarray:
            rates = values if name == "lr" else np.full(len(values), given["lr"])
            own = {} if name == "lr" else {name: values}
            return np.max([growth(rule, own, rates * curvature) for curvature in curvatures], axis=0)

        assert (slowest(tried) >= found.rate - 1e-9).all()
        np.testing.assert_allclose(slowest(inside), found.rate, rtol=1e-7, atol=1e-12)


def test_a_number_without_influence_is_equally_fast_throughout():
    hypers = {**RULES["momentum"].hypers, "idle": RULES["momentum"].hypers["mu"].named("idle")}
    idle = replace(RULES["momentum"], hypers=hypers, update=lambda g, v, *, mu, idle: RULES["momentum"].update(g, v, mu=mu))
    found = optimum(idle, None, (1.0, 20.0), "idle")
    assert found is not None
    assert (found.low, found.high) == (0.0, 0.9999)


@pytest.mark.parametrize("curvatures", [(0.0, 0.0), (0.0, 1.0), (-1.0, 1.0), (2.7e-16, 2.0), (np.nan, 1.0), (1.0, np.inf)])
def test_nothing_is_fastest_where_a_mode_cannot_shrink(curvatures):
    assert optimum(RULES["momentum"], None, curvatures) is None
    assert optimum(RULES["momentum"], {"lr": 100.0}, (1.0,), "mu") is None


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


TIPS = {"ackley"}


@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, 77.7, 135.0])
@pytest.mark.parametrize("surface", [s for s in SURFACES.values() if s.minima and s.key not in TIPS], ids=lambda s: s.key)
def test_turning_a_surface_changes_no_curvature(surface, angle):
    plain, turned = curvatures(surface), curvatures(surface.rotated(angle))
    np.testing.assert_allclose(turned, plain, rtol=1e-9)
    assert ((plain == 0) == (turned == 0)).all()


def test_a_curvature_that_is_only_rounding_is_none():
    np.testing.assert_array_equal(
        settled(np.array([[2.7e-16, 2.0], [-1e-13, 1.0], [1e-3, 1e3]])), [[0, 2], [0, 1], [1e-3, 1e3]]
    )
    for angle in (0.0, 45.0, 30.0):
        assert curvatures(SURFACES["hyperbola"].rotated(angle))[0] == 0
    edge = limit(RULES["sgd"])
    assert edge / curvatures(SURFACES["hyperbola"].rotated(45.0)).max() == pytest.approx(1.0)


def tipped(formula: Callable[[Any, Any], Any]) -> Surface:
    return replace(SURFACES["ackley"], formula=Formula(formula))


@pytest.mark.parametrize(
    "formula",
    [
        SURFACES["ackley"].formula.function,
        lambda x, y: sqrt(x * x + y * y),
        lambda x, y: sqrt(x * x + 3 * y * y + 1e-30),
        lambda x, y: sqrt(sqrt(x * x + 1e-300)) + y * y,
    ],
    ids=["ackley", "cone", "rounded cone", "cusp in one direction"],
)
@pytest.mark.parametrize("angle", [0.0, 45.0])
def test_a_tip_has_no_curvature(formula, angle):
    with pytest.raises(ValueError, match="minimum is a tip, where no curvature is defined"):
        curvatures(tipped(formula).rotated(angle))


def test_a_sharp_bend_that_can_be_seen_is_no_tip():
    surface = tipped(lambda x, y: sqrt(x * x + y * y + 1e-6))
    np.testing.assert_allclose(curvatures(surface), 1e3, rtol=1e-9)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_curvatures_along_a_way_are_the_hessians(surface):
    (xlo, xhi), (ylo, yhi) = surface.domain
    points = np.random.default_rng(0).uniform((xlo, ylo), (xhi, yhi), (500, 2))
    found, steep = modes(surface, points)
    hessians = surface.hessian(points)
    np.testing.assert_allclose(found, np.linalg.eigvalsh(hessians), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.einsum("sij,sj->si", hessians, steep), found[:, 1:] * steep, rtol=1e-8, atol=1e-8)


def test_a_mode_without_a_curvature_is_called_so():
    assert [DAMPINGS[i] for i in damping(RULES["momentum"], None, [np.nan, np.inf, 1.0])] == [
        "undefined",
        "undefined",
        "under-damped",
    ]


def test_a_surface_that_bends_is_not_quadratic():
    surface: Surface = SURFACES["rosenbrock"]
    assert not quadratic(surface)
    with pytest.raises(ValueError, match="no minimum"):
        curvatures(SURFACES["monkey_saddle"])
