"""The map as an experiment."""

from typing import Any

import numpy as np

from core import Sweep
from experiments.axis import Axis
from experiments.experiment import Experiment, Report
from experiments.host import through
from experiments.map.run import beyond, shades, swept
from experiments.map.spec import Map, read_map
from experiments.map.words import map_sentences
from experiments.race.controls import SHARED
from experiments.race.spec import Race

_FIRST = Map(
    race=Race("ravine", ("momentum", "nesterov"), SHARED, numbers=(("ravine.kappa", 50.0), ("steps", 300.0))),
    across=Axis("lr", 1e-3, 1e0),
    up=Axis("mu", 0.0, 0.99),
)
PREVIEW, WHOLE = 64, 256
"""Values a side: of the first look, and of all cells."""


def _report(view: Map) -> Report:
    """Every rule's best cell and how many diverged, and what all cells tell (across, up), None where there is nothing.

    Raises ValueError where there is nothing to show, or more than the host allows.
    """
    if not view.shown:
        raise ValueError("None of these rules has both numbers: pick other axes or other rules")
    if told := beyond(view, WHOLE):
        raise ValueError(told.removesuffix("."))
    rows, series = [], {}
    for key in through(view.shown):
        found = swept(view, key, WHOLE)
        series |= dict(zip(("across", "up"), found.axes.values(), strict=True))
        series[key] = shades(view, found)
        rows.append({"rule": key, **_best(view, found), "diverged": float((found.stopped <= found.steps).mean())})
    return Report(rows, list(map_sentences(view)), series)


def _best(view: Map, found: Sweep) -> dict[str, Any]:
    """The cell whose run ends lowest, of those above their minimum."""
    height = np.where(found.left, np.inf, found.above(found.final))
    i, j = np.unravel_index(np.nanargmin(np.where(np.isnan(height), np.inf, height)), height.shape)
    across, up = found.axes.values()
    place = {view.across.name: across[i], view.up.name: up[j]}
    return {**place, "final": height[i, j], "best": found.above(found.best)[i, j], "stopped": _stopped(found, i, j)}


def _stopped(found: Sweep, i: Any, j: Any) -> int | None:
    step = int(found.stopped[i, j])
    return step if step <= found.steps else None


EXPERIMENT = Experiment("map", _FIRST, read_map, _report)
