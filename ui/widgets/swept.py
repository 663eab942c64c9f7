"""What there is of a sweep over a network: curves or tiles, the verdict and the table."""

import math
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from core.symbolic.notation import symbol
from experiments.network_sweep.spec import NetworkSweep, swept_options
from experiments.network_sweep.words import BEYOND, Standing, at, outcomes, remarks, said, summary_rows, won
from experiments.numbers import number
from figures import netsweep, theme
from figures.maps import Shade, Side
from networks.training.sweep import Cell, TrainedGrid
from optimizers import ENTRANTS

_COLOURS = theme.rule_colours(ENTRANTS)
_ABREAST = 3
QUIET = {"displayModeBar": False}


def sweep_picture(page: str, view: NetworkSweep, found: TrainedGrid) -> None:
    """Curves or tiles, then words."""
    told, (first, *rest) = outcomes(view, found), _drawn(view, found)
    st.plotly_chart(first, key=f"{page}.first", config=QUIET)
    if rest:
        places = st.columns(min(len(told), _ABREAST))
        for i, ((key, one), figure) in enumerate(zip(told.items(), rest, strict=True)):
            place = places[i % _ABREAST]
            place.plotly_chart(figure, key=f"{page}.tiles.{key}", config=QUIET)
            if one.best is not None:
                link = urlencode(view.trained_at({key: at(found, one.best)}))
                place.caption(f"[Train {ENTRANTS[key].title} at its best](networks?{link})")
    _words(view, found, told)


@lru_cache(maxsize=4)  # a picture is looked at more often than it changes
def _drawn(view: NetworkSweep, found: TrainedGrid) -> list[Any]:
    """The profile, or the scale of colours and every rule's tiles."""
    told, before, measure = outcomes(view, found), float(np.median(found.before[view.shows])), view.measure
    top = BEYOND * before if before > 0 and not measure.rises else math.inf
    shade = Shade(measure.title.lower(), not measure.rises, "diverged", top=top, rises=measure.rises)
    options = swept_options(view.lesson)
    sides = [Side(symbol(axis.name), options[axis.name].scale == "log") for axis in view.axes]
    if view.other is None:
        line = before if before > 0 or measure.rises else None
        return [netsweep.sweep_profile(_curves(view, found, told), sides[0], (view.lr.low, view.lr.high), shade, line)]
    panels = [_tiles(view, found, i, one) for i, one in enumerate(told.values())]
    return [netsweep.legend(panels, shade), *netsweep.tiles(panels, sides[0], sides[1], shade)]


def _curves(view: NetworkSweep, found: TrainedGrid, told: dict[str, Standing]) -> list[netsweep.Curve]:
    """A line a rule, through what is trained."""
    (lrs,) = found.axes.values()
    made = []
    for i, (key, one) in enumerate(told.items()):
        done, title = found.done[i], ENTRANTS[key].title
        best = None if one.best is None else int(done[: one.best[0]].sum())
        made.append(
            netsweep.Curve(
                title,
                _COLOURS[key],
                lrs[done],
                one.low[done],
                one.middle[done],
                one.high[done],
                [f"{title}, {hint(view, found, one, (place,))}" for place in np.flatnonzero(done).tolist()],
                best,
                "" if one.best is None else f"{title} {number(float(f'{lrs[one.best]:.2g}'))}",
            )
        )
    return made


def hint(view: NetworkSweep, found: TrainedGrid, one: Standing, place: Cell) -> str:
    """What the pointer is told of a place of the grid."""
    numbers = ", ".join(f"{symbol(name)} {number(value)}" for name, value in at(found, place).items())
    seeds, lost, measure = found.stopped.shape[-1], int(one.lost[place]), view.measure
    middle, low, high = (float(part[place]) for part in (one.middle, one.low, one.high))
    if not np.isfinite(middle):
        return f"{numbers}<br>diverged" + (f" with {lost} of {seeds} seeds" if seeds > 1 else "")
    text = f"{numbers}<br>{measure.title.lower()} {said(measure, middle)}"
    if seeds > 1:
        text += f"<br>seeds from {said(measure, low)} to {said(measure, high)}" if np.isfinite(low + high) else ""
        text += f"<br>{lost} of {seeds} seeds diverged" if lost else ""
    return text


def _tiles(view: NetworkSweep, found: TrainedGrid, entrant: int, one: Standing) -> netsweep.Tiles:
    """A rule's cells; one that is not trained yet looks like its neighbour on the coarser grid."""
    shape, (across, up) = one.middle.shape, found.axes.values()
    every = [(place, found.standing_for((entrant, *place))) for place in np.ndindex(shape)]
    shades = np.array([one.middle[cell[1:]] if cell else np.nan for _, cell in every]).reshape(shape)
    empty = np.array([cell is None for _, cell in every]).reshape(shape)
    hints = [hint(view, found, one, place) if found.done[entrant][place] else "not trained yet" for place, _ in every]
    return netsweep.Tiles(
        title=ENTRANTS[view.shown[entrant]].title,
        across=across,
        up=up,
        shades=shades,
        diverged=~(np.isfinite(shades) | empty),
        trained=found.done[entrant],
        told=np.array(hints).reshape(shape),
        best=one.best,
    )


def _words(view: NetworkSweep, found: TrainedGrid, told: dict[str, Standing]) -> None:
    """The verdict, the table, and what the pictures show and what they do not."""
    if best := won(view, found, told):
        st.markdown(f"**{best}**")
    st.table(summary_rows(view, found, told))
    places = {key: at(found, one.best) for key, one in told.items() if one.best is not None}
    if places and view.other is None:
        st.markdown(f"[Train each at its best, side by side](networks?{urlencode(view.trained_at(places))})")
    st.caption(" ".join(remarks(view, found, told)))
