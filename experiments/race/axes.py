"""From where to where the loss curves are drawn."""

import math
from typing import TypedDict

import numpy as np


class Axes(TypedDict):
    """Ranges of loss: as it is, and in decades above the minimum, where there is one."""

    linear: list[float]
    log: list[float] | None


def loss_axes(gaps: np.ndarray, alive: np.ndarray, bounded: bool, span: tuple[float, float]) -> Axes:
    """Axis ranges of the loss curves, from the points (runs, frames) that are `alive`: no diverged run flattens the rest.

    `span` is the range of loss on the map. The logarithmic range is in decades, None where no minimum is known.
    """
    low, high = span
    start = gaps[:, 0].max()
    top = max(high, start)
    survives = alive[:, -1:]
    seen = gaps[alive & (gaps <= max(10 * abs(start), top)) & (gaps >= low - 2 * (high - low))]
    if not seen.size:
        seen = np.array([start])
    pad = 0.04 * (seen.max() - seen.min() or 1.0)
    linear = [float(seen.min() - pad), float(seen.max() + pad)]
    # Decades are cheap: on the logarithmic axis a run that survives is seen whole.
    positive = np.concatenate([seen, gaps[alive & survives]])
    positive = positive[positive > 0]
    if not bounded:
        return {"linear": linear, "log": None}
    if not positive.size:
        return {"linear": linear, "log": [-16, 0]}
    lowest = max(math.floor(math.log10(positive.min())), -16)
    highest = max(math.ceil(math.log10(positive.max())), lowest + 1)
    return {"linear": linear, "log": [lowest, highest]}
