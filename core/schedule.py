"""Learning-rate schedules: the factor that multiplies lr at each step, declared by signature like a rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np

from core.hyper import Hyper, declared

_Share = Annotated[float, Hyper(0.01, 0.99, help="A share of all steps.")]
Floor = Annotated[float, Hyper(0.0, 1.0, help="The factor at the last step.")]


@dataclass(frozen=True)
class Schedule:
    """A function of the step t = 1 … steps; `factors` are what lr is multiplied by."""

    key: str
    title: str
    source: str
    function: Callable[..., Any] = field(repr=False)
    hypers: Mapping[str, Hyper] = field(repr=False, hash=False, compare=False)
    parameters: tuple[Any, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return _found, (self.key, self.parameters)

    def with_(self, **parameters: Any) -> "Schedule":
        """The same schedule with other parameters, each a float or (runs,); ValueError for an unknown or bad one."""
        if unknown := [name for name in parameters if name not in self.hypers]:
            has = ", ".join(self.hypers) or "none"
            raise ValueError(f"schedule {self.key} has no parameter {unknown[0]!r}: it has {has}")
        now = dict(zip(self.hypers, self.parameters, strict=True)) | parameters
        return replace(self, parameters=tuple(hyper.check(now[name]) for name, hyper in self.hypers.items()))

    def factors(self, steps: int) -> np.ndarray:
        """(steps, 1), or (steps, runs) where a parameter is an array."""
        t = np.arange(1.0, steps + 1)[:, None]
        return np.broadcast_arrays(self.function(t, float(steps), **dict(zip(self.hypers, self.parameters, strict=True))), t)[0]


SCHEDULES: dict[str, Schedule] = {}


def _found(key: str, parameters: tuple[Any, ...]) -> Schedule:
    return replace(SCHEDULES[key], parameters=parameters)


def _schedule(title: str, source: str) -> Callable[[Callable[..., Any]], Schedule]:
    def declare(function: Callable[..., Any]) -> Schedule:
        hypers = declared(function)
        defaults = tuple(hyper.default for hyper in hypers.values())
        made = Schedule(function.__name__, title, source, function, hypers, defaults)
        SCHEDULES[made.key] = made
        return made

    return declare


@_schedule("Constant", "no schedule")
def constant(t, steps):
    return t * 0 + 1


@_schedule("Step", "torch.optim.lr_scheduler.StepLR")
def step(
    t,
    steps,
    *,
    drop: Annotated[float, Hyper(0.01, 1.0, help="What lr is multiplied by at each drop.")] = 0.3,
    drops: Annotated[float, Hyper(1, 10, whole=True, help="How many drops, evenly spread over the run.")] = 3,
):
    return drop ** np.floor((t - 1) * (drops + 1) / steps)


@_schedule("Exponential", "torch.optim.lr_scheduler.ExponentialLR")
def exponential(t, steps, *, last: Annotated[float, Hyper(1e-6, 1.0, "log", help="The factor at the last step.")] = 0.01):
    return last ** ((t - 1) / np.maximum(steps - 1, 1))


@_schedule("Cosine", "Loshchilov & Hutter, arXiv:1608.03983, eq. 5")
def cosine(t, steps, *, floor: Floor = 0.0):
    return floor + (1 - floor) * 0.5 * (1 + np.cos(np.pi * (t - 1) / np.maximum(steps - 1, 1)))


@_schedule("Warm-up + cosine", "Goyal et al., arXiv:1706.02677, § 2.2, then arXiv:1608.03983, eq. 5")
def warmup_cosine(t, steps, *, warmup: _Share = 0.1, floor: Floor = 0.0):
    rise = np.maximum(np.round(warmup * steps), 1)
    fall = np.clip((t - rise) / np.maximum(steps - rise, 1), 0, 1)
    return np.where(t <= rise, t / rise, floor + (1 - floor) * 0.5 * (1 + np.cos(np.pi * fall)))


@_schedule("One-cycle", "Smith & Topin, arXiv:1708.07120; cosine anneals as in torch.optim.lr_scheduler.OneCycleLR")
def one_cycle(
    t,
    steps,
    *,
    peak: _Share = 0.3,
    first: Annotated[float, Hyper(1e-3, 1.0, "log", help="The factor at step 1.")] = 0.04,
    last: Annotated[float, Hyper(1e-8, 1.0, "log", help="The factor at the last step.")] = 4e-6,
):
    top = np.maximum(peak * steps - 1, 1e-9)  # counted from 0, as is t − 1
    rising = np.clip((t - 1) / top, 0, 1)
    falling = np.clip((t - 1 - top) / np.maximum(steps - 1 - top, 1e-9), 0, 1)
    up = 1 + (first - 1) * 0.5 * (1 + np.cos(np.pi * rising))
    down = last + (1 - last) * 0.5 * (1 + np.cos(np.pi * falling))
    return np.where(t - 1 <= top, up, down)


@_schedule("1/√t", "Zinkevich, ICML 2003, § 2.1")
def inverse_sqrt(t, steps):
    return 1 / np.sqrt(t)
