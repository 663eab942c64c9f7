"""What one number does: a fan of paths, their loss curves, and the profile of outcomes, all coloured or marked alike."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from figures import theme
from figures.axes import logarithmic
from figures.maps import Side

_HEIGHT = 400
CROWDED = 0.3
"""Names nearer than this share of the axis stand one above the other."""

LOWEST = 1e-16


@dataclass(frozen=True)
class Path:
    """One run: its value of the number, positions (rows, 2), loss above the minimum (rows,), NaN below it, and its fate."""

    value: float
    x: np.ndarray
    gap: np.ndarray
    diverged: bool
    left: bool = False


@dataclass(frozen=True)
class Ground:
    """The surface to draw under the paths: its window's coordinates (n,), (n,) and heights (n, n), a row a y."""

    x: np.ndarray
    y: np.ndarray
    height: np.ndarray


@dataclass(frozen=True)
class Along:
    """One rule's outcome along the number: values (n,), loss above the minimum (n,), inf where it diverged or left below it."""

    title: str
    colour: str
    values: np.ndarray
    gap: np.ndarray


def fan(paths: Sequence[Path], ground: Ground, side: Side, cursor: float) -> go.Figure:
    """The paths on the surface, coloured by their value; the one at the cursor stands out."""
    figure = go.Figure(
        go.Contour(
            x=ground.x,
            y=ground.y,
            z=ground.height.astype(np.float32),
            ncontours=18,
            colorscale=[[0, theme.GROUND], [1, theme.GROUND]],
            contours={"coloring": "lines"},
            line={"width": 0.6},
            showscale=False,
            hoverinfo="skip",
        )
    )
    for path, colour, chosen in _coloured(paths, side, cursor):
        width = 3.5 if chosen else 1.3
        style = {"color": theme.CURSOR if chosen else colour, "width": width}
        fates = [", leaves below the minimum"] * path.left + [", diverges"] * path.diverged
        label = "".join([f"{side.title} {path.value:.4g}", *fates])
        faint = 0.25 if path.diverged and not chosen else 1.0
        figure.add_scatter(
            opacity=faint, x=path.x[:, 0], y=path.x[:, 1], mode="lines", line=style, name=label, showlegend=False
        )
    figure.add_scatter(
        x=paths[0].x[:1, 0], y=paths[0].x[:1, 1], mode="markers", marker=theme.START, showlegend=False, name="start"
    )
    figure.update_xaxes(range=[float(ground.x[0]), float(ground.x[-1])], **_TIDY)
    figure.update_yaxes(range=[float(ground.y[0]), float(ground.y[-1])], **_TIDY)
    return _laid_out(figure, "Paths")


def curves(paths: Sequence[Path], side: Side, cursor: float) -> go.Figure:
    """Loss above the minimum against step, coloured alike, with the scale of colours beside."""
    figure = go.Figure()
    for path, colour, chosen in _coloured(paths, side, cursor):
        style = {"color": theme.CURSOR if chosen else colour, "width": 3.5 if chosen else 1.3}
        steps = np.arange(len(path.gap))
        heights = np.maximum(path.gap, LOWEST)
        label = f"{side.title} {path.value:.4g}"
        figure.add_scatter(x=steps, y=heights, mode="lines", line=style, name=label, showlegend=False)
    alive = np.concatenate([np.zeros(0), *(path.gap[~np.isnan(path.gap)] for path in paths if not path.diverged)])
    alive = alive if alive.size else np.array([1.0])
    start = paths[0].gap[0]
    top = np.log10(np.fmax(max(alive.max(), LOWEST * 10), 10 * start))
    low = np.log10(max(np.maximum(alive, LOWEST).min(), LOWEST))
    figure.update_yaxes(**logarithmic(low - 0.3, top + 0.3), **_TIDY)
    figure.update_xaxes(title="step", **_TIDY)
    bar = {"title": {"text": side.title, "side": "right"}, "thickness": 12, "outlinewidth": 0}
    low, high = _placed([path.value for path in (paths[0], paths[-1])], side.log)
    if side.log:
        powers = np.arange(np.ceil(low), np.floor(high) + 1)
        bar |= {"tickvals": powers, "ticktext": [f"{10.0**p:g}" if abs(p) < 3 else f"10<sup>{int(p)}</sup>" for p in powers]}
    marker = {"color": [low], "cmin": low, "cmax": high, "colorscale": list(theme.VALUES), "colorbar": bar, "size": 0.1}
    figure.add_scatter(x=[0], y=[start], mode="markers", marker=marker, showlegend=False, hoverinfo="skip")
    return _laid_out(figure, "Loss above the minimum")


def profile(
    lines: Sequence[Along], side: Side, cursor: float, ticks: Mapping[str, tuple[float, float]], top: float, title: str
) -> go.Figure:
    """What is told, by default the final loss, against the number, a line a rule; gaps are where there is nothing to tell.

    `ticks` run from … to …, a single value from itself to itself. What is above `top` may leave the picture.
    """
    figure = go.Figure()
    for line in lines:
        heights = np.where(np.isfinite(line.gap), np.maximum(line.gap, LOWEST), np.nan)
        style = {"color": line.colour, "width": 2.2}
        figure.add_scatter(x=line.values, y=heights, mode="lines", line=style, name=line.title, connectgaps=False)
    ends = _placed(lines[0].values[[0, -1]], side.log).tolist()
    together: dict[tuple[float, float], list[str]] = {}
    for name, place in ticks.items():
        together.setdefault(next((other for other in together if np.allclose(other, place, rtol=0.01)), place), []).append(name)
    row, last = 0, -math.inf
    dashed = {"color": theme.TICK, "width": 1.5, "dash": "dash"}
    for span, names in sorted(together.items(), key=lambda item: np.mean(_placed(item[0], side.log))):
        place = float(np.mean(_placed(span, side.log)))
        row, last = (1 - row if place - last < CROWDED * (ends[1] - ends[0]) else 0), place
        if span[0] < span[1]:
            figure.add_vrect(*span, fillcolor=theme.TICK, opacity=0.15, line_width=0, layer="below")
        for value in dict.fromkeys(span):
            figure.add_vline(x=value, line=dashed)
        figure.add_annotation(
            x=place, y=1 + 0.06 * row, yref="paper", yanchor="bottom", text=", ".join(names), showarrow=False, font_size=11
        )
    figure.add_vline(x=cursor, line={"color": theme.CURSOR, "width": 2})
    span = logarithmic(*ends) if side.log else {"range": ends}
    figure.update_xaxes(title=side.title, **span, **_TIDY)
    seen = np.concatenate([line.gap for line in lines])
    seen = np.log10(np.maximum(seen[seen <= top], LOWEST))  # more would flatten all the rest
    low, high = (seen.min(), seen.max()) if seen.size else (np.log10(top), np.log10(top))
    figure.update_yaxes(**logarithmic(low - 0.3, high + 0.3), **_TIDY)
    figure.update_layout(legend={"orientation": "h", "y": -0.22}, showlegend=True)
    return _laid_out(figure, title)


_TIDY = {"showgrid": False, "zeroline": False, "ticks": "outside"}


def _placed(values: Any, log: bool) -> np.ndarray:
    """Where values stand on an axis, as annotations and ranges are told it: their logarithm on a logarithmic one."""
    return np.log10(values) if log else np.asarray(values, dtype=np.float64)


def _coloured(paths: Sequence[Path], side: Side, cursor: float) -> list[tuple[Path, str, bool]]:
    """Each path with its colour, and whether it is the one at the cursor, which comes last, on top."""
    values = np.array([path.value for path in paths])
    heights = np.log10(values) if side.log else values
    shares = (heights - heights[0]) / ((heights[-1] - heights[0]) or 1.0)
    colours = sample_colorscale(list(theme.VALUES), np.clip(shares, 0, 1).tolist())
    nearest = int(np.abs(values - cursor).argmin())
    every = [(path, str(colour), i == nearest) for i, (path, colour) in enumerate(zip(paths, colours, strict=True))]
    return sorted(every, key=lambda drawn: drawn[2])


def _laid_out(figure: go.Figure, title: str) -> go.Figure:
    figure.update_layout(
        title={"text": title, "font_size": 14, "x": 0, "y": 0.98},
        height=_HEIGHT,
        margin={"l": 50, "r": 10, "t": 48, "b": 44, "pad": 0},
        hovermode="closest",
        dragmode=False,
    )
    return figure
