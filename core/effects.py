"""What is done to a gradient before the rule sees it: told once, for surfaces, networks and scripts of torch."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from operator import add
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np

from core.hyper import Hyper
from core.maths import clip, maximum, sign, sqrt

Parts = Sequence[Any]
"""Parameters, gradients or slots: one array (parameters, runs), or one number a coordinate."""

Setting = float | Sequence[float] | np.ndarray | None
"""One number for all runs, or one for each; None is off."""

L2 = Annotated[
    Setting,
    Hyper(1e-6, 10.0, "log", off=0.0, help="Coupled decay: λ·x of every parameter x, biases too, is added to the gradient."),
]
L1 = Annotated[
    Setting,
    Hyper(
        1e-8, 1.0, "log", off=0.0, help="Pull to zero: λ·sign(x) of every parameter x, biases too, is added to the gradient."
    ),
]
Noise = Annotated[
    Setting,
    Hyper(
        1e-4, 100.0, "log", off=0.0, help="Standard deviation of the noise on each gradient component, the same for every rule."
    ),
]
ClipValue = Annotated[Setting, Hyper(1e-3, 1e3, "log", off=np.inf, help="Each gradient component is held within ± this.")]
ClipNorm = Annotated[
    Setting, Hyper(1e-3, 1e3, "log", off=np.inf, help="A gradient longer than this is shortened to it, direction kept.")
]


@dataclass(frozen=True)
class GradientEffect:
    """What a setting does: `formula` is given a gradient, the setting, then by name what else it asks for.

    That is x, the parameters; draw, standard normals, one a parameter; norm, the gradient's length over all parameters.
    """

    name: str
    formula: Callable[..., Any]

    @cached_property
    def needs(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.formula).parameters)[2:]

    def on(self, number: Any, length: Callable[[Parts], Any], g: Parts, x: Parts, draw: Parts = ()) -> list[Any]:
        """The parts of a gradient at x as they are with this setting; `length` makes of them the norm."""
        norm = [length(g)] * len(g) if "norm" in self.needs else ()
        given = {"x": x, "draw": draw, "norm": norm}
        return [self.formula(slope, number, *asked) for slope, *asked in zip(g, *map(given.get, self.needs), strict=True)]


_EVERY = (
    GradientEffect("l2", lambda g, l2, x: g + l2 * x),
    GradientEffect("l1", lambda g, l1, x: g + l1 * sign(x)),
    GradientEffect("noise", lambda g, noise, draw: g + noise * draw),
    GradientEffect("clip_value", lambda g, clip_value: clip(g, -clip_value, clip_value)),
    GradientEffect("clip_norm", lambda g, clip_norm, norm: g * (clip_norm / maximum(norm, clip_norm))),
)
EFFECTS: Mapping[str, GradientEffect] = MappingProxyType({effect.name: effect for effect in _EVERY})
"""By the names of their settings, in the order in which they happen."""


def before(effects: Collection[str], numbers: Mapping[str, Any]) -> Iterator[Callable[[Parts, Parts, Parts], Parts]]:
    """What happens to a gradient (g, x, draw) before the rule sees it, in order; effects that are off are not there."""
    for name, effect in EFFECTS.items():
        if name in effects:
            yield partial(effect.on, numbers[name], _length)


def _length(g: Parts) -> Any:
    """Of every run's gradient, added up coordinate by coordinate, so that a run in a batch is the run alone."""
    coordinates = [c for slope in g for c in (slope if isinstance(slope, np.ndarray) else (slope,))]
    return sqrt(reduce(add, [c * c for c in coordinates]))
