"""Comparing two rules over seeds that they share."""

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
