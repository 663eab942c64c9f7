"""Schedules: against torch.optim.lr_scheduler where it has one, at their ends, and one value or one a run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from core import SCHEDULES, Schedule, simulate
from optimizers import RULES
from surfaces import SURFACES
from tests.problems import same

ENDS = {
    "constant": (1, 1),
    "step": (1, 0.3**3),
    "exponential": (1, 0.01),
    "cosine": (1, 0),
    "warmup_cosine": (0.1, 0),
    "one_cycle": (0.04, 4e-6),
    "inverse_sqrt": (1, 0.1),
}
"""The factors at the first and the last of a hundred steps, with each schedule's defaults."""

EVERY_SCHEDULE = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


def torch_factors(scheduler: Callable[..., Any], steps: int) -> np.ndarray:
    """(steps,) learning rates that a torch scheduler gives an optimizer whose lr is 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = scheduler(optimizer)
    factors = [float(optimizer.param_groups[0]["lr"])]
    for _ in range(steps - 1):
        optimizer.step()
        schedule.step()
        factors.append(float(optimizer.param_groups[0]["lr"]))
    return np.array(factors)


@pytest.mark.parametrize(
    ("schedule", "twin"),
    [
        (SCHEDULES["constant"], lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        (SCHEDULES["step"].with_(drop=0.3, drops=3), lambda o: lr_scheduler.StepLR(o, 25, gamma=0.3)),
        (SCHEDULES["step"].with_(drop=0.1, drops=9), lambda o: lr_scheduler.StepLR(o, 10, gamma=0.1)),
        (SCHEDULES["exponential"].with_(last=0.01), lambda o: lr_scheduler.ExponentialLR(o, 0.01 ** (1 / 99))),
        (SCHEDULES["cosine"], lambda o: lr_scheduler.CosineAnnealingLR(o, 99)),
        (SCHEDULES["cosine"].with_(floor=0.2), lambda o: lr_scheduler.CosineAnnealingLR(o, 99, eta_min=0.2)),
        (SCHEDULES["inverse_sqrt"], lambda o: lr_scheduler.LambdaLR(o, lambda k: (k + 1) ** -0.5)),
    ],
    ids=lambda case: f"{case.key}{case.parameters}" if isinstance(case, Schedule) else "",
)
def test_each_factor_is_torchs(schedule, twin):
    # 1e-12: torch multiplies step by step what is one formula here.
    np.testing.assert_allclose(schedule.factors(100)[:, 0], torch_factors(twin, 100), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("peak", [0.1, 0.3, 0.75])
@pytest.mark.parametrize("steps", [50, 100, 333])
def test_one_cycle_is_torchs(steps, peak):
    theirs = torch_factors(
        lambda o: lr_scheduler.OneCycleLR(
            o, 1.0, steps, pct_start=peak, div_factor=20, final_div_factor=50, cycle_momentum=False
        ),
        steps,
    )
    ours = SCHEDULES["one_cycle"].with_(peak=peak, first=1 / 20, last=1 / 1000).factors(steps)
    np.testing.assert_allclose(ours[:, 0], theirs, rtol=1e-12)


def test_warm_up_rises_in_a_line_then_falls_like_the_cosine():
    factors = SCHEDULES["warmup_cosine"].with_(warmup=0.2, floor=0.1).factors(100)[:, 0]
    np.testing.assert_allclose(factors[:20], np.arange(1, 21) / 20, rtol=1e-15)
    np.testing.assert_allclose(
        factors[19:], torch_factors(lambda o: lr_scheduler.CosineAnnealingLR(o, 80, eta_min=0.1), 81), rtol=1e-12
    )


@EVERY_SCHEDULE
def test_ends(schedule):
    factors = schedule.factors(100)[:, 0]
    assert (factors[0], factors[-1]) == pytest.approx(ENDS[schedule.key], rel=1e-12, abs=1e-16)


@EVERY_SCHEDULE
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 97, 5000])
def test_factors_are_a_share_of_lr_at_any_length(schedule, steps):
    factors = schedule.factors(steps)
    assert factors.shape == (steps, 1)
    assert np.isfinite(factors).all()
    assert ((factors >= 0) & (factors <= 1)).all()


@EVERY_SCHEDULE
def test_a_parameter_may_differ_by_run(schedule):
    for name, hyper in schedule.hypers.items():
        values = np.array([hyper.low, hyper.default, hyper.high])
        together = schedule.with_(**{name: values}).factors(60)
        assert together.shape == (60, 3)
        for i, value in enumerate(values):
            np.testing.assert_allclose(
                together[:, i], schedule.with_(**{name: value}).factors(60)[:, 0], rtol=1e-14, atol=1e-15
            )


@EVERY_SCHEDULE
def test_a_schedule_refuses_bad_parameters(schedule):
    for name, hyper in schedule.hypers.items():
        with pytest.raises(ValueError, match=f"{name} = nan"):
            schedule.with_(**{name: float("nan")})
        with pytest.raises(ValueError, match=f"{name} = {hyper.high + 1:g}"):
            schedule.with_(**{name: hyper.high + 1})
    with pytest.raises(ValueError, match="no parameter 'warmth'"):
        schedule.with_(warmth=1)


@EVERY_SCHEDULE
def test_the_loop_multiplies_lr_by_the_factor(schedule):
    run = simulate(RULES["sgd"], SURFACES["ravine"], hypers={"lr": [0.01, 0.02]}, schedule=schedule, steps=50)
    assert same(run.lr, schedule.factors(50) * np.array([0.01, 0.02]))
    assert same(run.x[1:], run.x[:-1] - run.lr[:, :, None] * run.gradient[:-1])


def test_runs_may_be_told_apart_by_their_schedule_alone():
    cosine = SCHEDULES["cosine"].with_(floor=[0.0, 0.5, 1.0])
    run = simulate(RULES["adam"], SURFACES["ravine"], schedule=cosine, steps=30)
    assert run.runs == 3
    assert same(run.x[:, 2], simulate(RULES["adam"], SURFACES["ravine"], steps=30).x[:, 0])
    with pytest.raises(ValueError, match="lr 2, schedule 3"):
        simulate(RULES["adam"], SURFACES["ravine"], hypers={"lr": [0.1, 0.2]}, schedule=cosine)


def test_a_schedule_may_be_named():
    surface = SURFACES["ravine"]
    named = simulate(RULES["sgd"], surface, steps=9, schedule="cosine")
    assert np.array_equal(named.x, simulate(RULES["sgd"], surface, steps=9, schedule=SCHEDULES["cosine"]).x)
    with pytest.raises(ValueError, match="schedule = 'daily' is unknown: allowed is one of constant"):
        simulate(RULES["sgd"], surface, schedule="daily")
