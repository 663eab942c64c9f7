"""The learning-rate finder: against stability limits that are known, and at its edges."""

import numpy as np
import pytest

from core.finder import BROKEN, find_lr
from optimizers import RULES
from surfaces import SURFACES

COMMON = {"low": 1e-5, "high": 10.0, "steps": 300}


@pytest.mark.parametrize("kappa", [10.0, 100.0])
def test_gradient_descent_breaks_past_its_limit_and_late(kappa):
    surface = SURFACES["ravine"].with_(kappa=kappa)
    found = find_lr(RULES["sgd"], surface, **COMMON)
    assert found.breaking is not None
    assert 2 / kappa < found.breaking < 10 * 2 / kappa


def test_the_rates_grow_evenly_and_the_losses_are_the_runs():
    found = find_lr(RULES["adam"], SURFACES["rosenbrock"], **COMMON)
    np.testing.assert_allclose(np.diff(np.log(found.lrs)), np.log(1e6) / 299)
    assert (found.lrs[0], found.lrs[-1]) == (1e-5, pytest.approx(10.0))
    x = np.array(SURFACES["rosenbrock"].start)
    m = v = np.zeros(2)
    for i, lr in enumerate(found.lrs[:50]):
        g = SURFACES["rosenbrock"].grad(x)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - lr * (m / (1 - 0.9 ** (i + 1))) / (np.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8)
        assert found.value[i] == pytest.approx(float(SURFACES["rosenbrock"].value(x)), rel=1e-9)


def test_the_breaking_point_is_the_first_rise():
    found = find_lr(RULES["momentum"], SURFACES["ravine"], **COMMON)
    assert found.breaking is not None
    at = int(np.flatnonzero(found.lrs == found.breaking)[0])
    before = found.value[:at]
    assert not found.value[at] <= BROKEN * before.min()
    assert all(v <= BROKEN * before[: i + 1].min() for i, v in enumerate(before))


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
