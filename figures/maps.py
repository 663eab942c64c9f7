"""Maps: one cell a run, two of its numbers as axes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from figures import theme
from figures.axes import logarithmic

TOOLS = {
    "displayModeBar": True,
    "modeBarButtonsToRemove": ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"],
}
"""What the toolbar offers: a box to look closer, and the picture as a file."""

_HEIGHT = 470

TOUCH = 40
"""Points along each side that can be hovered and clicked: a heatmap itself does not answer."""


UNDER = "left below the minimum"
"""What is told of a cell whose run did."""


@dataclass(frozen=True)
class Side:
    """An axis: what it is called and whether it is logarithmic."""

    title: str
    log: bool


@dataclass(frozen=True)
class Shade:
    """What the colour of a cell tells, on which scale, what an empty cell means, and what whole numbers are called.

    Values above `top` have the last colour; one that `rises` is better when larger.
    """

    words: str
    log: bool
    nothing: str
    names: tuple[str, ...] = ()
    top: float = math.inf
    rises: bool = False

    def of(self, value: float) -> str:
        """A cell's value in words."""
        if np.isnan(value):
            return self.nothing
        return f"{self.words}: {self.names[int(value)] if self.names else f'{value:.3g}'}"


@dataclass(frozen=True)
class Panel:
    """One map: values (across,), (up,) and shades (across, up), NaN where there is nothing to tell; `edge` is a line.

    `below` (across, up) are the cells whose run left below the minimum: they have a colour of their own.
    """

    title: str
    across: np.ndarray
    up: np.ndarray
    shades: np.ndarray
    edge: tuple[np.ndarray, np.ndarray] | None = None
    below: np.ndarray | None = None


def maps(panels: Sequence[Panel], across: Side, up: Side, shade: Shade) -> list[go.Figure]:
    """A figure a panel, all on one colour scale. A point that is clicked has its panel's number as `customdata[1]`."""
    scale = scale_of([panel.shades for panel in panels], shade)
    return [_map(i, panel, across, up, shade, scale) for i, panel in enumerate(panels)]


def _map(number: int, panel: Panel, across: Side, up: Side, shade: Shade, scale: Mapping[str, Any]) -> go.Figure:
    heights = height_of(panel.shades, shade).T.astype(np.float32)
    figure = go.Figure(go.Heatmap(x=panel.across, y=panel.up, z=heights, coloraxis="coloraxis", hoverinfo="skip"))
    if panel.below is not None and panel.below.any():
        one = {"colorscale": [[0, theme.BELOW], [1, theme.BELOW]], "showscale": False, "hoverinfo": "skip"}
        figure.add_heatmap(x=panel.across, y=panel.up, z=np.where(panel.below, 1.0, np.nan).T.astype(np.float32), **one)
    if panel.edge:
        x, y = panel.edge
        inside = (x >= panel.across[0]) & (x <= panel.across[-1]) & (y >= panel.up[0]) & (y <= panel.up[-1])
        style = {"color": theme.THEORY, "width": 2, "dash": "dash"}
        x, y = np.where(inside, x, np.nan), np.where(inside, y, np.nan)
        figure.add_scatter(x=x, y=y, mode="lines", line=style, name="largest stable lr, from theory", hoverinfo="skip")
    figure.add_trace(_touch(number, panel, across, up, shade))
    tidy = {"showgrid": False, "zeroline": False, "ticks": "outside"}
    figure.update_xaxes(title=across.title, **_axis(panel.across, across), **tidy)
    figure.update_yaxes(title=up.title, **_axis(panel.up, up), **tidy)
    figure.update_layout(
        title={"text": panel.title, "font_size": 14, "x": 0, "y": 0.98},
        height=_HEIGHT,
        margin={"l": 60, "r": 10, "t": 44, "b": 50, "pad": 0},
        plot_bgcolor=theme.EMPTY,
        coloraxis=scale,
        showlegend=False,
        dragmode=False,  # Streamlit hears clicks in this mode, and boxes in the toolbar's
        hovermode="closest",
    )
    return figure


def _axis(values: np.ndarray, side: Side) -> dict[str, Any]:
    ends = values[[0, -1]]
    return logarithmic(*np.log10(ends).tolist()) if side.log else {"range": ends.tolist()}


def height_of(shades: np.ndarray, shade: Shade) -> np.ndarray:
    """Where on the colour scale the cells are."""
    with np.errstate(all="ignore"):
        return np.maximum(np.log10(shades), -16.0) if shade.log else shades


def scale_of(shades: Sequence[np.ndarray], shade: Shade) -> dict[str, Any]:
    """One scale of colours, with its bar, for the cells of all maps."""
    heights = np.concatenate([height_of(part, shade).ravel() for part in shades])
    heights = heights[np.isfinite(heights)]
    low, high = (float(heights.min()), float(np.quantile(heights, 0.995))) if heights.size else (0.0, 1.0)
    high = min(high, np.log10(shade.top) if shade.log and shade.top < math.inf else high)
    if not high > low:
        high = low + 1
    bar = {"title": {"text": shade.words, "side": "top"}, "orientation": "h", "thickness": 10, "y": -0.2, "yanchor": "top"}
    bar |= {"outlinewidth": 0, "len": 1.0}
    if shade.names:
        low, high = 0.0, max(len(shade.names) - 1.0, 1.0)
        bar |= {"tickvals": list(range(len(shade.names))), "ticktext": list(shade.names)}
    elif shade.log:
        axis = logarithmic(low, high)
        bar |= {"tickvals": np.log10(axis["tickvals"]), "ticktext": axis["ticktext"]}
    return {"colorscale": list(theme.MAP[::-1] if shade.rises else theme.MAP), "cmin": low, "cmax": high, "colorbar": bar}


def _touch(number: int, panel: Panel, across: Side, up: Side, shade: Shade) -> go.Scatter:
    """Invisible points over the map that answer the pointer with the nearest cell's value."""
    i, j = (np.unique(np.linspace(0, len(v) - 1, TOUCH).round().astype(int)) for v in (panel.across, panel.up))
    a, b = (grid.ravel() for grid in np.meshgrid(i, j, indexing="ij"))
    gone = np.zeros(a.shape, dtype=bool) if panel.below is None else panel.below[a, b]
    told = [(UNDER if left else shade.of(v), number) for v, left in zip(panel.shades[a, b], gone, strict=True)]
    unseen = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=panel.across[a],
        y=panel.up[b],
        mode="markers",
        marker={"size": 12, "opacity": 0},
        selected=unseen,
        unselected=unseen,
        customdata=told,
        showlegend=False,
        hovertemplate=f"{across.title} %{{x:.4g}}<br>{up.title} %{{y:.4g}}<br>%{{customdata[0]}}<extra></extra>",
    )
