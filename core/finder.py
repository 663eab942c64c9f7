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
"""Steps over which the logarithm of the loss is averaged before its slope is taken."""

BROKEN = 4.0
"""The run breaks where its loss first exceeds so many times the lowest before."""


@dataclass(frozen=True)
class Finding:
    """What a growing learning rate does.

    lrs       (steps,) the learning rate of each step
    value     (steps,) the loss after it; not finite once the run has diverged
    steepest  the learning rate at which the loss falls fastest; None where it never falls
    breaking  the learning rate at which the run breaks; None where it does not
    """

    lrs: np.ndarray
    value: np.ndarray
    steepest: float | None
    breaking: float | None


def find_lr(
    rule: Rule, objective: Any, *, low: float, high: float, steps: int, floor: float = 0.0, hypers: Any = None, **settings: Any
) -> Finding:
    """Run the rule once, its lr growing from `low` to `high`. `floor` is what losses are measured from.

    `hypers` but lr, and `settings`, are those of `simulate` but the schedule. Raises ValueError as `simulate` does.
    """
    growing = Schedule("growing", "Growing", "", lambda t, steps: (high / low) ** ((t - 1) / max(steps - 1, 1)), {})
    run = simulate(rule, objective, hypers={**(hypers or {}), "lr": low}, steps=steps, schedule=growing, **settings)
    last = int(run.stopped[0])
    value = np.where(np.arange(steps + 1) < last, run.value[:, 0], np.nan)[1:]
    lrs = run.lr[:, 0]
    gap = np.maximum(np.concatenate([run.value[:1, 0], value]) - floor, np.finfo(float).tiny)
    lowest = np.fmin.accumulate(gap)[:-1]
    broken = np.flatnonzero(~(gap[1:] <= BROKEN * lowest))
    end = int(broken[0]) if len(broken) else steps
    steepest = None
    if end > SPREAD:
        smooth = np.convolve(np.log(gap[: end + 1]), np.ones(SPREAD) / SPREAD, mode="valid")
        slopes = np.diff(smooth)
        if len(slopes) and slopes.min() < 0:
            steepest = float(lrs[int(slopes.argmin()) + SPREAD // 2])
    return Finding(lrs, value, steepest, float(lrs[end]) if len(broken) else None)
