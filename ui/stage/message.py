"""A race as the bytes the stage draws: a JSON header, then float32 arrays."""

import hashlib
import json
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from core import Surface, Trajectory
from figures import theme
from optimizers import ENTRANTS
from ui import ranking
from ui.spec import Race, View

GRID = 96
"""The map is computed at so many points along each side."""

MOST_FRAMES = 1001
"""While a slider is dragged, longer runs are sent every second, third, … step; once it rests every step is there."""

_COLOURS = theme.rule_colours(ENTRANTS)


def pack(race: Race, runs: Mapping[str, Trajectory], problems: list[str], wish: Mapping[str, Any] | None, seq: int) -> bytes:
    """Everything to draw. What `wish` says the browser has already, the controls and the map, is not sent again.

    Arrays: x (runs, frames, 2), gap (runs, frames), the loss above `floor`, slope (runs, frames), the gradient norm, all
    float32, rounded from float64 last; field (GRID, GRID) uint16, the map's heights.
    """
    surface = race.landscape
    steps = next(iter(runs.values())).steps
    dragged = wish is not None and not wish.get("released")
    stride = -(-steps // (MOST_FRAMES - 1)) if dragged else 1
    rows = np.minimum(np.arange(-(-steps // stride) + 1) * stride, steps)
    x = np.stack([run.x[rows, 0] for run in runs.values()])
    floor = ranking.floor_of(surface)
    gap = np.stack([run.value[rows, 0] for run in runs.values()]) - floor
    slope = np.stack([run.gradient_norm[rows, 0] for run in runs.values()])
    alive = rows < np.array([run.stopped[0] for run in runs.values()])[:, None]
    if surface.minima:
        gap = np.where(gap < 0, 0.0, gap)  # a few ulps below the minimum is the minimum

    heights, scale, _ = _field(surface, race.window)
    *_, span = _field(surface, race.domain)  # the curves do not depend on where the map looks
    structure = _digest((race.surface, race.entrants, race.lrs, race.schedule))
    field_id = _digest((surface, race.window))
    found = ranking.results(runs, {key: ENTRANTS[key].title for key in runs}, race)
    place = ranking.places(found)
    header: dict[str, Any] = {
        "seq": seq,
        "key": _digest((race, tuple(problems), stride)),
        "structure": structure,
        "fieldId": field_id,
        "steps": steps,
        "stride": stride,
        "frames": len(rows),
        "floor": floor,
        "start": race.origin,
        "moved": race.start is not None,
        "view": race.window,
        "window": race.window,
        "scale": scale,
        "minima": surface.minima,
        "local_minima": surface.local_minima,
        "saddles": surface.saddles,
        "look": race.look,
        "hidden": race.hidden,
        "threshold": race["threshold"] if surface.minima else None,
        "axes": ranking.loss_axes(gap, alive, bool(surface.minima), (span[0] - floor, span[1] - floor)),
        "runs": [
            {
                "key": result.key,
                "title": result.title,
                "colour": _COLOURS[result.key],
                "stopped": result.stopped,
                "last": int(alive[i].sum()) if result.stopped is not None else len(rows) - 1,
                "place": place[result.key],
                "cells": ranking.cells(result, race),
            }
            for i, result in enumerate(found)
        ],
        "columns": ranking.columns(race, surface),
        "verdict": ranking.verdict(found, race, surface, float(gap[0, 0])),
        "problems": problems,
        "values": {control.id: _number(race[control.id]) for control in race.controls},
        "theme": theme.STAGE,
    }
    known = wish or {}
    if known.get("structure") != structure:
        scales = list(dict.fromkeys(control.hyper.stops for control in race.controls))
        header["scales"] = [[_number(stop) for stop in stops] for stops in scales]
        header["controls"] = [
            {
                "id": control.id,
                "group": control.group,
                "label": control.label,
                "help": f"{control.hyper.help} Allowed: {control.hyper.allowed}.",
                "folded": control.folded,
                "stops": scales.index(control.hyper.stops),
                "default": _number(control.hyper.default),
                "off": None if control.hyper.off is None else _number(control.hyper.off),
            }
            for control in race.controls
        ]
    arrays = {"x": x, "gap": gap, "slope": slope}
    with np.errstate(over="ignore"):  # beyond float32 is drawn as infinite, which it is to the eye
        parts = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}
    if known.get("field") != field_id:
        parts["field"] = heights
    return _bytes(header, parts)


def _bytes(header: dict[str, Any], parts: Mapping[str, np.ndarray]) -> bytes:
    blobs, places, at = [], {}, 0
    for name, part in parts.items():
        blob = part.tobytes()
        places[name] = (str(part.dtype), at, at + len(blob))
        blobs.append(blob)
        at += len(blob)
    text = json.dumps({**header, "arrays": places}, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    return struct.pack("<I", len(text)) + text + b"".join(blobs)


@lru_cache(maxsize=32)
def _field(surface: Surface, view: View) -> tuple[np.ndarray, dict[str, float], tuple[float, float]]:
    """Heights (GRID, GRID) of the map as uint16, the scale that made them, and the range of the loss.

    The scale is log(1 + (f − lowest)/unit), so that both the floor of a valley and its walls have contours; the unit is
    where the lowest part of the map lies, so that a surface without a deep valley is drawn almost linearly.
    """
    x0, x1, y0, y1 = view
    xs, ys = np.linspace(x0, x1, GRID), np.linspace(y0, y1, GRID)
    with np.errstate(all="ignore"):
        value = surface.value(np.stack(np.meshgrid(xs, ys), axis=-1))
    value = np.nan_to_num(value, nan=np.nanmax(value[np.isfinite(value)], initial=0.0), posinf=1e300, neginf=-1e300)
    low, high = float(value.min()), float(value.max())
    above = value - low
    unit = float(np.quantile(above, 0.08)) or 1.0
    span = float(np.log1p(above.max() / unit)) or 1.0
    heights = np.round(65535 * np.log1p(above / unit) / span).astype(np.uint16)
    heights.setflags(write=False)
    return heights, {"base": low, "unit": unit, "span": span}, (low, high)


def _number(value: float) -> float | str:
    """JSON has no infinity; the one that means "no limit" is called off."""
    return value if np.isfinite(value) else "off"


def _digest(what: Any) -> str:
    return hashlib.blake2b(repr(what).encode(), digest_size=8).hexdigest()
