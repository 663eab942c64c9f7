"""The learning-rate finder's curve: loss against a growing learning rate, with what it names."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from figures import theme
from figures.axes import logarithmic

LOWEST = 1e-16


def curve(lrs: np.ndarray, gap: np.ndarray, colour: str, marks: Mapping[str, float]) -> go.Figure:
    """Loss above the minimum (steps,) against lr (steps,), both logarithmic; NaN where the run had diverged."""
    figure = go.Figure(go.Scatter(x=lrs, y=np.maximum(gap, LOWEST), mode="lines", line={"color": colour, "width": 2.2}))
    for i, (name, value) in enumerate(marks.items()):
        figure.add_vline(x=value, line={"color": theme.TICK, "width": 1.5, "dash": "dash"})
        figure.add_annotation(
            x=float(np.log10(value)),  # an annotation's place on a logarithmic axis is a logarithm
            y=1 - 0.09 * i,
            yref="paper",
            xanchor="left",
            text=f" {name} {value:.3g}",
            showarrow=False,
            font_size=11,
        )
    seen = np.log10(np.maximum(gap[np.isfinite(gap) & (gap <= 100 * gap[0])], LOWEST))
    low, high = (seen.min(), seen.max()) if seen.size else (0.0, 1.0)
    tidy = {"showgrid": False, "zeroline": False, "ticks": "outside"}
    figure.update_xaxes(title="lr", **logarithmic(*np.log10(lrs[[0, -1]]).tolist()), **tidy)
    figure.update_yaxes(title="loss above the minimum", **logarithmic(low - 0.3, high + 0.6), **tidy)
    figure.update_layout(height=340, margin={"l": 60, "r": 10, "t": 20, "b": 44, "pad": 0}, dragmode=False)
    return figure
