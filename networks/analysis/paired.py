"""Comparing two rules over seeds that they share."""

from dataclasses import dataclass

import numpy as np
from scipy import stats


def interval(one: np.ndarray, other: np.ndarray, confidence: float = 0.95) -> tuple[float, float, float]:
    """The mean of one − other over the seeds (seeds,), and Student's interval around it (Student, Biometrika 6, 1908).

    With fewer than two seeds the interval is the whole line.
    """
    off = np.asarray(one, dtype=float) - np.asarray(other, dtype=float)
    mean = float(off.mean())
    if len(off) < 2:
        return mean, -np.inf, np.inf
    reach = float(stats.t.ppf(0.5 + confidence / 2, len(off) - 1) * off.std(ddof=1) / np.sqrt(len(off)))
    return mean, mean - reach, mean + reach


@dataclass(frozen=True)
class Lead:
    """Who of several is lowest on average, and whom that is said against; mean and interval are of `other` − `first`.

    `other` is the nearest that `first` is not surely below, so that nobody is; or else the nearest of all.
    """

    first: int
    other: int
    mean: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the first is below every other by more than the interval around their difference."""
        return self.low > 0


def lead(values: np.ndarray) -> Lead | None:
    """Who leads by values (several, seeds), the lower the better, on seeds that they share; None with fewer than two.

    Who has a value that is not finite has no mean and is left out.
    """
    whole = np.all(np.isfinite(values), axis=1)
    means = np.where(whole, np.where(whole[:, None], values, 0).mean(axis=1), np.inf)
    first, *others = means.argsort(kind="stable")[: max(int(whole.sum()), 1)].tolist()
    compared = ((other, *interval(values[other], values[first])) for other in others)
    every = [Lead(first, other, max(mean, 0.0), low, high) for other, mean, low, high in compared]  # below 0 is rounding
    return next((one for one in every if not one.sure), every[0] if every else None)
