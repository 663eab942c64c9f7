"""The chain rule: a small network's numbers in one strip, one layer's gradients as products, and sizes by layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from figures import theme
from figures.axes import logarithmic

GAP = 1.3
"""Between two layers, in widths of a cell."""

CELL, SLIM = 39, 13
"""Pixels that a cell wants with its number written in it, and without."""

WIDEST = 1240
"""Pixels in which all cells must have room if numbers are to be written."""

TALL, TALLEST, _FEW = 34, 440, 12
"""Pixels of a cell's height in layers of few units, and of all cells of a layer of more than few."""

MOST_WRITTEN, MOST_EDGES, MOST_POINTS, _MOST_TERMS = 16, 700, 2500, 6
"""Units with numbers in their cells, weights drawn as lines, cells that can be clicked, terms drawn as lines."""

FULL = {"σ′": 1.0, "ŷ": 1.0, "y": 1.0}
"""The deepest colour under these heads is for so much; under others for the largest number of all layers."""

_DEEPEST = 0.7
"""No cell is less transparent, so that words on it are legible in light and dark."""

ROOMY, MOST_ACROSS = 5, 8
"""So many products side by side have room for two digits, and for one."""

_HEIGHT = 300
MARGIN = 0.07
"""The width of a factor beside its products, of theirs, where that is more than a cell."""

_NEGATIVE, _, _POSITIVE = (hex_to_rgb(colour) for colour in theme.SIGNED)
_BAD = theme.STAGE["light"]["bad"]
_DELTA, _GRADIENT, _SLOPE, _WEIGHTS = (theme.RULE_COLOURS[i] for i in (1, 0, 2, 8))
_TIDY: dict[str, Any] = {"showgrid": False, "zeroline": False, "fixedrange": True}
_STILL = {"showlegend": False, "dragmode": False, "hovermode": "closest", "hoverdistance": 50}
_BARE = {**_TIDY, "showticklabels": False, "ticks": ""}


@dataclass(frozen=True)
class Columns:
    """One layer's columns: what each is called, and its values (units, columns); a mark is what is wrong with its δ."""

    title: str
    heads: tuple[str, ...]
    values: np.ndarray
    mark: str = ""


@dataclass(frozen=True)
class Strip:
    """All layers, the first the inputs, and what lies between them.

    weights  of each layer but the first, (units, units before)
    chosen   a weight: its layer, from 1, the unit it leads to and the one it comes from, from 0
    terms    (units,) what each unit of the layer after the chosen one sends back, w·δ; empty where there is none
    """

    layers: Sequence[Columns]
    weights: Sequence[np.ndarray]
    chosen: tuple[int, int, int]
    terms: np.ndarray

    @cached_property
    def lefts(self) -> list[float]:
        """Where every layer begins, in widths of a cell."""
        return np.cumsum([0.0, *(len(layer.heads) + GAP for layer in self.layers[:-1])]).tolist()

    @cached_property
    def columns(self) -> list[tuple[int, int, str]]:
        """Of every column its layer, its number in it and its head."""
        return [(i, k, head) for i, layer in enumerate(self.layers) for k, head in enumerate(layer.heads)]

    @property
    def right(self) -> float:
        return self.lefts[-1] + len(self.layers[-1].heads)

    @cached_property
    def tallest(self) -> int:
        """Units of the largest layer, beside the inputs."""
        return max(len(layer.values) for layer in self.layers[1:])

    @property
    def written(self) -> bool:
        """Whether there is room for numbers in the cells."""
        return self.right * CELL <= WIDEST and self.tallest <= MOST_WRITTEN

    @property
    def width(self) -> int:
        """Pixels that it wants at least."""
        return round(self.right * (CELL if self.written else SLIM)) + 20

    def cell(self, layer: int) -> float:
        """The height of a layer's cells, that of the strip being 1."""
        return 1 / max(len(self.layers[layer].values), min(_FEW, self.tallest))

    def middle(self, layer: int, unit: Any) -> Any:
        """How high the middle of a unit is."""
        return 0.5 + self.cell(layer) * (len(self.layers[layer].values) / 2 - 0.5 - unit)


@dataclass(frozen=True)
class Sizes:
    """Layer by layer, the last the outputs': what it is called, root mean squares of δ and of ∂L/∂W, and a mark or "".

    `slope` and `weights` are what σ′ and the next layer's Wᵀ multiply δ by, `off` and `saturated` shares of the units, all
    of the hidden layers alone.
    """

    titles: Sequence[str]
    delta: np.ndarray
    gradient: np.ndarray
    marks: Sequence[str]
    slope: np.ndarray
    weights: np.ndarray
    off: np.ndarray
    saturated: np.ndarray


def layer_strip(of: Strip) -> go.Figure:
    """Every layer's numbers, its columns side by side and its units below one another, and the weights between as lines.

    A point that is clicked has its layer and unit as `customdata`.
    """
    largest, titles = dict(FULL), []
    for i, k, head in of.columns:
        largest[head] = max(largest.get(head, 0.0), float(np.abs(of.layers[i].values[:, k]).max()))
    cells = []
    for i, layer in enumerate(of.layers):
        shades = np.stack([_shades(layer.values[:, k], largest[head]) for k, head in enumerate(layer.heads)], axis=1)
        rows = of.middle(i, np.arange(-0.5, len(layer.values)))
        cells.append(_heat(shades, of.lefts[i] + np.arange(len(layer.heads) + 1), rows, apart=of.cell(i) > 1 / 40))
        mark = f"<span style='color:{_BAD};font-size:11px'>{layer.mark}</span><br>" if layer.mark else ""
        at = {"x": of.lefts[i] + len(layer.heads) / 2, "y": 1, "yshift": 22, "yanchor": "bottom"}
        titles.append({"text": f"{mark}<b>{layer.title}</b>", **at, "showarrow": False, "font": {"size": 12}})
    heads = {"tickvals": [of.lefts[i] + k + 0.5 for i, k, _ in of.columns], "ticktext": [head for *_, head in of.columns]}
    layout = {
        "shapes": _path(of),
        "annotations": titles,
        "xaxis": {"range": [-0.2, of.right + 0.2], **heads, "side": "top", "tickangle": 0, "ticks": "", **_TIDY},
        "yaxis": {"range": [-0.01, 1.01], **_BARE},
        "margin": {"l": 4, "r": 4, "t": 62, "b": 8, "pad": 0},
        "height": 70 + (TALL * of.tallest if of.tallest <= _FEW else TALLEST),
    }
    return go.Figure([*_edges(of), *cells, *_numbers(of)], {**layout, **_STILL})


def product_tiles(of_weights: np.ndarray, delta: np.ndarray, entered: np.ndarray, chosen: tuple[int, int]) -> go.Figure:
    """One layer's ∂L/∂W (units, inputs) beside δ (units,) and below what entered it (inputs,), the factors on one row.

    A cell that is clicked has its unit and its input as `customdata`.
    """
    units, inputs = of_weights.shape
    aside = 0.5 + np.array([-1.3, -0.3]) * max(MARGIN * inputs, 1.0)
    above = 0.5 + np.array([-1.3, -0.3]) * max(2 * MARGIN * units, 1.0)
    across, down = np.arange(0.5, inputs + 1), np.arange(0.5, units + 1)
    traces = []
    for values, x, y in ((delta[:, None], aside, down), (entered[None], across, above), (of_weights, across, down)):
        traces.append(_heat(_shades(values, float(np.abs(values).max())), x, y, apart=max(units, inputs) <= 40))
        if units <= MOST_WRITTEN and inputs <= MOST_ACROSS:
            at = np.stack(np.meshgrid(_between(x), _between(y)), axis=-1).reshape(-1, 2)
            words = [short(value, digits=1 if inputs > ROOMY else 2) for value in values.ravel().tolist()]
            traces.append(_text(at[:, 0], at[:, 1], words))
    if of_weights.size <= MOST_POINTS:
        at = list(product(range(units), range(inputs)))
        told = [f"∂L/∂w to unit {i + 1} from {j + 1}: {of_weights[i, j]:.6g}" for i, j in at]
        traces.append(_points([j + 1 for _, j in at], [i + 1 for i, _ in at], at, told))
    else:
        words = "∂L/∂w to unit %{y} from %{x}: %{z:.6g}<extra></extra>"
        unseen = {"colorscale": [[0, "rgba(0, 0, 0, 0)"], [1, "rgba(0, 0, 0, 0)"]], "showscale": False}
        traces.append(go.Heatmap(x0=1, y0=1, z=of_weights, hovertemplate=words, **unseen))
    row, column = ((one + 0.5, one + 1.5) for one in chosen)
    layout = {
        "shapes": [_outline(column, row), _outline(aside, row), _outline(column, above)],
        "xaxis": {**_counted("from", inputs), "range": [1.05 * aside[0] - 0.03, inputs + 0.5]},
        "yaxis": {**_counted("to unit", units), "range": [units + 0.5, 1.05 * above[0] - 0.03]},
        "margin": {"l": 44, "r": 4, "t": 8, "b": 44, "pad": 0},
        "height": 60 + min(max(34 * (units + 1.3), 150), 360),
    }
    return go.Figure(traces, {**layout, **_STILL})


def sizes(of: Sizes, bounds: tuple[float, float]) -> go.Figure:
    """δ and ∂L/∂W by layer on a logarithmic axis, where δ has vanished or exploded marked; `bounds` are of δ."""
    seen = np.concatenate([of.delta, of.gradient, bounds[:1]])
    seen = np.log10(seen[seen > 0])
    low, high = (float(seen.min()) - 0.6, float(seen.max()) + 0.6) if seen.size else (-1.0, 1.0)
    bands, names = _bands(low, high, bounds)
    traces, places = [], np.arange(len(of.titles))
    for values, name, colour, dots in (
        (of.gradient, "∂L/∂W", _GRADIENT, {"symbol": "diamond-open", "size": 8}),
        (of.delta, "δ", _DELTA, {"size": 10, "color": [_BAD if mark else _DELTA for mark in of.marks]}),
    ):
        told = [f"{name} {value:.4g}{', ' + mark if mark else ''}" for value, mark in zip(values, of.marks, strict=True)]
        style = {"line": {"color": colour, "width": 1.5}, "marker": {"color": colour, **dots}, "name": name}
        heights = np.where(values > 0, values, np.nan)
        traces.append(go.Scatter(x=places, y=heights, mode="lines+markers", hovertext=told, hoverinfo="text", **style))
    for i in np.flatnonzero(of.delta == 0).tolist():
        names.append({"x": i, "y": low + 0.3, "text": "δ = 0", "showarrow": False, "font": {"color": _BAD, "size": 12}})
    layout = {"shapes": bands, "annotations": names, "yaxis": {**logarithmic(low, high), **_TIDY}}
    return _by_layer(go.Figure(traces, layout), of.titles, "Size of δ and of ∂L/∂W")


def factors(of: Sizes) -> go.Figure:
    """What every hidden layer multiplies δ by on its way back: Wᵀ of the next layer, and its own σ′."""
    bars, seen = [], [0.0]
    for values, name, colour in ((of.weights, "Wᵀ", _WEIGHTS), (of.slope, "σ′", _SLOPE)):
        heights = np.log10(np.where(values > 0, values, np.nan))
        seen += heights[np.isfinite(heights)].tolist()
        bars.append(_bars(heights, name, colour, [f"{name} multiplies δ by {value:.4g}" for value in values]))
    low, high = min(seen) - 0.15, max(seen) + 0.15
    ticks = logarithmic(low, high)
    at, texts = np.log10(ticks["tickvals"]), [f"×{text}" for text in ticks["ticktext"]]
    one = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": {"color": theme.TICK, "width": 1}}
    names = [] if len(seen) > 1 else [_remark("no δ to multiply")]
    axis = {"tickvals": at, "ticktext": texts, "range": [low, high], **_TIDY}
    layout = {"shapes": [one], "annotations": names, "yaxis": axis}
    figure = go.Figure(bars, {**layout, "barmode": "group", "bargap": 0.35, "bargroupgap": 0.08})
    return _by_layer(figure, of.titles[:-1], "What multiplies δ on the way back")


def shares(of: Sizes, off: str, saturated: str, title: str) -> go.Figure:
    """The share of each layer's units that are off, and of those that are saturated, as the two are called."""
    bars = []
    for values, name, colour in ((of.off, off, theme.TICK), (of.saturated, saturated, _SLOPE)):
        bars.append(_bars(values, name, colour, [f"{name}: {value:.0%} of the units" for value in values]))
    names = [] if of.off.any() or of.saturated.any() else [_remark("none")]
    layout = {"annotations": names, "barmode": "stack", "bargap": 0.45}
    figure = go.Figure(bars, {**layout, "yaxis": {"range": [0, 1.02], "tickformat": ".0%", **_TIDY}})
    return _by_layer(figure, of.titles[:-1], title)


def short(value: float, digits: int = 1) -> str:
    """A number for a cell, in six signs; in more where small and large ones are to have further digits."""
    if 0.01 <= abs(value) < 1000:
        text = f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 3}f}"
    else:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        text = f"{mantissa}e{int(exponent)}" if value else "0"
    return text.replace("-", "−")


def _edges(of: Strip) -> list[go.Scatter]:
    """The weights as faint lines, those of one sign together; none where they are too many."""
    if sum(weights.size for weights in of.weights) > MOST_EDGES:
        return []
    lines = []
    for colour, sign in ((_POSITIVE, 1), (_NEGATIVE, -1)):
        x, y = [], []
        for i, weights in enumerate(of.weights, start=1):
            for to, source in np.argwhere(weights * sign > 0).tolist():
                x += of.lefts[i] - GAP, of.lefts[i], None
                y += of.middle(i - 1, source), of.middle(i, to), None
        lines.append(go.Scatter(x=x, y=y, mode="lines", line={"color": _rgba(colour, 0.45), "width": 1}, hoverinfo="skip"))
    return lines


def _path(of: Strip) -> list[dict[str, Any]]:
    """The chosen weight, the terms that make the δ it leads to, and the two cells whose product its gradient is."""
    layer, to, source = of.chosen
    left, right = of.lefts[layer], of.lefts[layer] + len(of.layers[layer].heads)
    middle, before = of.middle(layer, to), of.middle(layer - 1, source)
    lines = [_line((left - GAP, before), (left, middle), theme.CURSOR, 3)]
    for k in np.argsort(-np.abs(of.terms), kind="stable")[:_MOST_TERMS].tolist():
        if term := float(of.terms[k]):
            width = 1 + 4 * abs(term) / float(np.abs(of.terms).max())
            ends = (right, middle), (right + GAP, of.middle(layer + 1, k))
            lines.append(_line(*ends, _rgba(_POSITIVE if term > 0 else _NEGATIVE, 1), width))
    entered = of.lefts[layer - 1] + max(k for i, k, head in of.columns if i == layer - 1 and head in ("x", "a"))
    for at, x, y in ((layer - 1, entered, before), (layer, right - 1, middle)):
        lines.append(_outline((x, x + 1), (y - of.cell(at) / 2, y + of.cell(at) / 2)))
    return lines


def _numbers(of: Strip) -> list[go.Scatter]:
    """What is written in the cells, and points that answer the pointer."""
    x, y, at, told, words = [], [], [], [], []
    for i, k, head in of.columns:
        layer = of.layers[i]
        for unit, value in enumerate(layer.values[:, k].tolist()):
            x.append(of.lefts[i] + k + 0.5)
            y.append(of.middle(i, unit))
            at.append((i, unit))
            told.append(f"{layer.title}, unit {unit + 1}<br>{head} = {value:.6g}")
            words.append(short(value) if len(layer.values) <= MOST_WRITTEN else "")
    return [*([_text(x, y, words)] if of.written else []), _points(x, y, at, told)]


def _text(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, words: Sequence[str]) -> go.Scatter:
    return go.Scatter(x=x, y=y, mode="text", text=words, textfont={"size": 11}, hoverinfo="skip")


def _points(x: Sequence[float], y: Sequence[float], at: Sequence[tuple[int, int]], told: Sequence[str]) -> go.Scatter:
    """Invisible points that answer the pointer."""
    unseen = {"marker": {"opacity": 0}}
    dots = {"mode": "markers", "marker": {"size": 12, "opacity": 0}, "selected": unseen, "unselected": unseen}
    return go.Scatter(x=x, y=y, **dots, customdata=at, hovertext=told, hoverinfo="text")


def _bars(heights: np.ndarray, name: str, colour: str, told: Sequence[str]) -> go.Bar:
    style = {"name": name, "marker": {"color": colour}}
    return go.Bar(x=np.arange(len(heights)), y=heights, **style, hovertext=told, hoverinfo="text")


def _line(start: tuple[float, float], end: tuple[float, float], colour: str, width: float) -> dict[str, Any]:
    (x0, y0), (x1, y1) = start, end
    return {"type": "line", "x0": x0, "y0": y0, "x1": x1, "y1": y1, "line": {"color": colour, "width": width}}


def _outline(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> dict[str, Any]:
    line = {"color": theme.CURSOR, "width": 2}
    return {"type": "rect", "x0": x[0], "x1": x[1], "y0": y[0], "y1": y[1], "line": line}


def _between(edges: np.ndarray) -> np.ndarray:
    return (edges[1:] + edges[:-1]) / 2


def _shades(values: np.ndarray, largest: float) -> np.ndarray:
    """From −1 to 1; the root, so that smaller ones are seen."""
    return np.sign(values) * np.sqrt(np.abs(values) / (largest or 1.0))


def _heat(shades: np.ndarray, x: np.ndarray, y: np.ndarray, *, apart: bool) -> go.Heatmap:
    """Cells between edges x and y, coloured by sign and size; zero is the page's own colour."""
    ends = ((0, _NEGATIVE, _DEEPEST), (0.5, _NEGATIVE, 0), (0.5, _POSITIVE, 0), (1, _POSITIVE, _DEEPEST))
    scale = [[at, _rgba(colour, opacity)] for at, colour, opacity in ends]
    style = {"zmin": -1, "zmax": 1, "colorscale": scale, "showscale": False, "hoverinfo": "skip"}
    return go.Heatmap(x=x, y=y, z=shades.astype(np.float32), xgap=int(apart), ygap=int(apart), **style)


def _rgba(colour: Any, opacity: float) -> str:
    return f"rgba({', '.join(map(str, colour))}, {opacity:g})"


def _counted(title: str, many: int) -> dict[str, Any]:
    """An axis of so many cells, counted from 1."""
    every = range(0, many, max(1, -(-many // 12)))
    ticks = {"tickvals": [i + 1 for i in every], "ticktext": [str(i + 1) for i in every], "ticks": ""}
    return {"title": {"text": title, "standoff": 6}, **ticks, **_TIDY}


def _bands(low: float, high: float, bounds: tuple[float, float]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Where δ is beyond its bounds, on an axis from 10^low to 10^high, and what that is called."""
    shapes, names = [], []
    under = {"x": 1, "xanchor": "right", "y": low, "yanchor": "bottom", "text": "vanishing"}
    above = {"x": 0.5, "xanchor": "center", "y": high, "yanchor": "top", "text": "exploding"}
    for y0, y1, name in ((10**low, bounds[0], under), (bounds[1], 10**high, above)):
        if 0 < y0 < y1:
            place = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": y0, "y1": y1, "layer": "below"}
            shapes.append({**place, "fillcolor": _BAD, "opacity": 0.1, "line": {"width": 0}})
            names.append({**name, "xref": "paper", "showarrow": False, "font": {"color": _BAD, "size": 11}})
    return shapes, names


def _remark(text: str) -> dict[str, Any]:
    """In the middle of an empty chart."""
    place = {"x": 0.5, "xref": "paper", "y": 0.6, "yref": "paper"}
    return {**place, "text": text, "showarrow": False, "font": {"color": theme.TICK}}


def _by_layer(figure: go.Figure, layers: Sequence[str], title: str) -> go.Figure:
    many = len(layers)
    ticks = {"tickvals": list(range(many)), "ticktext": list(layers), "ticks": ""}
    return figure.update_layout(
        title={"text": title, "font": {"size": 14}, "x": 0, "y": 0.98},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        xaxis={"title": {"text": "layer", "standoff": 8}, "range": [-0.6, many - 0.4], **ticks, **_TIDY},
        height=_HEIGHT,
        margin={"l": 50, "r": 10, "t": 64, "b": 44, "pad": 0},
        hovermode="closest",
        dragmode=False,
        showlegend=True,
    )
