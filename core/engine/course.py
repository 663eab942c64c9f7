"""What is to be run, checked: a rule on an objective, from one start or many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from core.rule import Rule
from core.schedule import SCHEDULES, Schedule
from core.trajectory import Objective

DRAWN = 4
"""Tells what a rule draws from what else comes of a seed."""


@runtime_checkable
class Analytic(Protocol):
    """An objective that gives value and partial derivatives coordinate by coordinate, on floats as well as on arrays.

    Both take the coordinates, then the `constants`, and are the same functions whatever the constants are.
    """

    @property
    def height(self) -> Callable[..., Any]: ...

    @property
    def partials(self) -> Callable[..., Sequence[Any]]: ...

    @property
    def constants(self) -> tuple[Any, ...]: ...


@dataclass(frozen=True)
class Course:
    """What is to be run, checked: so many runs of one rule on one objective.

    x0       (runs, parameters), where they start
    rate     lr: a float or (runs,)
    factors  (steps, 1) or (steps, runs), the schedule
    numbers  the rule's hyperparameters but lr, and those settings of the loop that are in `effects`, the ones that are on
    draws    (steps, parameters) standard normals, the noise; no rows where there is none
    age      steps that the rule believes it made before
    seed     what is drawn for the rule itself comes from
    slots    {slot: what it holds to begin with}, a float or (runs,)
    """

    rule: Rule
    objective: Any
    x0: np.ndarray
    rate: Any
    factors: np.ndarray
    numbers: Mapping[str, Any]
    effects: frozenset[str]
    draws: np.ndarray
    age: float
    seed: int
    slots: Mapping[str, Any]

    @property
    def steps(self) -> int:
        return len(self.factors)

    def drawing(self, n: int) -> Callable[[], np.ndarray]:
        """What draws for the rule at a step: standard normals (parameters,), the same for every run and every rule."""
        rng = np.random.default_rng([self.seed, DRAWN, n])
        return lambda: rng.standard_normal(self.x0.shape[1])

    @property
    def alone(self) -> bool:
        """One run, with floats for all its numbers."""
        numbers = (self.rate, *self.numbers.values())
        return len(self.x0) == 1 and self.factors.shape[1] == 1 and all(isinstance(number, float) for number in numbers)


def scheduled(schedule: Schedule | str | None) -> Schedule:
    """A schedule by itself or by its name; ValueError where there is none of that name."""
    if isinstance(schedule, Schedule):
        return schedule
    name = "constant" if schedule is None else schedule
    if name not in SCHEDULES:
        raise ValueError(f"schedule = {schedule!r} is unknown: allowed is one of {', '.join(SCHEDULES)}")
    return SCHEDULES[name]


def starts(objective: Objective, start: Any, settings: Mapping[str, Any]) -> np.ndarray:
    """(runs, parameters): as many runs as the starts and the arrays among the settings say."""
    start = getattr(objective, "start", None) if start is None else start
    if start is None:
        raise ValueError("start is missing: this objective has none of its own")
    try:
        x0 = np.asarray(start, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"start = {start!r} is not a point: allowed is (parameters,) or (runs, parameters)") from None
    own = getattr(objective, "start", None)
    parameters = np.shape(own)[-1] if own is not None else x0.shape[-1] if x0.ndim else 1
    if x0.ndim not in (1, 2) or x0.shape[-1] != parameters or not x0.size:
        raise ValueError(f"start has shape {x0.shape}: allowed is ({parameters},) or (runs, {parameters})")
    if not np.isfinite(x0).all():
        raise ValueError(f"start = {start!r} is not allowed: every coordinate must be finite")
    lengths = {name: len(value) for name, value in settings.items() if isinstance(value, np.ndarray) and len(value) != 1}
    if x0.ndim == 2 and len(x0) > 1:
        lengths["start"] = len(x0)
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"the numbers of runs differ ({told}): allowed is one value, or one for each run")
    return np.broadcast_to(x0, (max(lengths.values(), default=1), parameters)).copy()
