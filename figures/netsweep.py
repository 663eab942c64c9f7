"""What numbers do to a network: the profile of outcomes along one, and tiles over two, a run or a few in each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from figures import theme
from figures.axes import logarithmic
from figures.maps import Shade, Side, height_of, scale_of

_HEIGHT = 440
_ROW = 15
"""Pixels of a row of names, or of marks of what is out of the picture."""

LETTER = 0.021
"""The width of a letter as a share of the picture's, on a telephone."""

_FEW = 10
"""So many tiles have a tick each."""

_TIDY = {"showgrid": False, "zeroline": False, "ticks": "outside"}
FAINT = "rgba(120, 135, 150, 0.10)"


@dataclass(frozen=True)
class Curve:
    """One rule along the number: values (n,) that were tried, and over the seeds the band's ends and the middle, each (n,).

    They are not finite where runs diverged. `told` (n,) says it in words; `best` is the place of the best, named by `name`.
    """

    title: str
    colour: str
    values: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray
    told: Sequence[str]
    best: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Tiles:
    """One rule over two numbers: values (across,), (up,), and of each pair, (across, up), what it came to.

    shades    NaN where there is nothing to tell yet
    diverged  whether its runs did
    trained   whether it was; one that was not yet is shown as its neighbour, faintly
    told      what the pointer is told
    best      the place of the best
    """

    title: str
    across: np.ndarray
    up: np.ndarray
    shades: np.ndarray
    diverged: np.ndarray
    trained: np.ndarray
    told: np.ndarray
    best: Sequence[int] | None = None


def sweep_profile(
    curves: Sequence[Curve], side: Side, ends: tuple[float, float], shade: Shade, before: float | None
) -> go.Figure:
    """The measure against the number, a line a rule with its band, each best named above.

    Above the lines stands a mark for what has no place in the picture: a cross where runs diverged, a triangle for a loss
    above `shade.top`. `before` is what it was before the first step.
    """
    figure = go.Figure()
    lowest = _lowest([part for curve in curves for part in (curve.low, curve.middle, curve.high)], shade)
    curves = [replace(c, **{name: np.maximum(getattr(c, name), lowest) for name in ("low", "middle", "high")}) for c in curves]
    out = [curve for curve in curves if _beyond(curve, shade).any()]
    rows = _rows(curves, side, ends)
    top = _ROW * (max(rows.values(), default=-1) + 1) + 24
    plot = _HEIGHT - top - 50
    lane = (_ROW * len(out) + 4) / plot if out else 0.0
    for curve in curves:
        _drawn(figure, curve, shade)
    for row, curve in enumerate(reversed(out)):
        _left_out(figure, curve, row, shade)
    for i, row in rows.items():
        _named(figure, curves[i], side, row, plot)
    figure.update_xaxes(title=side.title, anchor="y", **_span(ends, side), **_TIDY)
    figure.update_yaxes(domain=[0, 1 - lane], **_height(curves, shade, before), **_TIDY)
    if before is not None:
        figure.add_hline(y=before, line={"color": theme.TICK, "width": 1, "dash": "dot"}, layer="below")
        _remark(figure, "before training", y=float(np.log10(before)) if shade.log else before, yanchor="bottom")
    if out:
        _lane(figure, out, lane, shade)
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 54, "r": 12, "t": top, "b": 50, "pad": 0},
        hovermode="closest",
        dragmode=False,
        showlegend=False,
    )
    return figure


def _lane(figure: go.Figure, out: Sequence[Curve], lane: float, shade: Shade) -> None:
    """The strip above the lines, with a row a curve, and what its marks mean."""
    marks = {"▲ worse than is shown": any((curve.middle[_beyond(curve, shade)] < np.inf).any() for curve in out)}
    marks["× diverged"] = any(not np.isfinite(curve.middle).all() for curve in out)
    ground = {"fillcolor": FAINT, "line_width": 0, "layer": "below"}
    figure.add_shape(type="rect", xref="paper", yref="paper", x0=0, x1=1, y0=1 - lane, y1=1, **ground)
    hidden = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": "", "fixedrange": True}
    figure.update_layout(yaxis2={"domain": [1 - lane, 1], "range": [-0.6, len(out) - 0.4], "anchor": "x", **hidden})
    text = ", ".join(mark for mark, met in marks.items() if met)
    _remark(figure, text, yref="paper", y=1 - lane / 2, yanchor="middle")


def _remark(figure: go.Figure, text: str, **place: Any) -> None:
    """Small words at the left edge."""
    figure.add_annotation(
        text=text, x=0, xref="paper", xanchor="left", xshift=4, showarrow=False, font={"size": 11, "color": theme.TICK}, **place
    )


def tiles(panels: Sequence[Tiles], across: Side, up: Side, shade: Shade) -> list[go.Figure]:
    """A figure a panel, all on one colour scale."""
    panels = _raised(panels, shade)
    scale = scale_of([panel.shades for panel in panels], shade) | {"showscale": False}
    return [_tiled(panel, across, up, shade, scale) for panel in panels]


def legend(panels: Sequence[Tiles], shade: Shade) -> go.Figure:
    """The colour scale of the tiles, and what else there is on them."""
    scale = scale_of([panel.shades for panel in _raised(panels, shade)], shade)
    gap = "&nbsp;" * 4
    lost = f"{gap}<span style='color:{theme.EMPTY}'>■</span>× {shade.nothing}"
    text = f"{shade.words}{gap}○ best" + (lost if any(panel.diverged.any() for panel in panels) else "")
    scale["colorbar"] |= {"y": 0.5, "yanchor": "middle", "thickness": 12, "title": {"text": text, "side": "top"}}
    figure = go.Figure(
        go.Scatter(x=[0], y=[0], mode="markers", marker={"color": [scale["cmin"]], "coloraxis": "coloraxis", "size": 0.1})
    )
    hidden = {"visible": False, "fixedrange": True}
    figure.update_layout(
        height=64, margin={"l": 20, "r": 20, "t": 0, "b": 0}, coloraxis=scale, xaxis=hidden, yaxis=hidden, dragmode=False
    )
    return figure


def _lowest(values: Sequence[np.ndarray], shade: Shade) -> float:
    """Where a loss of nothing stands on a logarithmic scale: below all others."""
    every = np.concatenate([part.ravel() for part in values])
    positive = every[np.isfinite(every) & (every > 0)]
    if not shade.log:
        return -np.inf
    return float(positive.min()) / 3 if positive.size and (every == 0).any() else 1e-16


def _raised(panels: Sequence[Tiles], shade: Shade) -> list[Tiles]:
    lowest = _lowest([panel.shades for panel in panels], shade)
    return [replace(panel, shades=np.maximum(panel.shades, lowest)) for panel in panels]


def _beyond(curve: Curve, shade: Shade) -> np.ndarray:
    """Where the middle run is out of the picture: it diverged, or is worse than the worst shown."""
    return ~np.isfinite(curve.middle) | (curve.middle > shade.top)


def _drawn(figure: go.Figure, curve: Curve, shade: Shade) -> None:
    shown = np.isfinite(curve.middle)
    middle = np.where(shown, curve.middle, np.nan)
    if (curve.low != curve.high).any():
        worst = 100 * shade.top if shade.log else 0.0
        red, green, blue = hex_to_rgb(curve.colour)
        for part in _stretches(shown):
            low, high = (np.where(np.isfinite(edge[part]), edge[part], worst) for edge in (curve.low, curve.high))
            figure.add_scatter(
                x=np.concatenate([curve.values[part], curve.values[part][::-1]]),
                y=np.concatenate([low, high[::-1]]),
                fill="toself",
                fillcolor=f"rgba({red}, {green}, {blue}, 0.16)",
                line_width=0,
                mode="lines",
                hoverinfo="skip",
            )
    figure.add_scatter(
        x=curve.values,
        y=middle,
        mode="lines+markers",
        line={"color": curve.colour, "width": 2.2},
        marker={"size": 5, "color": curve.colour},
        name=curve.title,
        connectgaps=False,
        customdata=curve.told,
        hovertemplate="%{customdata}<extra></extra>",
    )


def _stretches(shown: np.ndarray) -> list[slice]:
    """Where neighbours are all shown."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], shown, [False]]).astype(int)))
    return [slice(a, b) for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]


def _left_out(figure: go.Figure, curve: Curve, row: int, shade: Shade) -> None:
    out = _beyond(curve, shade)
    figure.add_scatter(
        x=curve.values[out],
        y=np.full(out.sum(), row),
        yaxis="y2",
        mode="markers",
        marker={
            "symbol": np.where(np.isfinite(curve.middle[out]), "triangle-up", "x-thin").tolist(),
            "size": 8,
            "color": curve.colour,
            "line": {"width": 2, "color": curve.colour},
        },
        customdata=[text for text, beyond in zip(curve.told, out, strict=True) if beyond],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _named(figure: go.Figure, curve: Curve, side: Side, row: int, plot: float) -> None:
    """A ring at the best, and its name above the `plot`, so many pixels high."""
    assert curve.best is not None  # only those are named
    value = float(curve.values[curve.best])
    stem = {"line": {"color": curve.colour, "width": 1, "dash": "dot"}, "layer": "below"}
    figure.add_shape(type="line", x0=value, x1=value, y0=0, y1=1 + (4 + _ROW * row) / plot, yref="paper", **stem)
    figure.add_scatter(
        x=[value],
        y=[curve.middle[curve.best]],
        mode="markers",
        marker={"size": 11, "color": curve.colour, "line": {"width": 2, "color": "#ffffff"}},
        hoverinfo="skip",
    )
    figure.add_annotation(
        x=_place(value, side),
        y=1,
        yref="paper",
        yanchor="bottom",
        yshift=4 + _ROW * row,
        text=curve.name,
        showarrow=False,
        font={"size": 12, "color": curve.colour},
    )


def _rows(curves: Sequence[Curve], side: Side, ends: tuple[float, float]) -> dict[int, int]:
    """The row of names in which each curve's stands so that none covers another; names go from left to right."""
    low, high = (_place(end, side) for end in ends)
    named = sorted((_place(float(c.values[c.best]), side), i) for i, c in enumerate(curves) if c.best is not None)
    taken: list[float] = []
    rows = {}
    for place, i in named:
        middle, half = (place - low) / (high - low), LETTER * (len(curves[i].name) + 2) / 2
        row = next((row for row, end in enumerate(taken) if middle - half >= end), len(taken))
        taken[row : row + 1] = [middle + half]
        rows[i] = row
    return rows


def _place(value: float, side: Side) -> float:
    """An annotation's place on a logarithmic axis is a logarithm."""
    return float(np.log10(value)) if side.log else value


def _span(ends: tuple[float, float], side: Side) -> dict[str, Any]:
    low, high = (_place(end, side) for end in ends)
    pad = 0.015 * (high - low)
    return logarithmic(low - pad, high + pad) if side.log else {"range": [low - pad, high + pad]}


def _height(curves: Sequence[Curve], shade: Shade, before: float | None) -> dict[str, Any]:
    """The axis of the measure: from the best that was met to the worst that is shown."""
    every = np.concatenate([part for curve in curves for part in (curve.low, curve.middle, curve.high)])
    seen = np.append(every[np.isfinite(every) & (every <= shade.top)], [] if before is None else [before])
    if not seen.size:
        seen = np.array([1.0])
    if shade.log:
        low, high = np.log10(np.maximum([seen.min(), seen.max()], 1e-16)).tolist()
        return logarithmic(low - 0.08, high + 0.12)
    pad = 0.04 * (np.ptp(seen) or 1.0)
    return {"range": [float(seen.min()) - pad, float(seen.max()) + pad], "tickformat": ".0%" if shade.rises else ""}


def _tiled(panel: Tiles, across: Side, up: Side, shade: Shade, scale: dict[str, Any]) -> go.Figure:
    told = {"customdata": panel.told.T, "hovertemplate": "%{customdata}<extra></extra>", "xgap": 1.5, "ygap": 1.5}
    alive, gone = np.where(panel.diverged, np.nan, height_of(panel.shades, shade)), np.where(panel.diverged, 1.0, np.nan)
    nothing = {"colorscale": [[0, theme.EMPTY], [1, theme.EMPTY]], "showscale": False}
    figure = go.Figure()
    for which, opacity in ((panel.trained, 1.0), (~panel.trained, 0.4)):
        if which.any():
            more = {"opacity": opacity, "hoverongaps": False, **told}
            figure.add_heatmap(z=np.where(which, alive, np.nan).T, coloraxis="coloraxis", **more)
            figure.add_heatmap(z=np.where(which, gone, np.nan).T, **nothing, **more)
    x, y = np.nonzero(panel.diverged & panel.trained)
    cross = {"symbol": "x-thin", "size": 6, "line": {"width": 1.4, "color": theme.TICK}}
    figure.add_scatter(x=x, y=y, mode="markers", marker=cross, hoverinfo="skip")
    if panel.best is not None:
        ring = {"symbol": "circle-open", "size": 13, "color": "#ffffff", "line": {"width": 2.5}}
        figure.add_scatter(x=[panel.best[0]], y=[panel.best[1]], mode="markers", marker=ring, hoverinfo="skip")
    figure.update_xaxes(title=across.title, **_numbered(panel.across, across), **_TIDY)
    figure.update_yaxes(title=up.title, **_numbered(panel.up, up), **_TIDY)
    figure.update_layout(
        title={"text": panel.title, "font_size": 14, "x": 0, "y": 0.98},
        height=360,
        margin={"l": 60, "r": 10, "t": 34, "b": 46, "pad": 0},
        coloraxis=scale,
        showlegend=False,
        dragmode=False,
        hovermode="closest",
    )
    return figure


def _numbered(values: np.ndarray, side: Side) -> dict[str, Any]:
    """An axis of tiles, all of one size whatever the values: ticks where whole decades are, or at some of the tiles."""
    last = len(values) - 1
    if side.log:
        low, high = np.log10(values[[0, -1]]).tolist()
        axis = logarithmic(low, high)
        at = [(np.log10(value) - low) / (high - low) * last for value in axis["tickvals"]]
        return {"tickvals": at, "ticktext": axis["ticktext"], "range": [-0.5, last + 0.5]}
    some = np.unique(np.linspace(0, last, last + 1 if last < _FEW else 6).round().astype(int))
    return {"tickvals": some, "ticktext": [f"{value:.4g}" for value in values[some]], "range": [-0.5, last + 0.5]}
