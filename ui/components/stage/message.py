"""A race as the bytes the stage draws: a JSON header, then float32 arrays."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core import Surface, Trajectory
from experiments.anatomy.layout import insides
from experiments.control import Control
from experiments.host import kept
from experiments.race import ranking
from experiments.race.axes import loss_axes
from experiments.race.band import band, bandable
from experiments.race.spec import Race, View
from experiments.race.words import verdict
from figures import theme
from optimizers import ENTRANTS
from ui.components.stage.header import BandHeader, GroundShown, HeightScale, RunsMade, Slider, StageMessage
from ui.components.transport import packed

GRID = 96
"""The map is computed at so many points along each side."""

_SMALL = 48
"""The maps of a band, likewise."""

BAND = 400_000
"""Bytes that the paths of a band may take."""

DEEP, _FINE = 25, 560
"""The losses of a band count from 1e-25, in so many steps a decade."""

MOST_FRAMES = 1001
"""While a slider is dragged, longer runs are sent every second, third, … step; once it rests every step is there."""

_COLOURS = theme.rule_colours(ENTRANTS)


def pack(
    race: Race,
    runs: Mapping[str, Trajectory],
    problems: list[str],
    wish: Mapping[str, Any] | None,
    seq: int,
    grasped: Control | None = None,
    *,
    dissected: bool = False,
) -> bytes:
    """Everything to draw. What `wish` says the browser has already, the controls and the map, is not sent again.

    Arrays: x (runs, frames, 2), gap (runs, frames), the loss above `floor`, all float32, rounded from float64 last; field
    (GRID, GRID) uint16, the map's heights. While nothing is dragged also slope (runs, frames), the gradient norm. With a
    slider `grasped`, its band too (see `_band`). A race of one rule may be `dissected`: see `experiments.anatomy.run`.
    """
    steps, known = next(iter(runs.values())).steps, wish or {}
    dragged = wish is not None and not wish.get("released")
    stride = -(-steps // (MOST_FRAMES - 1)) if dragged else 1
    rows = np.minimum(np.arange(-(-steps // stride) + 1) * stride, steps)
    arrays = {
        "x": np.stack([run.x[rows, 0] for run in runs.values()]),
        "gap": race.landscape.above([run.value[rows, 0] for run in runs.values()]),
    }
    structure = _digest((race.surface, race.entrants, race.lrs, race.schedule, race.tuning))
    field_id = _digest((race.landscape, race.window))
    header: StageMessage = {
        "seq": seq,
        "key": _digest((race, tuple(problems), stride)),
        "structure": structure,
        "fieldId": field_id,
        "steps": steps,
        "stride": stride,
        "frames": len(rows),
        "problems": problems,
        "values": {control.id: _number(race[control.id]) for control in race.controls.values()},
        "theme": theme.STAGE,
        **_ground(race),
        **_results(race, runs, rows, arrays["gap"]),
    }
    if known.get("structure") != structure:
        header["scales"], header["controls"] = _panel(race)
    if not dragged:
        arrays["slope"] = np.stack([run.gradient_norm[rows, 0] for run in runs.values()])
    with np.errstate(over="ignore"):  # beyond float32 is drawn as infinite, which it is to the eye
        parts = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}
    if dissected:
        header["insides"], numbers = insides(race, rows)
        parts |= numbers
    if grasped:
        header["band"], of_band = _band(race, runs, grasped)
        parts |= of_band
    if known.get("field") != field_id:
        parts["field"] = _field(race.landscape, race.window, GRID)[0]
    return packed(header, parts)


def _ground(race: Race) -> GroundShown:
    surface = race.landscape
    return {
        "floor": ranking.floor_of(surface),
        "start": race.origin,
        "moved": race.start is not None,
        "view": race.window,
        "window": race.window,
        "scale": _field(surface, race.window, GRID)[1],
        "minima": surface.minima,
        "local_minima": surface.local_minima,
        "saddles": surface.saddles,
        "look": race.look,
        "hidden": race.hidden,
        "step": race.step,
        "threshold": race["threshold"] if surface.minima else None,
    }


def _results(race: Race, runs: Mapping[str, Trajectory], rows: np.ndarray, gap: np.ndarray) -> RunsMade:
    """`gap` (runs, frames) are the losses above the floor."""
    surface = race.landscape
    alive = rows < np.array([run.stopped[0] for run in runs.values()])[:, None]
    *_, span = _field(surface, race.domain, GRID)  # the curves do not depend on where the map looks
    floor = ranking.floor_of(surface)
    found = ranking.results(runs, {key: ENTRANTS[key].title for key in runs}, race)
    place = ranking.places(found)
    return {
        "axes": loss_axes(gap, alive, bool(surface.minima), (span[0] - floor, span[1] - floor)),
        "runs": [
            {
                "key": result.key,
                "title": result.title,
                "colour": _COLOURS[result.key],
                "stopped": result.stopped,
                "left": result.left,
                "last": int(alive[i].sum()) if result.stopped is not None else len(rows) - 1,
                "place": place[result.key],
                "cells": ranking.cells(result, race),
            }
            for i, result in enumerate(found)
        ],
        "columns": ranking.columns(race, surface),
        "verdict": verdict(found, race, surface, float(gap[0, 0])),
    }


def _panel(race: Race) -> tuple[list[list[float | str]], list[Slider]]:
    """The stops that sliders share, and every slider."""
    scales = list(dict.fromkeys(control.hyper.stops for control in race.controls.values()))
    controls: list[Slider] = [
        {
            "id": control.id,
            "group": control.group,
            "label": control.label,
            "help": f"{control.hyper.help} Allowed: {control.hyper.allowed}.",
            "folded": control.folded,
            "stops": scales.index(control.hyper.stops),
            "default": _number(control.hyper.default),
            "off": None if control.hyper.off is None else _number(control.hyper.off),
            "band": bandable(race, control),
        }
        for control in race.controls.values()
    ]
    return [[_number(stop) for stop in stops] for stops in scales], controls


def _band(race: Race, runs: Mapping[str, Trajectory], control: Control) -> tuple[BandHeader, dict[str, np.ndarray]]:
    """The band of a slider, small: for each of its values the paths at some rows, as whole numbers.

    Arrays: bandX (values, runs, rows, 2) uint16, positions within `reach`, 65535 where there is none; bandGap (values, runs,
    rows) int16, the logarithm of the loss above the floor, with its sign; bandGround (values, SMALL, SMALL) uint16, the
    map's heights, where the slider changes the surface.
    """
    made = band(race, control, BAND // 6)
    steps, keys, rows = next(iter(runs.values())).steps, list(runs), made.rows
    different: dict[Surface, Surface] = {}
    surfaces = [different.setdefault(surface, surface) for surface in (race.landscape for race in made.races)]
    floors = np.array([ranking.floor_of(surface) for surface in surfaces])
    shape = (len(surfaces), len(made.runs), len(rows))
    x, loss = np.zeros((*shape, 2)), np.zeros(shape)
    for r, run in enumerate(made.runs.values()):
        x[:, r] = run.x.swapaxes(0, 1)
        loss[:, r] = run.value.T
    gap = np.array([surface.above(losses) for surface, losses in zip(surfaces, loss, strict=True)])
    stopped = np.array([run.stopped for run in made.runs.values()]).reshape(shape[1::-1])
    alive = rows < stopped.T[:, :, None]
    still = [key for key in keys if key not in made.runs]
    others = surfaces[0].above([runs[key].value[rows, 0] for key in still]).reshape(-1, len(rows))
    rests = np.array([rows < runs[key].stopped[0] for key in still], dtype=bool).reshape(others.shape)
    x0, x1, y0, y1 = race.window
    (wide, tall), bounded = (3 * (x1 - x0), 3 * (y1 - y0)), bool(race.landscape.minima)
    reach = [x0 - wide, x1 + wide, y0 - tall, y1 + tall]
    spans = [np.array(_field(surface, race.domain, _SMALL)[2]) for surface in dict.fromkeys(surfaces)]
    spans = spans * (len(surfaces) // len(spans))
    header: BandHeader = {
        "id": control.id,
        "stops": made.stops.tolist(),
        "rows": rows.tolist(),
        "runs": [keys.index(key) for key in made.runs],
        "stopped": [[s if s <= steps else None for s in row] for row in stopped.T.tolist()],
        "last": np.minimum(alive.sum(axis=2), len(rows) - 1).tolist(),
        "reach": reach,
        "deep": DEEP,
        "fine": _FINE,
        "axes": [
            loss_axes(np.concatenate([g, others]), np.concatenate([a, rests]), bounded, tuple(span - floor))
            for g, a, span, floor in zip(gap, alive, spans, floors, strict=True)
        ],
    }
    parts = {"bandX": _placed(x, reach), "bandGap": _sized(gap), "bandGround": np.zeros(0, dtype=np.uint16)}
    fields = [_field(surface, race.window, _SMALL) for surface in dict.fromkeys(surfaces)]
    if len(fields) > 1:
        header["grounds"] = [
            {
                "floor": floor,
                "scale": scale,
                "start": other.origin,
                "minima": surface.minima,
                "local_minima": surface.local_minima,
                "saddles": surface.saddles,
            }
            for floor, other, surface, (_, scale, _) in zip(floors.tolist(), made.races, surfaces, fields, strict=True)
        ]
        parts["bandGround"] = np.stack([heights for heights, _, _ in fields])
    return header, parts


def _placed(x: np.ndarray, reach: Sequence[float]) -> np.ndarray:
    """Positions as whole numbers from 0 to 65534, 65535 where there is none."""
    low, high = np.array(reach).reshape(2, 2).T
    with np.errstate(invalid="ignore"):
        codes = np.clip((x - low) / (high - low), 0, 1) * 65534
        return np.where(np.isnan(codes), 65535, codes.round()).astype(np.uint16)


def _sized(gap: np.ndarray) -> np.ndarray:
    """Losses as whole numbers with their sign, 0 for 0: the logarithm from 10^−DEEP on, FINE steps a decade."""
    size = np.nan_to_num(np.abs(gap), nan=np.inf)
    with np.errstate(divide="ignore"):
        codes = np.clip(1 + ((np.log10(size) + DEEP) * _FINE).round(), 1, 32767)
    return np.where(size == 0, 0, np.copysign(codes, gap)).astype(np.int16)


@kept
def _field(surface: Surface, view: View, side: int) -> tuple[np.ndarray, HeightScale, tuple[float, float]]:
    """Heights (side, side) of the map as uint16, the scale that made them, and the range of the loss.

    The scale is log(1 + (f − lowest)/unit), so that both the floor of a valley and its walls have contours; the unit is
    where the lowest part of the map lies, so that a surface without a deep valley is drawn almost linearly.
    """
    x0, x1, y0, y1 = view
    xs, ys = np.linspace(x0, x1, side), np.linspace(y0, y1, side)
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
