"""The learning-rate finder's curve: loss against a growing learning rate, with what it names."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from figures import theme
from figures.axes import logarithmic

_LOWEST = 1e-16

FAR = 1e3
"""A loss without a floor leaves the picture at so many times the way it went in half the run."""


def curve(lrs: np.ndarray, loss: np.ndarray, colour: str, marks: Mapping[str, float], *, floor: bool) -> go.Figure:
    """Loss (steps,) against lr (steps,), which is logarithmic; NaN where the run had left every bound.

    With a `floor` it is what the loss is above the minimum, and logarithmic too.
    """
    heights = np.maximum(loss, _LOWEST) if floor else loss
    low, high = np.log10(lrs[[0, -1]]).tolist()
    figure = go.Figure(go.Scatter(x=lrs, y=heights, mode="lines", line={"color": colour, "width": 2.2}))
    for i, (name, value) in enumerate(marks.items()):
        place = float(np.log10(value))  # an annotation's place on a logarithmic axis is a logarithm
        figure.add_vline(x=value, line={"color": theme.TICK, "width": 1.5, "dash": "dash"})
        figure.add_annotation(
            x=place,
            y=1 - 0.09 * i,
            yref="paper",
            xanchor="left" if place < low + 0.8 * (high - low) else "right",
            text=f" {name} {value:.3g} ",
            showarrow=False,
            font_size=11,
        )
    tidy = {"showgrid": False, "zeroline": False, "ticks": "outside"}
    figure.update_xaxes(title="lr", **logarithmic(low, high), **tidy)
    figure.update_yaxes(title="loss above the minimum" if floor else "loss", **_span(heights, floor), **tidy)
    figure.update_layout(height=340, margin={"l": 60, "r": 10, "t": 20, "b": 44, "pad": 0}, dragmode=False)
    return figure


def _span(heights: np.ndarray, floor: bool) -> dict[str, Any]:
    """The vertical axis: what the run did before it went too far."""
    seen = heights[np.isfinite(heights)]
    if floor:
        seen = np.log10(seen[seen <= 100 * seen[0]]) if seen.size else seen
        low, high = (seen.min(), seen.max()) if seen.size else (0.0, 1.0)
        return logarithmic(low - 0.3, high + 0.6)
    if not seen.size:
        return {"range": [0.0, 1.0]}
    way = FAR * abs(seen[len(seen) // 2] - seen[0]) or 1.0
    low, high = max(seen.min(), seen[0] - way), min(seen.max(), seen[0] + way)
    return {"range": [low - 0.05 * (high - low), high + 0.15 * (high - low)]}
