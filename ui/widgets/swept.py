"""What there is of a sweep over a network: curves or tiles, the verdict and the table."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from core.symbolic.notation import symbol
from experiments.network_sweep.spec import NetworkSweep, options_of
from experiments.network_sweep.words import Outcome, about, at, outcome, said, share, verdict, width
from experiments.numbers import number
from figures import netsweep, theme
from figures.maps import Shade, Side
from networks.training.sweep import Cell, Sweep
from optimizers import ENTRANTS

COLOURS = theme.rule_colours(ENTRANTS)
ABREAST = 3
QUIET = {"displayModeBar": False}
BEYOND = 3.0
"""A loss more than so many times that before training is out of the picture."""


def picture(page: str, view: NetworkSweep, found: Sweep) -> None:
    """Curves or tiles, then words."""
    told, (first, *rest) = outcomes(view, found), drawn(view, found)
    st.plotly_chart(first, key=f"{page}.first", config=QUIET)
    if rest:
        places = st.columns(min(len(told), ABREAST))
        for i, ((key, one), figure) in enumerate(zip(told.items(), rest, strict=True)):
            place = places[i % ABREAST]
            place.plotly_chart(figure, key=f"{page}.tiles.{key}", config=QUIET)
            if one.best is not None:
                link = urlencode(view.trained_at({key: at(found, one.best)}))
                place.caption(f"[Train {ENTRANTS[key].title} at its best](networks?{link})")
    words(view, found, told)


def outcomes(view: NetworkSweep, found: Sweep) -> dict[str, Outcome]:
    """What every rule came to."""
    return {key: outcome(found, view.measure, i) for i, key in enumerate(view.shown)}


@lru_cache(maxsize=4)  # a picture is looked at more often than it changes
def drawn(view: NetworkSweep, found: Sweep) -> list[Any]:
    """The profile, or the scale of colours and every rule's tiles."""
    told, before, measure = outcomes(view, found), float(np.median(found.before[view.shows])), view.measure
    top = BEYOND * before if before > 0 and not measure.rises else math.inf
    shade = Shade(measure.title.lower(), not measure.rises, "diverged", top=top, rises=measure.rises)
    options = options_of(view.lesson)
    sides = [Side(symbol(axis.name), options[axis.name].scale == "log") for axis in view.axes]
    if view.other is None:
        line = before if before > 0 or measure.rises else None
        return [netsweep.profile(curves(view, found, told), sides[0], (view.lr.low, view.lr.high), shade, line)]
    panels = [tiles(view, found, i, one) for i, one in enumerate(told.values())]
    return [netsweep.legend(panels, shade), *netsweep.tiles(panels, sides[0], sides[1], shade)]


def curves(view: NetworkSweep, found: Sweep, told: dict[str, Outcome]) -> list[netsweep.Curve]:
    """A line a rule, through what is trained."""
    (lrs,) = found.axes.values()
    made = []
    for i, (key, one) in enumerate(told.items()):
        done, title = found.done[i], ENTRANTS[key].title
        best = None if one.best is None else int(done[: one.best[0]].sum())
        made.append(
            netsweep.Curve(
                title,
                COLOURS[key],
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


def hint(view: NetworkSweep, found: Sweep, one: Outcome, place: Cell) -> str:
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


def tiles(view: NetworkSweep, found: Sweep, entrant: int, one: Outcome) -> netsweep.Tiles:
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


def words(view: NetworkSweep, found: Sweep, told: dict[str, Outcome]) -> None:
    """The verdict, the table, and what the pictures show and what they do not."""
    if found.complete:
        st.markdown(f"**{verdict(found, view.measure, told, [ENTRANTS[key].title for key in told])}**")
    table(view, found, told)
    best = {key: at(found, one.best) for key, one in told.items() if one.best is not None}
    if best and view.other is None:
        st.markdown(f"[Train each at its best, side by side](networks?{urlencode(view.trained_at(best))})")
    st.caption(" ".join(notes(view, found, told)))


def notes(view: NetworkSweep, found: Sweep, told: dict[str, Outcome]) -> Iterator[str]:
    """What the pictures show and what they do not, a sentence each."""
    left = [ENTRANTS[key].title for key in view.lesson.rules if key not in told]
    seeds = found.stopped.shape[-1]
    if left and view.other:
        yield f"{', '.join(left)} cannot be shown: there is no {symbol(view.other.name)} in it."
    if seeds > 1:
        band = (
            "; bands reach over " + (f"all {seeds}" if seeds < 5 else f"the middle 3 of {seeds}") if view.other is None else ""
        )
        yield f"Medians of {seeds} seeds{band}. Seeds share the split of the data and differ in first weights and minibatches."
    if view.other is None:
        yield "Rings mark each rule’s best lr; the decades are read off its line."
        if not view.measure.rises:
            yield f"Shown are losses up to {BEYOND:g} times that before training."
    yield "Each best is picked on the very seeds and validation set that judge it, which flatters every rule."


def table(view: NetworkSweep, found: Sweep, told: dict[str, Outcome]) -> None:
    """Each rule's best numbers, the best first, and how much room there is about them."""
    measure, seeds, rows = view.measure, found.stopped.shape[-1], []
    for i, (key, one) in enumerate(told.items()):
        row, order = {"Rule": ENTRANTS[key].title}, np.inf
        best = {} if one.best is None else at(found, one.best)
        for axis, place in zip(view.axes, one.best or (-1, -1), strict=False):
            row[f"best {symbol(axis.name)}"] = f"{number(best[axis.name])}{ended(axis.name, found, place)}" if best else "–"
        row[f"{measure.title.lower()} there"] = "–"
        if one.best is not None:
            middle = float(one.middle[one.best])
            order = -middle if measure.rises else middle
            low, high = (said(measure, float(part[one.best])) for part in (one.low, one.high))
            spread = f" ({low} to {high})" if seeds > 1 else ""
            row[f"{measure.title.lower()} there"] = said(measure, middle) + spread
        if view.other is None:
            row[f"decades of lr {about(measure)}"] = f"{width(found.axes[view.lr.name], one, measure):.2f}"
        else:
            row[f"cells {about(measure)}"] = f"{share(one, measure):.1%}"
        if found.diverged.any():
            lost = found.diverged[i].mean()
            row["runs that diverged"] = f"{lost:.0%}" if lost else "–"
        rows.append((order, row))
    st.table([row for _, row in sorted(rows, key=lambda entry: entry[0])])


def ended(name: str, found: Sweep, place: int) -> str:
    """Said of a best value that is the first or the last that was tried: a better one may be beyond."""
    return " (end of range)" if place in (0, len(found.axes[name]) - 1) else ""
