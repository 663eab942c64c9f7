"""Every claim a surface makes is executed: derivatives, critical points, domain, rotation, and what its lesson says.

A check takes one surface and knows none by name, so it holds for a surface that is added tomorrow.
"""

import importlib
import itertools
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
import torch

from core import Surface, simulate
from core.symbolic.derivative import Formula
from core.wells import Valley, wells_at
from optimizers import RULES
from surfaces import SURFACES, surfaces_in

ANGLES = (0.0, 30.0, 45.0, 90.0, -120.0)


def variants(surface: Surface) -> list[Surface]:
    """The surface at its default parameters and, where it has some, at the ends of their ranges, each with each."""
    if not surface.hypers:
        return [surface]
    ends = itertools.product(*((hyper.low, hyper.high) for hyper in surface.hypers.values()))
    return [surface, *(surface.with_(**dict(zip(surface.hypers, values, strict=True))) for values in ends)]


def label(surface: Surface) -> str:
    return f"{surface.key}({','.join(f'{p:g}' for p in surface.parameters)})@{surface.angle:g}"


UPRIGHT = [variant for surface in SURFACES.values() for variant in variants(surface)]
CASES = [variant.rotated(angle) for variant in UPRIGHT for angle in ANGLES]


def half_side(surface: Surface) -> float:
    return (surface.domain[0][1] - surface.domain[0][0]) / 2


def sample(surface: Surface, count: int = 200) -> np.ndarray:
    """Random points of the domain, (count, 2)."""
    return surface.centre + half_side(surface) * np.random.default_rng(0).uniform(-1, 1, (count, 2))


def disc(surface: Surface, side: int = 400) -> np.ndarray:
    """A grid over the disc around the domain: everything the window can show at any rotation. (points, 2)"""
    radius = math.sqrt(2) * half_side(surface)
    axis = np.linspace(-radius, radius, side)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return surface.centre + grid[np.hypot(*grid.T) <= radius]


def polished(surface: Surface, points: np.ndarray, steps: int = 60) -> np.ndarray:
    """Where Newton's method, its steps held short, takes the points it converges from: critical points, (found, 2)."""
    longest = 0.05 * half_side(surface)
    with np.errstate(all="ignore"):
        length = np.full(len(points), np.inf)
        for _ in range(steps):
            g, h = surface.grad(points), surface.hessian(points)
            fine = np.isfinite(points).all(axis=1) & (np.abs(np.linalg.det(h)) > 1e-300)
            points, g, h = points[fine], g[fine], h[fine]
            step = np.linalg.solve(h, g[..., None])[..., 0]
            length = np.hypot(*step.T)
            points = points - step * np.minimum(1, longest / np.maximum(length, 1e-300))[:, None]
    return points[length < 1e-9]


def curvatures(surface: Surface, point: Any) -> np.ndarray:
    return np.linalg.eigvalsh(surface.hessian(point))


def assert_critical(surface: Surface, point: Any) -> None:
    # Rounding a coordinate moves the gradient by eps · |x| · λ; a point given to ten digits only is a thousand times off.
    allowed = 1e-13 * (1 + np.abs(point).max()) * (1 + np.abs(curvatures(surface, point)).max())
    assert np.abs(surface.grad(point)).max() <= allowed, f"{point} is not critical: gradient {surface.grad(point)}"


def autograd(function: Callable[..., Any], points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value, gradient and Hessian of a function of tensors (…, 2) by torch, in float64."""
    p = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    value = function(p) + 0 * (p**3).sum(-1)  # so that a plane has a second derivative, too
    (grad,) = torch.autograd.grad(value.sum(), p, create_graph=True)
    rows = [torch.autograd.grad(grad[..., i].sum(), p, retain_graph=True)[0] for i in (0, 1)]
    return value.detach().numpy(), grad.detach().numpy(), torch.stack(rows, dim=-2).numpy()


def turned_back(surface: Surface, formula: Callable[..., Any]) -> Callable[[torch.Tensor], torch.Tensor]:
    """The formula as a function of points of the rotated surface, the rotation written out once more."""
    cx, cy = surface.centre
    turn = torch.polar(torch.tensor(1.0, dtype=torch.float64), torch.tensor(-math.radians(surface.angle), dtype=torch.float64))

    def function(p: torch.Tensor) -> torch.Tensor:
        own = torch.complex(p[..., 0] - cx, p[..., 1] - cy) * turn
        return formula(own.real + cx, own.imag + cy, *surface.parameters)

    return function


def assert_derivatives(surface: Surface, formula: Callable[..., Any]) -> None:
    points = sample(surface)
    ours = surface.value(points), surface.grad(points), surface.hessian(points)
    for mine, theirs in zip(ours, autograd(turned_back(surface, formula), points), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-13 * np.abs(theirs).max())


def check_declaration(surface: Surface) -> None:
    assert surface.title
    assert surface.source
    assert len(re.findall(r"[.!?](?=\s|$)", surface.lesson)) == 1, "the lesson is not one sentence"
    assert surface.lesson.endswith(".")
    assert surface.kind == surface.formula.function.__module__.rsplit(".")[-1], "the kind is not the file's name"


def check_domain(surface: Surface) -> None:
    (xlo, xhi), (ylo, yhi) = surface.domain
    assert xhi - xlo == yhi - ylo > 0
    for point in (surface.start, *surface.minima):
        assert math.dist(point, surface.centre) < half_side(surface), f"{point} turns out of the window"
    if not surface.angle:
        for x, y in (*surface.local_minima, *surface.saddles):
            assert xlo <= x <= xhi
            assert ylo <= y <= yhi


def check_shapes(surface: Surface) -> None:
    points = sample(surface, 24)
    for shape in ((), (0,), (24,), (2, 3, 4)):
        batch = points[0] if shape == () else points[: math.prod(shape)].reshape(*shape, 2)
        for result, extra in ((surface.value, ()), (surface.grad, (2,)), (surface.hessian, (2, 2))):
            assert result(batch).shape == shape + extra
            assert result(batch).dtype == np.float64


def check_rows_alone(surface: Surface) -> None:
    points = sample(surface, 7)
    for result in (surface.value, surface.grad, surface.hessian):
        assert np.array_equal(result(points), [result(point) for point in points])


def check_finite(surface: Surface) -> None:
    axis = np.linspace(-1, 1, 101) * half_side(surface)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1) + surface.centre
    points = np.concatenate([grid.reshape(-1, 2), np.array(surface.minima).reshape(-1, 2)])
    for result in (surface.value, surface.grad, surface.hessian):
        assert np.isfinite(result(points)).all()


def check_derivatives(surface: Surface) -> None:
    assert_derivatives(surface, surface.formula.value)


def check_minima(surface: Surface) -> None:
    if not surface.minima:
        assert surface.lowest is None
        return
    assert surface.lowest is not None
    tolerance = 1e-12 * max(1.0, abs(surface.lowest))
    np.testing.assert_allclose(surface.value(surface.minima), surface.lowest, rtol=0, atol=tolerance)
    for point in surface.minima:
        assert_critical(surface, point)
        low, high = curvatures(surface, point)
        assert low >= -1e-12 * high
    grid = disc(surface)
    deepest = grid[np.argsort(surface.value(grid))[:50]]
    found = polished(surface, deepest)
    found = found[np.hypot(*(found - surface.centre).T) <= math.sqrt(2) * half_side(surface)]
    everything = np.concatenate([deepest, found])
    assert surface.value(everything).min() >= surface.lowest - tolerance, "the surface goes lower than its minima"


def check_scope(surface: Surface) -> None:
    """Whether anything beyond the domain is lower, and whether the surface says so: points on circles, descents from some."""
    if not surface.minima:
        return
    turns = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    around = np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    radii = half_side(surface) * np.geomspace(1.0, 1e4, 50)
    far = surface.centre + radii[:, None, None] * around
    starts = far[:20:4, ::9].reshape(-1, 2)  # up to about 30 times the domain
    run = simulate(RULES["rprop"], surface, start=starts, hypers={"lr": 0.05 * half_side(surface)}, steps=200)
    lower = surface.below(surface.value(far)).any() or run.left.any()
    assert lower != surface.everywhere, f"{label(surface)} falls below its minimum: {lower}"


def check_rounding(surface: Surface) -> None:
    """Near a minimum the computed loss dips below it by rounding, and no further than is called rounding."""
    rng = np.random.default_rng(0)
    for point in surface.minima:
        sizes = np.repeat(10.0 ** np.arange(-17, -5), 200)[:, None]
        near = surface.value(point + sizes * rng.standard_normal((len(sizes), 2)))
        assert not surface.below(near).any()
        assert (surface.above(near) >= 0).all()
    if surface.minima:
        assert surface.lowest is not None
        deeper = surface.lowest - 1e-11 * max(1.0, abs(surface.lowest))
        assert surface.below(deeper)
        assert surface.above(deeper) < 0


def check_wells(surface: Surface) -> None:
    """Every known minimum is its own nearest, in the order of their names; what is called a curve of minima is one."""
    listed = surface.minima + surface.local_minima
    places = wells_at(surface.own_minima, surface.parameters) + wells_at(surface.own_local_minima, surface.parameters)
    assert len(surface.wells) == len(set(surface.wells)) == len(places)
    if listed:
        which, far = surface.nearest(listed)
        assert (far < 1e-9).all()
        assert (np.diff(which) > 0).all()
    else:
        assert places or surface.nearest(surface.start)[0] == -1
    upright, points = replace(surface, angle=0.0), sample(surface, 40)
    for place, well in enumerate(places):
        if not isinstance(well, Valley):
            continue
        on = np.stack(well.nearest(*points.T, *surface.parameters), axis=-1)
        assert np.abs(upright.grad(on)).max() < 1e-9 * (1 + np.abs(upright.hessian(on)).max())
        low, high = np.moveaxis(np.linalg.eigvalsh(upright.hessian(on)), -1, 0)
        assert (np.abs(low) < 1e-9 * high).all(), "a valley is level along its floor"
        values = upright.value(on)
        np.testing.assert_allclose(values, values[0], atol=1e-12)
        if place < len(surface.minima):
            assert not upright.below(values).any()
            assert values[0] == pytest.approx(upright.lowest, abs=1e-12)


def check_local_minima(surface: Surface) -> None:
    for point in surface.local_minima:
        assert_critical(surface, point)
        assert curvatures(surface, point)[0] > 0
        assert surface.lowest is not None
        assert surface.value(point) > surface.lowest + 1e-3


def check_saddles(surface: Surface) -> None:
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    around = 1e-2 * np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    for point in surface.saddles:
        assert_critical(surface, point)
        change = surface.value(point + around) - surface.value(point)
        assert change.min() < -1e-9 < 1e-9 < change.max(), f"{point} is no saddle"


CHECKS = (
    check_declaration,
    check_domain,
    check_shapes,
    check_rows_alone,
    check_finite,
    check_derivatives,
    check_minima,
    check_scope,
    check_rounding,
    check_wells,
    check_local_minima,
    check_saddles,
)


LISTED = [surface for surface in UPRIGHT if surface.listed]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("surface", CASES, ids=label)
def test_conforms(surface: Surface, check: Callable[[Surface], None]) -> None:
    check(surface)


def curved(surface: Surface) -> list[Valley]:
    wells = wells_at(surface.own_minima, surface.parameters) + wells_at(surface.own_local_minima, surface.parameters)
    return [well for well in wells if isinstance(well, Valley)]


def hyperbolas(at: np.ndarray) -> list[np.ndarray]:
    x = np.exp(20 * at - 10)
    return [side * np.stack([x, 1 / x], axis=-1) for side in (1, -1)]


def rings(at: np.ndarray) -> list[np.ndarray]:
    r, turns = np.linspace(0.1, 7.0, 200_001), 2 * np.pi * at
    height = -(1 + np.cos(12 * r)) / (0.5 * r**2 + 2)
    bottoms = r[1:-1][(height[1:-1] < height[:-2]) & (height[1:-1] < height[2:])]
    return [np.zeros((1, 2)), *(radius * np.stack([np.cos(turns), np.sin(turns)], axis=-1) for radius in bottoms)]


# Minima that are curves, written once more: from numbers in [0, 1] to points of each, in the order of the surface's wells.
CURVES: dict[str, Callable[[np.ndarray], list[np.ndarray]]] = {"hyperbola": hyperbolas, "drop_wave": rings}


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("key", [surface.key for surface in SURFACES.values() if curved(surface)])
def test_the_distance_to_a_curve_is_that_to_its_closest_point(key: str, angle: float) -> None:
    surface = SURFACES[key].rotated(angle)
    points = np.concatenate([sample(surface, 30), [surface.centre, (2.0, 2.0), (3.0, 3.001), (-40.0, 7.0)]])
    wells = [np.array(surface.turned(tuple(map(tuple, curve)))) for curve in CURVES[key](np.linspace(0, 1, 4001))]
    brute = np.stack([np.linalg.norm(points[:, None] - curve, axis=-1).min(axis=1) for curve in wells], axis=-1)
    which, far = surface.nearest(points)
    closest = brute.min(axis=1)
    np.testing.assert_allclose(far, closest, atol=6e-3)  # as far apart as the points of a curve are
    assert (far <= closest + 1e-4).all()
    np.testing.assert_allclose(np.take_along_axis(brute, which[:, None], axis=1)[:, 0], closest, atol=6e-3)
    assert len(surface.wells) == len(wells)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=label)
def test_a_minimum_keeps_its_place_through_angle_and_parameters(surface: Surface) -> None:
    """A family of surfaces names the same minimum, at the same distance, as each of them alone."""
    runs, rng = 12, np.random.default_rng(0)
    angles = rng.uniform(-180, 180, runs)
    values = {name: rng.choice(hyper.stops, runs) for name, hyper in surface.hypers.items()}
    points = surface.centre + half_side(surface) * rng.uniform(-1, 1, (runs, 2))
    which, far = surface.across(angle=angles, **values).nearest(points)
    for i in range(runs):
        one = surface.with_(**{name: float(value[i]) for name, value in values.items()}).rotated(angles[i])
        place, distance = one.nearest(points[i])
        assert (which[i], far[i]) == (place, pytest.approx(distance, abs=1e-9))
        back = surface.with_(**{name: float(value[i]) for name, value in values.items()}).nearest(one.unturned((points[i],)))
        assert which[i] == back[0]
        if surface.minima:
            np.testing.assert_array_equal(one.nearest(one.minima)[0], surface.nearest(surface.minima)[0])


@pytest.mark.parametrize("surface", LISTED, ids=label)
def test_every_well_and_pass_is_listed(surface: Surface) -> None:
    axis = np.linspace(-1, 1, 70) * half_side(surface)
    grid = (np.stack(np.meshgrid(axis, axis), axis=-1) + surface.centre).reshape(-1, 2)
    found = polished(surface, grid)
    found = found[np.abs(found - surface.centre).max(axis=1) < 0.999 * half_side(surface)]
    low, high = curvatures(surface, found).T
    wells = low > 1e-6 * high
    passes = (low < -1e-6 * high) & (high > -1e-6 * low)
    for points, listed in ((found[wells], surface.minima + surface.local_minima), (found[passes], surface.saddles)):
        near = [min((math.dist(point, known) for known in listed), default=math.inf) for point in points]
        assert max(near, default=0.0) < 1e-6, f"{points[np.argmax(near)]} is not listed; listed=False says there are too many"


def misdeclared() -> dict[str, tuple[Surface, Callable[[Surface], None]]]:
    """Surfaces with one false claim each, and the check that must find it."""
    himmelblau = SURFACES["himmelblau"]

    class Flipped(Formula):
        @cached_property
        def gradient(self) -> Callable[..., Any]:
            right = Formula.gradient.__get__(self)
            return lambda x, y: (right(x, y)[0], -right(x, y)[1])

    def lost_a_square(x: Any, y: Any) -> Any:
        return (x**2 + y - 11) ** 2 + (x + y - 7) ** 2

    def is_with(**changes: Any) -> Surface:
        return replace(himmelblau, **changes)

    return {
        "a minimum to four digits": (is_with(own_minima=((-2.8051, 3.1313),)), check_minima),
        "a minimum that is a saddle": (is_with(own_minima=himmelblau.saddles), check_minima),
        "a minimum that is not the lowest": (
            replace(SURFACES["six_hump_camel"], own_minima=((1.6071047529201974, 0.5686514548841314),)),
            check_minima,
        ),
        "a saddle that is a minimum": (is_with(own_saddles=himmelblau.minima), check_saddles),
        "a local minimum that is global": (is_with(own_local_minima=himmelblau.minima), check_local_minima),
        "a flipped partial": (is_with(formula=Flipped(himmelblau.formula.function)), check_derivatives),
        "another formula": (is_with(formula=Formula(lost_a_square)), check_minima),
        "a minimum that is undercut further out": (replace(SURFACES["mccormick"], everywhere=True), check_scope),
        "a caveat without a reason": (is_with(everywhere=False), check_scope),
        "an oblong domain": (is_with(domain=((-6.0, 6.0), (-6.0, 7.0))), check_domain),
        "a start outside": (is_with(own_start=(-7.0, 0.0)), check_domain),
        "a critical point outside": (is_with(own_saddles=((7.0, 0.0),)), check_domain),
        "two sentences": (is_with(lesson="One. Two."), check_declaration),
        "no source": (is_with(source=""), check_declaration),
        "a kind that is no file": (is_with(kind="valleys"), check_declaration),
    }


@pytest.mark.parametrize(("surface", "check"), misdeclared().values(), ids=list(misdeclared()))
def test_a_false_claim_is_found(surface: Surface, check: Callable[[Surface], None]) -> None:
    with pytest.raises(AssertionError):
        check(surface)


def test_a_surface_needs_nothing_but_its_block(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "more_surfaces"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "bowls.py").write_text(
        "from core import surface\n\n\n"
        "@surface(title='Sphere', kind='bowls', source='x² + y²', lesson='Round.', domain=((-1, 1), (-1, 1)),\n"
        "         start=(0.3, 0.4), minima=((0.0, 0.0),))\n"
        "def sphere(x, y):\n    return x**2 + y**2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = surfaces_in(importlib.import_module("more_surfaces"))
    assert list(found) == ["sphere"]
    for check in CHECKS:
        check(found["sphere"].rotated(30.0))


# The formulas as published, written again.
PUBLISHED: dict[str, Callable[..., Any]] = {
    "booth": lambda x, y: torch.square(x + 2 * y - 7) + torch.square(2 * x + y - 5),
    "matyas": lambda x, y: 0.26 * (x.pow(2) + y.pow(2)) - 0.48 * x * y,
    "quartic": lambda x, y: x.pow(4) + y.pow(4),
    "plateau": lambda x, y, w: -torch.expm1(-(x.pow(2) + y.pow(2)) / 2 / w**2),
    "cliff": lambda x, y, h, s: torch.log1p(x.pow(2) + y.pow(2)) / 2 + h * torch.sigmoid(2 * s * (x - 2)),
    "himmelblau": lambda x, y: torch.square(x.pow(2) + y - 11) + torch.square(x + y.pow(2) - 7),
    "three_hump_camel": lambda x, y: 2 * x.pow(2) - 1.05 * x.pow(4) + x.pow(6) / 6 + x * y + y.pow(2),
    "six_hump_camel": lambda x, y: 4 * x.pow(2) - 2.1 * x.pow(4) + x.pow(6) / 3 + x * y - 4 * y.pow(2) + 4 * y.pow(4),
    "styblinski_tang": lambda x, y: sum(u.pow(4) - 16 * u.pow(2) + 5 * u for u in (x, y)) / 2,
    "rastrigin": lambda x, y, a: 2 * a + sum(u.pow(2) - a * torch.cos(2 * torch.pi * u) for u in (x, y)),
    "ackley": lambda x, y: (
        20
        + math.e
        - 20 * torch.exp(-torch.hypot(x, y) * math.sqrt(0.02))
        - torch.exp((torch.cos(2 * torch.pi * x) + torch.cos(2 * torch.pi * y)) / 2)
    ),
    "goldstein_price": lambda x, y: (
        (1 + (x + y + 1).pow(2) * (19 - 14 * x + 3 * x.pow(2) - 14 * y + 6 * x * y + 3 * y.pow(2)))
        * (30 + (2 * x - 3 * y).pow(2) * (18 - 32 * x + 12 * x.pow(2) + 48 * y - 36 * x * y + 27 * y.pow(2)))
    ),
    "mccormick": lambda x, y: torch.sin(x + y) + torch.square(x - y) - 1.5 * x + 2.5 * y + 1,
    "drop_wave": lambda x, y: -(1 + torch.cos(12 * torch.hypot(x, y))) / (0.5 * (x.pow(2) + y.pow(2)) + 2),
    "saddle": lambda x, y: (x + y) * (x - y),
    "bounded_saddle": lambda x, y: x.pow(2) - y.pow(2) + y.pow(4) / 4,
    "monkey_saddle": lambda x, y: torch.complex(x, y).pow(3).real,
    "rosenbrock": lambda x, y, a, b: torch.square(a - x) + b * torch.square(y - x.pow(2)),
    "ravine": lambda x, y, kappa: x.pow(2) / 2 + kappa * y.pow(2) / 2,
    "beale": lambda x, y: sum((c - x + x * y.pow(n)).pow(2) for c, n in ((1.5, 1), (2.25, 2), (2.625, 3))),
    "hyperbola": lambda x, y: torch.square(x * y - 1) / 2,
}


@pytest.mark.parametrize("surface", [case for case in CASES if case.key in PUBLISHED], ids=label)
def test_is_the_published_formula(surface: Surface) -> None:
    assert_derivatives(surface, PUBLISHED[surface.key])


@pytest.mark.parametrize(
    ("key", "point", "value"),
    [
        ("rosenbrock", (-1.2, 1.0), 24.2),
        ("beale", (1.0, 1.0), 14.203125),
        ("booth", (0.0, 0.0), 74.0),
        ("himmelblau", (0.0, 0.0), 170.0),
        ("himmelblau", (-0.270844590667, -0.923038522112), 181.616521522583),
        ("three_hump_camel", (1.7475523458, -0.8737761729), 0.298638442236861),
        ("six_hump_camel", (0.08984201, -0.71265640), -1.031628453489877),
        ("six_hump_camel", (1.70360671, -0.79608357), -0.215463824383717),
        ("six_hump_camel", (1.60710475, 0.56865145), 2.104250310311259),
        ("styblinski_tang", (-2.9035340278, -2.9035340278), -78.33233140754282),
        ("rastrigin", (1.0, 1.0), 2.0),
        ("ackley", (1.0, 1.0), 3.6253849384403627),
        ("goldstein_price", (0.0, -1.0), 3.0),
        ("goldstein_price", (-0.6, -0.4), 30.0),
        ("goldstein_price", (1.8, 0.2), 84.0),
        ("goldstein_price", (1.2, 0.8), 840.0),
        ("mccormick", (-0.5471975512, -1.5471975512), -1.913222954981037),
        ("drop_wave", (0.0, 0.0), -1.0),
    ],
)
def test_published_values(key: str, point: tuple[float, float], value: float) -> None:
    # Some are published with minima to eight digits: the value there is the minimum's to sixteen.
    assert SURFACES[key].value(point) == pytest.approx(value, rel=1e-12, abs=1e-12)


def test_rosenbrock_at_its_minimum() -> None:
    hessian = SURFACES["rosenbrock"].hessian((1.0, 1.0))
    assert np.array_equal(hessian, [[802.0, -400.0], [-400.0, 200.0]])
    assert np.linalg.cond(hessian) == pytest.approx(2508.01, abs=5e-3)


def test_the_monkey_saddle_has_no_curvature() -> None:
    assert not SURFACES["monkey_saddle"].hessian((0.0, 0.0)).any()


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, 1e-12])
def test_ackleys_minimum_is_a_cone(distance: float) -> None:
    # No gradient exists at the tip: the slope has the length 2√2 in every direction around it. The 0 given there is the
    # subgradient that belongs to a minimum.
    turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    outward = np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    slopes = SURFACES["ackley"].grad(distance * outward)
    np.testing.assert_allclose(slopes, 2 * math.sqrt(2) * outward, atol=60 * distance)
    assert not SURFACES["ackley"].grad((0.0, 0.0)).any()


def test_drop_wave_is_smooth_in_the_middle() -> None:
    # −(1 + cos 12r)/(r²/2 + 2) = −1 + 36.25r² + O(r⁴)
    for x in (0.0, 1e-160, 1e-9):
        np.testing.assert_allclose(SURFACES["drop_wave"].hessian((x, 0.0)), 72.5 * np.eye(2), rtol=1e-12)


def rotation(degrees: float) -> np.ndarray:
    turn = np.exp(1j * math.radians(degrees))
    return np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])


@pytest.mark.parametrize("angle", ANGLES[1:])
@pytest.mark.parametrize("surface", UPRIGHT, ids=label)
def test_rotation_carries_everything_along(surface: Surface, angle: float) -> None:
    turned, points = surface.rotated(angle), sample(surface)

    def carried(p: Any) -> np.ndarray:
        return (np.array(p).reshape(-1, 2) - surface.centre) @ rotation(angle).T + surface.centre

    values = surface.value(points)
    np.testing.assert_allclose(turned.value(carried(points)), values, rtol=1e-11, atol=1e-12 * np.abs(values).max())
    for mine, own in (
        ((turned.start,), (surface.start,)),
        (turned.minima, surface.minima),
        (turned.local_minima, surface.local_minima),
        (turned.saddles, surface.saddles),
    ):
        np.testing.assert_allclose(np.array(mine).reshape(-1, 2), carried(own), rtol=0, atol=1e-13)
    assert turned.domain == surface.domain


@pytest.mark.parametrize("surface", SURFACES.values(), ids=label)
def test_quarter_turns_are_exact(surface: Surface) -> None:
    offsets = np.random.default_rng(1).integers(-64, 65, (50, 2)) / 64
    value = surface.value(offsets + surface.centre)
    for quarters in range(1, 5):
        offsets = offsets @ np.array([[0.0, 1.0], [-1.0, 0.0]])
        assert np.array_equal(surface.rotated(90.0 * quarters).value(offsets + surface.centre), value)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=label)
def test_rotations_add_up(surface: Surface) -> None:
    points = sample(surface)
    once, twice = surface.rotated(45.0), surface.rotated(75.0).rotated(-30.0)
    assert once == twice
    assert np.array_equal(once.grad(points), twice.grad(points))


@pytest.mark.parametrize("angle", ANGLES[1:])
@pytest.mark.parametrize("surface", UPRIGHT, ids=label)
def test_sgd_does_not_see_a_rotation(surface: Surface, angle: float) -> None:
    lr = 0.1 / max(1.0, np.abs(curvatures(surface, surface.start)).max())
    upright, turned = (simulate(RULES["sgd"], s, hypers={"lr": lr}, steps=100) for s in (surface, surface.rotated(angle)))
    np.testing.assert_allclose((upright.x - surface.centre) @ rotation(angle).T + surface.centre, turned.x, rtol=0, atol=1e-10)


def test_adam_sees_it() -> None:
    surface = SURFACES["ravine"].with_(kappa=100.0)
    upright, turned = (simulate(RULES["adam"], s, hypers={"lr": 0.02}, steps=200) for s in (surface, surface.rotated(45.0)))
    assert np.abs(upright.x @ rotation(45.0).T - turned.x).max() > 0.5
    assert upright.final < 1e-3 < 1 < turned.final


@pytest.mark.parametrize("angle", [0.0, 30.0])
@pytest.mark.parametrize("surface", UPRIGHT, ids=label)
def test_a_run_in_a_batch_is_the_run_alone(surface: Surface, angle: float) -> None:
    surface = surface.rotated(angle)
    starts = np.array([surface.start, *sample(surface, 4)])
    together = simulate(RULES["sgd"], surface, start=starts, steps=60)
    for i, start in enumerate(starts):
        alone = simulate(RULES["sgd"], surface, start=start, steps=60)
        rows = len(alone.x)  # where a lone run has diverged the loop ends early
        assert np.array_equal(alone.x[:, 0], together.x[:rows, i])
        assert np.array_equal(alone.value[:, 0], together.value[:rows, i])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda s: s.with_(kapa=3.0), r"ravine has no parameter 'kapa': it has kappa"),
        (lambda s: s.with_(kappa=0.5), r"kappa = 0\.5 is not allowed: it must be a number from 1 to 10000"),
        (lambda s: s.with_(kappa=math.nan), r"kappa = nan"),
        (lambda s: s.with_(kappa="steep"), r"kappa = 'steep' is not a number"),
        (lambda s: s.rotated(math.nan), r"angle = nan"),
        (lambda s: s.rotated(-math.inf), r"angle = -inf"),
        (lambda s: s.value([1.0, 2.0, 3.0]), r"points has shape \(3,\): allowed is \(\.\.\., 2\)"),
        (lambda s: s.grad(np.zeros((2, 5))), r"points has shape \(2, 5\)"),
        (lambda s: s.hessian(1.0), r"points has shape \(\)"),
        (lambda s: SURFACES["saddle"].with_(kappa=2.0), r"saddle has no parameter 'kappa': it has none"),
    ],
)
def test_bad_input_is_told(wrong: Callable[[Surface], Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        wrong(SURFACES["ravine"])


def test_parameters_move_what_depends_on_them() -> None:
    assert SURFACES["rosenbrock"].with_(a=-1.5).minima == ((-1.5, 2.25),)
    deep, shallow = (SURFACES["rastrigin"].with_(amplitude=a).local_minima for a in (20.0, 5.0))
    assert len(deep) == len(shallow) == 11**2 - 1
    assert deep != shallow


def test_unbounded_surfaces_claim_no_minimum() -> None:
    assert {key for key, surface in SURFACES.items() if surface.lowest is None} == {"saddle", "monkey_saddle", "plane"}


# What the lessons say.


def descend(surface: str | Surface, *, rule: str = "sgd", start: Any = None, steps: int = 1000, **settings: Any) -> Any:
    clip = settings.pop("clip_norm", math.inf)
    objective = SURFACES[surface] if isinstance(surface, str) else surface
    return simulate(RULES[rule], objective, start=start, hypers=settings, steps=steps, clip_norm=clip)


def which(run: Any, points: Any) -> list[int]:
    """For each run, the index of the point nearest to its end."""
    return np.hypot(*(run.x[-1][:, None] - np.array(points)).transpose(2, 0, 1)).argmin(axis=1).tolist()


def ring(centre: Any, radius: float) -> np.ndarray:
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.array(centre) + radius * np.stack([np.cos(turns), np.sin(turns)], axis=-1)


def test_booth_limits_the_learning_rate() -> None:
    assert curvatures(SURFACES["booth"], (1.0, 3.0)) == pytest.approx([2, 18])
    run = descend("booth", lr=np.array([0.99, 1.01]) * 2 / 18, steps=3000)
    assert run.final[0] < 1e-12
    assert run.diverged[1]


def test_matyas_lies_across_the_axes() -> None:
    hessian = SURFACES["matyas"].rotated(45.0).hessian((0.0, 0.0))
    np.testing.assert_allclose(hessian, np.diag([1.0, 0.04]), atol=1e-15)


def test_quartic_limits_the_start() -> None:
    # x ← x(1 − 4·lr·x²) grows exactly where |x| > 1/√(2·lr)
    limit = 1 / math.sqrt(2 * 0.5)
    run = descend("quartic", start=[(0.999 * limit, 0.1), (1.001 * limit, 0.1)], lr=0.5, steps=5000)
    assert run.diverged.tolist() == [False, True]


def test_plateau_stops_descent_and_not_adam() -> None:
    sgd, adam = (descend("plateau", rule=rule, lr=0.1, steps=200) for rule in ("sgd", "adam"))
    assert sgd.final > 0.99
    assert adam.final < 1e-3


def test_cliff_throws_and_clipping_saves() -> None:
    lr = np.linspace(0.1, 0.5, 41)
    thrown, walked = descend("cliff", lr=lr, steps=500), descend("cliff", lr=lr, steps=300, clip_norm=1.0)
    assert (np.abs(thrown.x[1]).max(axis=1) > 3 * half_side(SURFACES["cliff"])).all()
    assert (thrown.distance_to(SURFACES["cliff"].minima) > half_side(SURFACES["cliff"])).all()
    assert (walked.final < 1e-12).all()
    assert np.abs(walked.x).max() <= 2.0


def test_himmelblau_ends_anywhere() -> None:
    minima = SURFACES["himmelblau"].minima
    rates = descend("himmelblau", lr=np.array([0.002, 0.01]))
    assert rates.final.max() < 1e-12
    assert len(set(which(rates, minima))) == 2
    starts = descend("himmelblau", start=ring(SURFACES["himmelblau"].start, 0.5), lr=0.002)
    assert len(set(which(starts, minima))) >= 2


def test_three_hump_camel_holds_short_steps() -> None:
    run = descend("three_hump_camel", lr=np.array([0.005, 0.01, 0.05, 0.1]))
    assert run.final[:3] == pytest.approx(0.298638442236861)
    assert run.final[3] < 1e-12


def test_six_hump_camel_splits_neighbours() -> None:
    surface = SURFACES["six_hump_camel"]
    run = descend(surface, start=ring(surface.start, 0.1))
    assert len(set(which(run, surface.minima + surface.local_minima))) >= 4


def test_styblinski_tang_gets_one_right() -> None:
    surface = SURFACES["styblinski_tang"]
    right, wrong = descend(surface).x[-1, 0]
    assert (right, wrong) == pytest.approx(surface.local_minima[0])
    assert right == pytest.approx(surface.minima[0][0])


def test_rastrigin_ends_nearby() -> None:
    surface = SURFACES["rastrigin"]
    run = descend(surface, start=sample(surface, 20) * 0.9, lr=1e-4, steps=5000)
    assert run.distance_to(surface.minima + surface.local_minima).max() < 1e-9
    assert np.abs(run.x[-1] - run.x[0]).max() < 0.75


def test_ackley_is_leapt_across() -> None:
    x = descend("ackley", start=(0.3, 0.2), lr=0.01, steps=2000).x[:, 0]
    assert (np.linalg.norm(x[-100:], axis=1) > 0.01).all()
    assert ((x[-100:-1] * x[-99:]).sum(axis=1) < 0).all()


def test_goldstein_price_flattens() -> None:
    surface = SURFACES["goldstein_price"]
    sharpest, at_minimum = (np.abs(curvatures(surface, p)).max() for p in (surface.start, surface.minima[0]))
    assert sharpest / at_minimum == pytest.approx(100, rel=0.05)
    run = descend(surface, lr=np.array([0.02, 0.1]) * 2 / at_minimum)
    assert run.diverged.tolist() == [False, True]


def test_mccormick_holds_descent_and_no_momentum() -> None:
    surface = SURFACES["mccormick"]
    assert descend(surface, lr=0.05).final == pytest.approx(float(surface.value(surface.local_minima[0])))
    rolling = descend(surface, rule="momentum", lr=np.linspace(0.005, 0.2, 40), mu=0.95).x[-1].mean(axis=1)
    stays, leaves = rolling > 2, rolling < -50
    assert stays.any()
    assert leaves.any()
    assert (stays | leaves).all()


def test_drop_wave_keeps_a_run_in_its_ring() -> None:
    radius = np.linalg.norm(descend("drop_wave").x[:, 0], axis=1)
    assert 7 * np.pi / 12 < radius.min() < radius.max() < 9 * np.pi / 12
    assert radius[-1] == pytest.approx(8 * np.pi / 12, rel=0.01)


def test_saddle_is_left_in_closed_form() -> None:
    # y grows by 1 + lr·2 a step: from ε it passes 1 after ⌈ln(1/ε)/ln 1.01⌉ steps
    offsets = np.array([1e-1, 1e-2, 1e-4, 1e-8])
    run = descend("saddle", start=np.stack([np.zeros(4), offsets], axis=-1), lr=0.005, steps=2000)
    passed = (run.x[:, :, 1] >= 1).argmax(axis=0)
    assert passed.tolist() == [232, 463, 926, 1852]


def test_bounded_saddle_takes_its_time() -> None:
    run = descend("bounded_saddle", lr=0.05)
    height = np.abs(run.x[:, 0, 1])
    arrived = (np.abs(height - math.sqrt(2)) < 1e-3).argmax()
    assert (height < 0.5 * math.sqrt(2)).sum() > arrived / 2 > 0


def test_monkey_saddle_almost_stops_descent() -> None:
    run = descend("monkey_saddle", steps=500)
    assert run.gradient_norm.min() < run.gradient_norm[0] / 20
    assert run.diverged.all()


def test_rosenbrock_is_all_floor() -> None:
    run = descend("rosenbrock", lr=1e-3, steps=5000)
    assert run.steps_to(5.0) < 10
    assert run.steps_to(0.01) > 3000


def test_ravine_sets_limit_and_length() -> None:
    run = descend(SURFACES["ravine"], lr=np.array([1.99, 2.01]) / 20)
    assert run.value[-1, 0] < run.value[0, 0] < run.value[-1, 1]
    counts = [descend(SURFACES["ravine"].with_(kappa=k), lr=1 / k, steps=5000).steps_to(1e-6)[0] for k in (10.0, 100.0)]
    assert counts[1] == pytest.approx(10 * counts[0], rel=0.1)


def test_beale_crawls() -> None:
    run = descend("beale", lr=np.array([0.01, 0.015]), steps=500)
    assert run.diverged.tolist() == [False, True]
    assert run.steps_to(12.65)[0] < 10 < 300 < run.steps_to(1e-3)[0]


def test_hyperbola_ends_flatter() -> None:
    run = descend("hyperbola", lr=np.linspace(0.02, 0.36, 18), steps=3000)
    assert (run.final < 1e-12).all()
    sharpness = curvatures(SURFACES["hyperbola"], run.x[-1])[:, 1]
    assert (np.diff(sharpness) < 0).all()
    assert sharpness[0] > 8
    assert sharpness[-1] < 2.1
