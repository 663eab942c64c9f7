"""An analytic loss surface: a formula in two variables, told once, with everything claimed about it as data."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from core.hyper import Hyper, declared
from core.rotation import carried, height_turned, partials_turned, turn_of
from core.symbolic.derivative import Formula
from core.symbolic.expression import Unrecorded
from core.symbolic.notation import lawful
from core.symbolic.source import again, constants, remembered, text_of
from core.wells import Place, Point, Points, Valley, nearest, sent, well_points, wells_at

Domain = tuple[Point, Point]

ANGLE = Hyper(-180.0, 180.0, name="angle", default=0.0, help="Turns the whole surface about its centre, in degrees.")


@dataclass(frozen=True)
class Surface:
    """f(x, y) on a square domain, possibly rotated.

    `minima` are the global minima, `local_minima` and `saddles` the other known critical points, all of them at the present
    parameters and rotation. `rotated` turns surface, start and critical points counter-clockwise about the domain's
    centre and leaves the domain, which is only a window, where it is. `everywhere` says that nothing in the whole plane is
    lower than the global minima; otherwise they are the lowest points of the domain, however turned, alone. One that is not
    `listed` has more local minima and saddles than it says.

    `text` is its formula's own source, and `numbers` those of its module that it names: they tell one surface from another, and
    it travels to other processes as them. Minima and saddles that a function gives stay where they were declared.
    """

    key: str
    title: str
    kind: str
    source: str
    lesson: str
    domain: Domain
    formula: Formula = field(repr=False, compare=False)
    text: str = field(repr=False)
    numbers: tuple[tuple[str, float], ...] = field(repr=False)
    hypers: Mapping[str, Hyper] = field(repr=False, hash=False)
    own_start: Point
    own_minima: Place = field(repr=False)
    own_local_minima: Place = field(repr=False)
    own_saddles: Place = field(repr=False)
    everywhere: bool = True
    listed: bool = True
    parameters: tuple[float, ...] = ()
    angle: float = 0.0

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "formula"}
        places = {name: sent(kept[name]) for name in ("own_minima", "own_local_minima", "own_saddles")}
        return _again, ({**kept, **places, "hypers": dict(self.hypers)},)

    def with_(self, **parameters: float) -> "Surface":
        """The same surface with other parameters (a ravine's kappa); ValueError for an unknown or bad one."""
        if unknown := [name for name in parameters if name not in self.hypers]:
            has = ", ".join(self.hypers) or "none"
            raise ValueError(f"{self.key} has no parameter {unknown[0]!r}: it has {has}")
        now = dict(zip(self.hypers, self.parameters, strict=True)) | parameters
        return replace(self, parameters=tuple(hyper.check(now[name]) for name, hyper in self.hypers.items()))

    def rotated(self, degrees: float) -> "Surface":
        """The surface turned by so many degrees, counter-clockwise, on top of any rotation it has."""
        if not math.isfinite(degrees):
            raise ValueError(f"angle = {degrees} is not allowed: it must be a finite number of degrees")
        return replace(self, angle=self.angle + float(degrees))

    @property
    def start(self) -> Point:
        """Where runs begin unless told otherwise."""
        return self.turned((self.own_start,))[0]

    @property
    def minima(self) -> Points:
        """The global minima; empty where the surface is unbounded below."""
        return self._points(self.own_minima)

    @property
    def local_minima(self) -> Points:
        """Further, higher minima that are known."""
        return self._points(self.own_local_minima)

    @property
    def saddles(self) -> Points:
        """Critical points from which the surface goes both up and down."""
        return self._points(self.own_saddles)

    @property
    def caveat(self) -> str:
        """One sentence on how far the minimum can be relied on; empty where it is the lowest of all, or there is none."""
        if self.everywhere or not self.minima:
            return ""
        (xlo, xhi), (ylo, yhi) = self.domain
        within = f"x {xlo:g} … {xhi:g}, y {ylo:g} … {yhi:g}".replace("-", "−")
        return f"The minimum is the lowest point of {within} alone: further out the surface falls below it."

    @property
    def wells(self) -> tuple[str, ...]:
        """What its known minima are called, points and curves, the global ones first."""
        return tuple(
            self._called(well)
            for well in wells_at(self.own_minima, self.parameters) + wells_at(self.own_local_minima, self.parameters)
        )

    @property
    def lowest(self) -> float | None:
        """The value at the global minimum, the same at every angle; None where the surface is unbounded below."""
        return float(self.alone.floor) if self.minima else None

    @property
    def slack(self) -> float:
        """How far below the minimum rounding alone may take the computed value; 0 where there is no minimum."""
        return float(self.alone.slack)

    def above(self, losses: Any) -> np.ndarray:
        """Losses (...) as heights above the global minimum; see `Family.above`."""
        return self.alone.above(losses)

    def below(self, losses: Any) -> np.ndarray:
        """Which of the losses (...) are lower than the global minimum; see `Family.below`."""
        return self.alone.below(losses)

    def nearest(self, points: Any) -> tuple[np.ndarray, np.ndarray]:
        """The known minimum nearest to each of the points (..., 2); see `Family.nearest`."""
        return self.alone.nearest(points)

    def value(self, points: Any) -> np.ndarray:
        """f at points (..., 2) → (...)."""
        return _value(self, points)

    def grad(self, points: Any) -> np.ndarray:
        """The gradient at points (..., 2) → (..., 2)."""
        return _grad(self, points)

    def hessian(self, points: Any) -> np.ndarray:
        """The matrix of second derivatives at points (..., 2) → (..., 2, 2)."""
        x, y = _coordinates(points)
        xx, xy, yy, _ = np.broadcast_arrays(*self.formula.hessian(*self._unturned(x, y), *self.parameters), x)
        own = np.stack([np.stack([xx, xy], axis=-1), np.stack([xy, yy], axis=-1)], axis=-2)
        if not self.angle:
            return own
        cos, sin = self._turn
        turn = np.array([[cos, -sin], [sin, cos]])
        return turn @ own @ turn.T

    @property
    def height(self) -> Callable[..., Any]:
        """(x, y, *constants) → f, on floats or on arrays of one shape."""
        return height_turned(self.formula) if self.angle else self.formula.value

    @property
    def partials(self) -> Callable[..., tuple[Any, Any]]:
        """(x, y, *constants) → (fx, fy), on floats or on arrays of one shape: what `simulate` runs on."""
        return partials_turned(self.formula) if self.angle else self.formula.gradient

    @property
    def constants(self) -> tuple[float, ...]:
        """What f depends on besides x and y: the rotation, if there is one, and the parameters."""
        return (*self._turn, *self.centre, *self.parameters) if self.angle else self.parameters

    @cached_property
    def alone(self) -> "Family":
        """The surface as a family of one."""
        return self.across()

    def across(self, *, start: Any = None, **values: Any) -> "Family":
        """This surface at many parameters and angles at once: each of `values` is (runs,), the angle in degrees.

        `start`, (2,) or (runs, 2), is where runs begin on this surface as it stands; with angles it turns along.
        """
        hypers = {**self.hypers, ANGLE.name: ANGLE}
        if unknown := [name for name in values if name not in hypers]:
            raise ValueError(f"{self.key} has no parameter {unknown[0]!r}: it has {', '.join(hypers)}")
        values = {name: np.atleast_1d(hypers[name].check(value)) for name, value in values.items()}
        angles = values.pop(ANGLE.name, None)
        now = dict(zip(self.hypers, self.parameters, strict=True)) | values
        x, y = np.moveaxis(np.asarray(self.start if start is None else start, dtype=np.float64), -1, 0)
        turn: tuple[Any, Any] | None = self._turn if self.angle else None
        if angles is not None:
            different, which = np.unique(angles, return_inverse=True)
            cos, sin = np.array([turn_of(angle) for angle in different.tolist()]).T[:, which]
            x, y = carried(*self._unturned(x, y), cos, sin, *self.centre)
            turn = cos, sin
        return Family(
            surface=self,
            parameters=tuple(now.values()),
            turn=turn,
            height=height_turned(self.formula) if turn else self.formula.value,
            partials=partials_turned(self.formula) if turn else self.formula.gradient,
            constants=(*turn, *self.centre, *now.values()) if turn else tuple(now.values()),
            start=np.stack([x, y], axis=-1),
        )

    def turned(self, points: Points) -> Points:
        """Points of the unrotated surface, carried along by the rotation."""
        return tuple(carried(x, y, *self._turn, *self.centre) for x, y in points) if self.angle else points

    def unturned(self, points: Points) -> Points:
        """Points of the rotated surface, carried back to the unrotated one."""
        return tuple(self._unturned(x, y) for x, y in points)

    @property
    def centre(self) -> Point:
        """The middle of the domain, about which the surface turns."""
        (xlo, xhi), (ylo, yhi) = self.domain
        return (xlo + xhi) / 2, (ylo + yhi) / 2

    @cached_property
    def _turn(self) -> Point:
        return turn_of(self.angle)

    def _unturned(self, x: Any, y: Any) -> tuple[Any, Any]:
        return carried(x, y, *self._turn, *self.centre, back=True) if self.angle else (x, y)

    def _points(self, place: Place) -> Points:
        return self.turned(well_points(wells_at(place, self.parameters)))

    def _called(self, well: Point | Valley) -> str:
        where = [f"{x:.3g}, {y:.3g}" for x, y in self.turned(well_points([well]))]
        return " through ".join([well.title, *where] if isinstance(well, Valley) else where)


def _again(kept: dict[str, Any]) -> Surface:
    """A surface that comes from another process."""
    return Surface(formula=_formula(kept["text"], kept["numbers"]), **{**kept, "hypers": MappingProxyType(kept["hypers"])})


@cache
def _formula(text: str, numbers: tuple[tuple[str, float], ...]) -> Formula:
    return Formula(again(text, numbers))


@dataclass(frozen=True, eq=False)
class Family:
    """A surface at many parameters and angles at once.

    `parameters`, the `turn` (cosine and sine) and `constants` are floats or (runs,), `start` is (2,) or (runs, 2).
    """

    surface: Surface
    parameters: tuple[Any, ...]
    turn: tuple[Any, Any] | None
    height: Callable[..., Any]
    partials: Callable[..., tuple[Any, Any]]
    constants: tuple[Any, ...]
    start: np.ndarray

    def value(self, points: Any) -> np.ndarray:
        """f at points (..., runs, 2) → (..., runs)."""
        return _value(self, points)

    def grad(self, points: Any) -> np.ndarray:
        """The gradient at points (..., runs, 2) → (..., runs, 2)."""
        return _grad(self, points)

    @cached_property
    def floor(self) -> Any:
        """What heights are measured from, a float or (runs,): the value at each global minimum, 0 where there is none."""
        heights = [self.surface.formula.value(x, y, *self.parameters) for x, y in self._minima]
        return np.minimum.reduce(np.broadcast_arrays(*heights)) if heights else 0.0

    @cached_property
    def slack(self) -> Any:
        """How far below its minimum rounding alone may take a surface's computed value."""
        slack = [self.surface.formula.rounding(x, y, *self.parameters) for x, y in self._minima]
        return np.maximum.reduce(np.broadcast_arrays(*slack)) if slack else 0.0

    @property
    def _minima(self) -> Points:
        return well_points(wells_at(self.surface.own_minima, self.parameters))

    def above(self, losses: Any) -> np.ndarray:
        """Losses (..., runs) as heights above each surface's global minimum; as they are where there is none.

        Within rounding of the minimum the height is 0; negative it is for a loss that is lower than what is called the
        minimum, as may be met outside the domain where the surface's claims do not hold `everywhere`.
        """
        losses = np.asarray(losses, dtype=np.float64)
        if not self.surface.minima:
            return losses
        heights = losses - self.floor
        return np.where((heights < 0) & (heights >= -self.slack), 0.0, heights)

    def below(self, losses: Any) -> np.ndarray:
        """Which of the losses (..., runs) are lower than the global minimum by more than rounding; none where there is none."""
        return (self.above(losses) < 0) & bool(self.surface.minima)

    def nearest(self, points: Any) -> tuple[np.ndarray, np.ndarray]:
        """Of each surface's `wells` the one nearest to the points (..., runs, 2): its place and how far it is, (..., runs).

        A minimum keeps its place at all parameters and angles. −1 and inf where none is known.
        """
        x, y = _coordinates(points)
        if self.turn:
            x, y = carried(x, y, *self.turn, *self.surface.centre, back=True)
        known = wells_at(self.surface.own_minima, self.parameters) + wells_at(self.surface.own_local_minima, self.parameters)
        return nearest(known, x, y, self.parameters)


def _value(field: "Surface | Family", points: Any) -> np.ndarray:
    x, y = _coordinates(points)
    return np.broadcast_to(field.height(x, y, *field.constants), x.shape)


def _grad(field: "Surface | Family", points: Any) -> np.ndarray:
    x, y = _coordinates(points)
    return np.stack(np.broadcast_arrays(*field.partials(x, y, *field.constants), x)[:2], axis=-1)


def _coordinates(points: Any) -> tuple[np.ndarray, np.ndarray]:
    points = np.asarray(points, dtype=np.float64)
    if points.shape[-1:] != (2,):
        raise ValueError(f"points has shape {points.shape}: allowed is (..., 2), the last axis being x, y")
    return points[..., 0].copy(), points[..., 1].copy()  # contiguous, so that numpy takes one code path for all


def surface(
    *,
    title: str,
    kind: str,
    source: str,
    lesson: str,
    domain: Domain,
    start: Point,
    minima: Place = (),
    local_minima: Place = (),
    saddles: Place = (),
    everywhere: bool = True,
    listed: bool = True,
) -> Callable[[Callable[..., Any]], Surface]:
    """Declare a surface from its formula f(x, y, *, parameters); a place is points, or their function of the parameters.

    Minima may also be curves, `Valley`s; a global one has a `point`. `everywhere` and `listed`: see Surface.
    Raises ValueError at import where the formula is more than equations, see `core.symbolic.notation.lawful`, or has no
    derivative.
    """

    def declare(function: Callable[..., Any]) -> Surface:
        _check_window(function.__name__, domain, start)
        for point in (p for place in (minima, local_minima, saddles) if isinstance(place, tuple) for p in place):
            if not isinstance(point, Valley):
                _check_shape(function.__name__, "a minimum or saddle", point, (2,), "(x, y)")
        hypers = declared(function)
        lawful(remembered(function))
        try:
            formula = Formula(function)
        except (Unrecorded, TypeError, KeyError, ValueError) as error:
            raise ValueError(f"{function.__name__} is no formula of x and y: {error}") from None
        if strangers := [name for name in formula.symbols[2:] if name not in hypers]:
            raise ValueError(f"{function.__name__}: parameter {strangers[0]!r} has no default or no Hyper")
        return Surface(
            key=function.__name__,
            title=title,
            kind=kind,
            source=source,
            lesson=lesson,
            domain=domain,
            formula=formula,
            text=text_of(function),
            numbers=tuple(constants(function).items()),
            hypers=hypers,
            own_start=start,
            own_minima=minima,
            own_local_minima=local_minima,
            own_saddles=saddles,
            everywhere=everywhere,
            listed=listed,
            parameters=tuple(hyper.default for hyper in hypers.values()),
        )

    return declare


def _check_window(name: str, domain: Domain, start: Point) -> None:
    _check_shape(name, "domain", domain, (2, 2), "((x from, x to), (y from, y to))")
    _check_shape(name, "start", start, (2,), "(x, y)")
    (left, right), (low, high) = domain
    if not (left < right and low < high):
        raise ValueError(f"{name}: domain = {domain} is not allowed: each side must run upwards")
    if not math.dist(start, ((left + right) / 2, (low + high) / 2)) < min(right - left, high - low) / 2:
        why = "turned with the surface it would leave the window; go nearer to the middle of the domain"
        raise ValueError(f"{name}: start = {start} is not allowed: {why}")


def _check_shape(name: str, what: str, value: Any, shape: tuple[int, ...], allowed: str) -> None:
    try:
        good = np.shape(value) == shape and bool(np.isfinite(value).all())
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(f"{name}: {what} = {value!r} is not allowed: it must be {allowed}")
