"""What one number does, drawn: paths, curves and the profile of outcomes."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from core import Sweep, Trajectory
from core.symbolic.notation import symbol
from experiments.axis import options_of
from experiments.effects.run import told_along
from experiments.effects.spec import SHOWS, Effect
from experiments.effects.words import notes, rows, ticks
from figures import effects, theme
from figures.maps import TOOLS, Side
from optimizers import ENTRANTS

_GRID = 90
_COLOURS = theme.rule_colours(ENTRANTS)


def ground(effect: Effect) -> effects.Ground:
    """The surface under the paths, its heights on a logarithmic scale so that valleys show."""
    x0, x1, y0, y1 = effect.race.window
    xs, ys = np.linspace(x0, x1, _GRID), np.linspace(y0, y1, _GRID)
    heights = effect.race.landscape.value(np.stack(np.meshgrid(xs, ys), axis=-1))
    above = heights - heights.min()
    return effects.Ground(xs, ys, np.log1p(above / (np.quantile(above, 0.08) or 1.0)))


def _drawn(value: float, run: Trajectory) -> effects.Path:
    """A run as the figures take it, without a loss from where it leaves below the minimum."""
    height = run.height[: run.stopped[0], 0]
    seen = np.where(run.left & (height < 0), np.nan, np.maximum(height, 0.0))
    return effects.Path(value, run.x[: run.stopped[0], 0], seen, bool(run.diverged[0]), bool(run.left[0]))


def effect_picture(
    page: str, effect: Effect, values: np.ndarray, runs: Sequence[Trajectory], found: Mapping[str, Sweep]
) -> None:
    """The run at each of some values, and every rule's outcome along the whole range; then what they come to, in words."""
    scale = options_of(effect.race)[effect.axis.name].scale
    side = Side(symbol(effect.axis.name), scale == "log")
    paths = [_drawn(float(value), run) for value, run in zip(values, runs, strict=True)]
    lines = [
        effects.Along(ENTRANTS[key].title, _COLOURS[key], outcome.axes[effect.axis.name], told_along(effect, outcome))
        for key, outcome in found.items()
    ]
    top = 10 * max(1e-12, float(paths[0].gap[0])) if effect.shows == "final" else effect.race["steps"]
    cursor = effect.at if effect.at is not None else float(values[len(values) // 2])
    figures = {
        "fan": effects.fan(paths, ground(effect), side, cursor),
        "curves": effects.curves(paths, side, cursor),
        "profile": effects.profile(lines, side, cursor, ticks(effect), top, SHOWS[effect.shows]),
    }
    for place, (name, figure) in zip(st.columns(3), figures.items(), strict=True):
        place.plotly_chart(figure, key=f"{page}.{name}", config=TOOLS)
    st.table(rows(effect, found))
    for sentence in notes(effect, found):
        st.caption(sentence)
