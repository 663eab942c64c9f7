"""Every effect on gradients: the same on a surface’s runs, on a stack of networks and in a script of torch."""

from typing import Any

import numpy as np
import pytest
import torch

from core.effects import EFFECTS, before
from core.simulate import DRIVER
from networks.export.excerpt import inlined
from networks.export.script import IN_TORCH
from networks.training.entrants import Group, effects_of
from networks.training.regime import PER_RUN, REGIME
from optimizers import RULES

NUMBERS = {"l2": 0.3, "l1": 0.2, "noise": 0.5, "clip_value": 0.7, "clip_norm": 1.5}
RNG = np.random.default_rng(5)
G, X = RNG.standard_normal((4, 6)), RNG.standard_normal((4, 6))  # (runs, parameters)
G[0] /= 100  # shorter than any bound
X[1, :3] = 0
DRAW = RNG.standard_normal(6)


def of_surfaces(name: str, numbers: Any, g: np.ndarray = G, x: np.ndarray = X) -> np.ndarray:
    (effect,) = before({name}, {name: numbers})
    return effect([g.T], [x.T], [DRAW[:, None]])[0].T


def group(rows: slice, **settings: Any) -> Group:
    return Group(RULES["sgd"], rows, {}, {**{name: REGIME[name].off for name in PER_RUN}, **settings})


def test_they_are_all_tried_and_each_is_a_setting():
    assert EFFECTS.keys() == NUMBERS.keys()
    assert EFFECTS.keys() <= DRIVER.keys() | REGIME.keys()
    for name in EFFECTS:
        assert not np.array_equal(of_surfaces(name, NUMBERS[name]), G), name


@pytest.mark.parametrize("name", EFFECTS)
def test_on_arrays_it_is_what_it_is_on_the_floats_of_a_run(name):
    together = of_surfaces(name, NUMBERS[name])
    (effect,) = before({name}, NUMBERS)
    for g, x, found in zip(G.tolist(), X.tolist(), together.tolist(), strict=True):
        assert effect(g, x, DRAW.tolist()) == found


@pytest.mark.parametrize("name", [name for name in EFFECTS if name in PER_RUN])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stack_of_networks_has_the_same_and_leaves_a_run_alone_that_has_it_not(name, dtype):
    g, x = G.astype(dtype), X.astype(dtype)
    first, rest = group(slice(0, 2), **{name: NUMBERS[name]}), group(slice(2, 4))
    (effect,) = effects_of([first, rest], dtype)
    found = effect(g, x, slice(None))
    assert found.dtype == dtype
    np.testing.assert_allclose(found[:2], of_surfaces(name, NUMBERS[name])[:2], rtol=1e-6 if dtype == "float32" else 1e-15)
    np.testing.assert_array_equal(found[2:], g[2:])
    np.testing.assert_array_equal(effect(g[1:3], x[1:3], slice(1, 3)), found[1:3])


@pytest.mark.parametrize("name", [name for name in EFFECTS if name in PER_RUN])
def test_its_formula_in_a_script_is_the_same_in_torch(name):
    text = inlined(EFFECTS[name].formula, **IN_TORCH, **{name: repr(NUMBERS[name])})
    expected = of_surfaces(name, NUMBERS[name])
    for g, x, row in zip(G, X, expected, strict=True):
        p = torch.nn.Parameter(torch.tensor(x))
        p.grad = torch.tensor(g)
        with torch.no_grad():
            found = eval(text, {"torch": torch, "p": p, "norm": p.grad.norm()})
        np.testing.assert_allclose(found.numpy(), row, rtol=1e-15)


def test_gradients_are_made_longer_before_they_are_shortened():
    chain = list(before(EFFECTS, NUMBERS))
    g = [G.T]
    for effect in chain:
        g = effect(g, [X.T], [DRAW[:, None]])
    assert len(chain) == len(EFFECTS)
    assert np.linalg.norm(g[0], axis=0).max() <= NUMBERS["clip_norm"] * (1 + 1e-15)
