"""The learning-rate finder: one run whose learning rate grows exponentially, and what its loss says.

Smith, arXiv:1506.01186, § 3.3. It can mislead: by the time lr passes the stability limit, the steep direction may have died
out so far that many more steps pass before the loss shows it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.rule import Rule
from core.schedule import Schedule
from core.simulate import simulate

SPREAD = 5
"""Steps over which the loss, or its logarithm, is averaged before its slope is taken."""

BROKEN = 4.0
"""A run that ends within bounds has broken if it has by then risen to so many times what it had been at most."""

EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Finding:
    """What a growing learning rate does.

    lrs       (steps,) the learning rate of each step
    value     (steps,) the loss after it; not finite once the run has left every bound
    floor     what losses are measured from: the objective's lowest value; None where it has none or the run fell below it
    steepest  the learning rate at which the loss, where it has a floor its logarithm, falls to new lows fastest; None where
              it never falls
    breaking  the learning rate from which on every loss is higher than all before it; None where the run does not break
    """

    lrs: np.ndarray
    value: np.ndarray
    floor: float | None
    steepest: float | None
    breaking: float | None

    @property
    def above(self) -> np.ndarray:
        """(steps,) the loss above the floor, or the loss itself where there is none."""
        return self.value - (self.floor or 0.0)


def find_lr(
    rule: Rule,
    objective: Any,
    *,
    low: float,
    high: float,
    steps: int,
    floor: float | None = None,
    hypers: Any = None,
    **settings: Any,
) -> Finding:
    """Run the rule once, its lr growing from `low` to `high`. `floor` is what losses are measured from.

    By default that is the objective's `lowest` value, if it has one. `hypers` but lr, and `settings`, are those of `simulate`
    but the schedule. Raises ValueError as `simulate` does.
    """
    growing = Schedule("growing", "Growing", "", lambda t, steps: (high / low) ** ((t - 1) / max(steps - 1, 1)), {})
    run = simulate(rule, objective, hypers={**(hypers or {}), "lr": low}, steps=steps, schedule=growing, **settings)
    last, lrs, value = int(run.stopped[0]), run.lr[:, 0], run.value[:, 0]
    broken = _break(value[: last + 1], ended=last <= steps)
    falling = value[: last if broken is None else broken]
    floor = getattr(objective, "lowest", None) if floor is None else floor
    slack = 0.0 if floor is None else max(getattr(objective, "slack", 0.0), 4 * EPS * abs(floor))
    if floor is not None and falling.min(initial=np.inf) < floor - slack:
        floor = None
    return Finding(
        lrs=lrs,
        value=np.where(np.arange(steps + 1) < last, value, np.nan)[1:],
        floor=floor,
        steepest=_steepest(falling, lrs, floor, slack),
        breaking=None if broken is None else float(lrs[broken - 1]),
    )


def _break(value: np.ndarray, *, ended: bool) -> int | None:
    """The first of the steps, up to the last, each of which makes the loss (steps+1,) higher than it ever was before.

    Oscillation ends such a row at its next trough. A run that `ended` because it left every bound, upwards, has broken.
    """
    value = np.where(np.isnan(value), np.inf, value)
    highest = np.maximum.accumulate(value)
    calm = np.flatnonzero(value[1:] <= highest[:-1])
    first = int(calm[-1]) + 2 if len(calm) else 1
    if first >= len(value):
        return None
    lowest = value.min()
    return first if ended or value[-1] - lowest > BROKEN * (highest[first - 1] - lowest) else None


def _steepest(value: np.ndarray, lrs: np.ndarray, floor: float | None, slack: float) -> float | None:
    """The learning rate at which the loss (steps+1,) falls to new lows fastest; on a logarithmic scale where it has a `floor`.

    A gap to the floor is told no finer than rounding lets it be: by the `slack` of the loss, or by the square of a distance.
    """
    if len(value) <= SPREAD:
        return None
    if floor is not None:
        gap = value - floor
        value = np.log(np.maximum(gap, max(slack, EPS**2 * gap[0], np.finfo(float).tiny)))
    slopes = np.diff(np.minimum.accumulate(np.convolve(value, np.ones(SPREAD) / SPREAD, mode="valid")))
    return float(lrs[int(slopes.argmin()) + SPREAD // 2]) if slopes.min() < 0 else None
