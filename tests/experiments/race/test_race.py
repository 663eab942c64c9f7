"""The race is fair: both sides compute the same numbers, and no run is spared work by diverging."""

import numpy as np
import pytest

from benchmarks.race import RATES, STARTS, STEPS, torch_loop
from core import simulate
from optimizers import RULES
from surfaces import SURFACES

ROSENBROCK = SURFACES["rosenbrock"]


@pytest.mark.parametrize("key", RATES)
def test_both_sides_run_the_same_race(key):
    # 1e-9 over the first 100 steps: autograd rounds differently, and Rosenbrock's valley magnifies it from there on.
    x, loss = torch_loop(RULES[key], ROSENBROCK, RATES[key])
    run = simulate(RULES[key], ROSENBROCK, hypers={"lr": RATES[key]}, steps=STEPS)
    assert (x.shape, loss.shape) == (run.x[:, 0].shape, run.value[:, 0].shape)
    np.testing.assert_allclose(run.x[:100, 0], x[:100], rtol=1e-9)
    np.testing.assert_allclose(run.value[:100, 0], loss[:100], rtol=1e-7)


@pytest.mark.parametrize("key", RATES)
def test_nobody_diverges(key):
    assert not simulate(RULES[key], ROSENBROCK, start=STARTS, hypers={"lr": RATES[key]}, steps=STEPS).diverged.any()
