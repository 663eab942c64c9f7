"""The band: the runs at values over the whole range of one slider, computed side by side, to be scrubbed through."""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from core.engine.workers import workers
from core.sweep import SINGLE, Paths, paths_along
from experiments.control import Control
from experiments.host import kept
from experiments.race.controls import THRESHOLD, TRIES, TUNED
from experiments.race.setup import Setup
from experiments.race.spec import Race

_VALUES = 64
"""So many values, evenly over the slider's stops."""

WORTH = 4
"""Of so many rules some are worth the way to another process."""

_Job = tuple[Setup, str, tuple[float, ...]]
"""What runs but for the number that varies, its name and its values."""


@dataclass(frozen=True)
class Band:
    """The races that one slider can make of a race.

    stops  (values,) int, the slider's stops that are computed
    rows   the steps that are kept of each run
    races  one for each
    runs   {entrant: its runs}, of the entrants whose run the slider moves
    """

    stops: np.ndarray
    rows: np.ndarray
    races: list[Race]
    runs: dict[str, Paths]


def bandable(race: Race, control: Control) -> bool:
    """Can the runs at all values of this number go side by side? Not those of another length or on another noise."""
    return race.lrs != TUNED and control.hyper.name not in (*SINGLE, THRESHOLD.name, TRIES.name)


def band(race: Race, control: Control, most: int) -> Band:
    """The band of a control that is `bandable`, in at most so many rows of all its runs together."""
    stops = control.hyper.stops
    chosen = np.unique(np.linspace(0, len(stops) - 1, _VALUES).round().astype(int))
    values = tuple(stops[i] for i in chosen)
    races = [race.having({control.id: value}) for value in values]
    keys = list(_moved(races[0], races[-1]))
    rows = _rows_of(int(race["steps"]), most // (len(races) * max(len(keys), 1)))
    name = control.hyper.name
    jobs = tuple((race.setups[key].without(name), name, values) for key in keys)
    found = _done(jobs, tuple(rows.tolist()))
    return Band(chosen, rows, races, dict(zip(keys, found, strict=True)))


def _rows_of(steps: int, most: int) -> np.ndarray:
    """At most so many of the rows 0 … steps: all of them, or the first ones and then ever fewer."""
    if steps < most:
        return np.arange(steps + 1)
    growths = np.geomspace(1e-8, 1.0, 4000)
    growth = growths[np.argmax(growths * (most - 1) >= np.log1p(growths * steps))]
    rows = np.expm1(growth * np.arange(most)) / growth
    return np.unique(np.minimum(rows.round(), steps).astype(int))


def _moved(one: Race, other: Race) -> Iterator[str]:
    """The entrants whose run differs between two races."""
    return (key for key in one.entrants if one.setups[key] != other.setups[key])


@kept
def _done(jobs: tuple[_Job, ...], rows: tuple[int, ...]) -> list[Paths]:
    """The jobs done; every second one by another process, where there is a second core and the process has awoken."""
    work = [_arguments(job) for job in jobs]
    if len(jobs) < WORTH or (os.cpu_count() or 1) == 1 or not _helper().done():
        return paths_along(work, rows)
    away = workers(1).submit(paths_along, work[1::2], rows)
    found: list[Any] = [None] * len(jobs)
    found[::2] = paths_along(work[::2], rows)
    found[1::2] = away.result()
    return found


@cache
def _helper() -> Future[Any]:
    """Wakes the other process; until it is done, all is done here."""
    return workers(1).submit(os.getpid)


def _arguments(job: _Job) -> dict[str, Any]:
    """Those of `along`."""
    setup, axis, values = job
    return {"rule": setup.rule, "objective": setup.surface, "axis": axis, "values": values, **setup.arguments}
