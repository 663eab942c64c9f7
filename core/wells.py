"""A surface's known minima, points or curves: where they are at any parameters, and which of them is nearest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Point = tuple[float, float]
Points = tuple[Point, ...]


@dataclass(frozen=True, eq=False)
class Valley:
    """Minima that are a curve: `nearest` takes (x, y, *parameters), arrays of one shape, to the curve's nearest points.

    `point` is one of them that stands out and is listed as a minimum; None where they are all alike.
    """

    title: str
    nearest: Callable[..., tuple[Any, Any]]
    point: Point | None = None


Well = Point | Valley
Place = tuple[Well, ...] | Callable[..., tuple[Well, ...]]


def wells_at(place: Place, parameters: Sequence[Any]) -> list[Any]:
    """The wells of a place at parameters that are floats or (runs,): curves, and points (x, y), each a float or (runs,).

    Raises ValueError where there are more of them at some parameters than at others.
    """
    if not callable(place):
        return list(place)
    if not any(map(np.ndim, parameters)):
        return list(place(*parameters))
    settings, which = np.unique(np.stack(np.broadcast_arrays(*parameters), axis=-1), axis=0, return_inverse=True)
    found = zip(*(place(*setting) for setting in settings.tolist()), strict=True)
    return [same[0] if isinstance(same[0], Valley) else tuple(np.array(same).T[:, which.ravel()]) for same in found]


def sent(place: Place) -> Place:
    """What of a place travels to other processes: points, in place of a function one that says so."""
    plain = not callable(place) and not any(isinstance(well, Valley) for well in place)
    return place if plain else _stayed


def _stayed(*parameters: Any) -> tuple[Well, ...]:
    raise RuntimeError("what a surface claims by a function of its own is known only where it was declared")


def well_points(wells: Sequence[Well]) -> Points:
    """Their points, without the curves on which none stands out."""
    points = [well.point if isinstance(well, Valley) else well for well in wells]
    return tuple(point for point in points if point)


def nearest(wells: Sequence[Any], x: np.ndarray, y: np.ndarray, parameters: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Of wells as `wells_at` gives them the one nearest to each point, x and y (...): its place, and how far it is.

    −1 and inf where there are none, or the point is not finite.
    """
    which, least = np.full(x.shape, -1), np.full(x.shape, np.inf)
    with np.errstate(all="ignore"):
        for place, well in enumerate(wells):
            at_x, at_y = well.nearest(x, y, *parameters) if isinstance(well, Valley) else well
            far = np.hypot(x - at_x, y - at_y)
            which, least = np.where(far < least, place, which), np.fmin(far, least)
    return which, least
