"""Ticks of logarithmic axes: whole decades, or 1, 2 and 5 of each where there are few."""

import math
from typing import Any

import numpy as np

_MOST = 8
"""More decades than this are thinned out."""


def logarithmic(low: float, high: float) -> dict[str, Any]:
    """Type, range, places and texts of the ticks of an axis from 10^low to 10^high."""
    decades = np.arange(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    decades = decades[:: max(1, math.ceil(len(decades) / _MOST))]
    values = [10.0**k for k in decades.tolist()]
    if high - low < 2.5:
        every = (m * 10.0**k for k in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5))
        values = [v for v in every if low - 1e-9 <= math.log10(v) <= high + 1e-9]
    return {"type": "log", "range": [low, high], "tickvals": values, "ticktext": [_text(v) for v in values]}


def _text(value: float) -> str:
    if 1e-3 <= value < 1e4:
        return f"{value:g}"
    power = math.floor(math.log10(value) + 1e-9)
    factor = round(value / 10.0**power)
    return (f"{factor}·" if factor != 1 else "") + f"10<sup>{power}</sup>".replace("-", "−")
