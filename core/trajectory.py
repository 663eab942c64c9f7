"""What a run leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from core.surface import Family, Surface


class Objective(Protocol):
    """What is minimised, for a whole batch of runs at once. A `start` (parameters,) makes `simulate`'s optional."""

    def value(self, points: np.ndarray, /) -> np.ndarray:
        """(..., parameters) → (...)."""
        ...

    def grad(self, points: np.ndarray, /) -> np.ndarray:
        """(..., parameters) → (..., parameters)."""
        ...


@dataclass(frozen=True)
class Trajectory:
    """Everything recorded of `runs` runs over `steps` steps; arrays are read-only.

    x            (steps+1, runs, parameters) float64, row 0 the start
    value        (steps+1, runs), value[t] == objective.value(x[t])
    stopped      (runs,) int, the first step whose x or value is not finite or beyond the divergence bound; steps+1 where none
    state        {slot: (steps+1, runs, parameters)}, row 0 the initial values
    lr           (steps, runs), the learning rate used at each step
    evaluations  {kind: (runs,) int} what the rule asked of the objective until the run stopped: "grad", and where it asks for
                 more "value", "hessian" and "hvp"; what is recorded and drawn is not its

    From its stopping step on a run is frozen: the rows repeat what was computed at that step, not clipped to anything.
    """

    x: np.ndarray
    value: np.ndarray
    stopped: np.ndarray
    state: Mapping[str, np.ndarray] = field(repr=False)
    lr: np.ndarray = field(repr=False)
    evaluations: Mapping[str, np.ndarray]
    objective: Objective = field(repr=False)

    @property
    def steps(self) -> int:
        """Steps taken; fewer than asked for when the run was cancelled."""
        return len(self.x) - 1

    @property
    def runs(self) -> int:
        return self.x.shape[1]

    @property
    def diverged(self) -> np.ndarray:
        """(runs,) bool."""
        return self.stopped <= self.steps

    @property
    def final(self) -> np.ndarray:
        """(runs,) value after the last step; inf for a run that diverged."""
        return np.where(self.diverged, np.inf, self.value[-1])

    @property
    def best(self) -> np.ndarray:
        """(runs,) lowest value before the run stopped, the start included; inf where the start itself is beyond the bound."""
        return self._alive().min(axis=0)

    @property
    def left(self) -> np.ndarray:
        """(runs,) bool, whether the run has been below what its surface calls the minimum."""
        return self._surface.below(self.best) if self._surface else np.zeros(self.runs, dtype=bool)

    @property
    def height(self) -> np.ndarray:
        """(steps+1, runs) value above the minimum of its surface, negative below it; the value itself where there is none."""
        return self._surface.above(self.value) if self._surface else self.value

    @cached_property
    def gradient(self) -> np.ndarray:
        """(steps+1, runs, parameters) the objective's own gradient at x, before noise, clipping or decay."""
        with np.errstate(all="ignore"):
            return self.objective.grad(self.x)

    @property
    def gradient_norm(self) -> np.ndarray:
        """(steps+1, runs) Euclidean norm of the gradient."""
        with np.errstate(all="ignore"):
            return np.sqrt((self.gradient**2).sum(axis=-1))

    def steps_to(self, threshold: float) -> np.ndarray:
        """(runs,) first step at which the value is at most the threshold; steps+1 where it never is."""
        reached = self._alive() <= threshold
        return np.where(reached.any(axis=0), reached.argmax(axis=0), self.steps + 1)

    def steps_within(self, height: float) -> np.ndarray:
        """(runs,) first step at which the value is within so much of the surface's minimum, or of 0 where there is none.

        steps+1 where it never is, and for runs that have `left`.
        """
        floor = self._surface.floor if self._surface else 0.0
        return np.where(self.left, self.steps + 1, self.steps_to(floor + height))

    def distance_to(self, points: Sequence[Sequence[float]]) -> np.ndarray:
        """(runs,) distance from the last position to the nearest of the points; inf for a run that diverged."""
        offsets = self.x[-1][:, None, :] - np.asarray(points, dtype=np.float64)
        with np.errstate(all="ignore"):
            nearest = np.sqrt((offsets**2).sum(axis=-1)).min(axis=1)
        return np.where(self.diverged, np.inf, nearest)

    @property
    def _surface(self) -> Family | None:
        """What claims a minimum, where the objective does."""
        family = self.objective.alone if isinstance(self.objective, Surface) else self.objective
        return family if isinstance(family, Family) else None

    def _alive(self) -> np.ndarray:
        before = np.arange(self.steps + 1)[:, None] < self.stopped
        return np.where(before, self.value, np.inf)
