"""What a trained network confuses, and what it predicts."""

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from core.words import cut, legible
from figures import theme


def confusion_matrix(counts: np.ndarray, classes: Sequence[str]) -> go.Figure:
    """True classes down, said classes across; the diagonal is right, and left uncoloured so that mistakes stand out."""
    mistakes = counts.astype(float)
    np.fill_diagonal(mistakes, 0)
    down, across = np.nonzero(counts)
    given = classes
    classes = [escape(legible(name), quote=False) for name in given]  # plotly obeys markup
    figure = go.Figure(
        go.Heatmap(
            z=mistakes,
            x=classes,
            y=classes,
            customdata=counts,
            hovertemplate="%{y}, said to be %{x}: %{customdata}<extra></extra>",
            colorscale=[[0, "rgba(120, 135, 150, 0.07)"], [1, theme.MISTAKE]],
            zmin=0,
            zmax=max(float(mistakes.max()), 1.0),
            showscale=False,
            xgap=2,
            ygap=2,
        )
    )
    names = np.array(classes)  # the numbers are a trace of their own: a heatmap's would be drawn for a light page
    ink = np.where(mistakes[down, across] > 0.4 * mistakes.max(), "#ffffff", theme.TICK)
    figure.add_scatter(
        x=names[across],
        y=names[down],
        text=counts[down, across].astype(str),
        mode="text",
        textfont={"color": ink.tolist(), "size": 13},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_layout(height=380, margin={"l": 10, "r": 10, "t": 10, "b": 10})
    told = [escape(cut(name), quote=False) for name in given]
    named = {"type": "category", "tickvals": classes, "ticktext": told, "showgrid": False}
    figure.update_xaxes(title="said to be", side="bottom", **named)
    figure.update_yaxes(title="true class", autorange="reversed", **named)
    return figure


def predictions(truth: np.ndarray, said: np.ndarray, colour: str) -> go.Figure:
    """Each row's number against what was predicted; on the line it would be right."""
    ends = [float(min(truth.min(), said.min())), float(max(truth.max(), said.max()))]
    figure = go.Figure(
        [
            go.Scatter(x=ends, y=ends, mode="lines", line={"color": theme.TICK, "dash": "dot"}, hoverinfo="skip"),
            go.Scatter(
                x=truth,
                y=said,
                mode="markers",
                marker={"color": colour, "size": 6, "opacity": 0.7},
                hovertemplate="is %{x:.3g}, predicted %{y:.3g}<extra></extra>",
            ),
        ]
    )
    figure.update_layout(height=380, margin={"l": 10, "r": 10, "t": 10, "b": 10}, showlegend=False)
    figure.update_xaxes(title="is")
    figure.update_yaxes(title="predicted")
    return figure


def signed(weights: np.ndarray) -> np.ndarray:
    """Weights (n, height, width) as pictures, blue below zero and red above, each on its own scale."""
    low, zero, high = (np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) for colour in theme.SIGNED)
    largest = np.abs(weights).max(axis=(1, 2), keepdims=True)
    share = (weights / np.where(largest > 0, largest, 1))[..., None]
    return np.where(share < 0, zero + (zero - low) * share, zero + (high - zero) * share).astype(np.uint8)
