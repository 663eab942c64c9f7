"""What all runs of a training have in common: its settings, its batches, and when it is evaluated."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from core import Hyper, Schedule
from core.effects import L1, L2, ClipNorm, ClipValue
from core.hyper import declared
from core.simulate import WeightDecay
from networks.data.augment import Augmentation

RECORDS = 20, 50
"""At least and at most so many evaluations on the validation set over a training, besides the one before it."""

PRECISIONS = ("float32", "float64")

Patience = Annotated[
    int,
    Hyper(1, 50, whole=True, off=0, help="A run ends after so many records without a lower validation loss."),
]


@dataclass(frozen=True)
class Regime:
    """What all runs of a training have in common beside the task; `settings` are those of REGIME, by name.

    The data are split by `data_seed`, the first of the seeds, also in a fork of a run with another.
    """

    steps: int
    batch_size: int
    seeds: tuple[int, ...]
    dtype: str
    schedule: Schedule
    settings: Mapping[str, float]
    class_weights: bool
    augmentation: Augmentation | None
    keep_best: bool = True
    data_seed: int = 0


def settings_of(
    *,
    weight_decay: WeightDecay = 0.0,
    l1: L1 = 0.0,
    l2: L2 = 0.0,
    clip_value: ClipValue = math.inf,
    clip_norm: ClipNorm = math.inf,
    patience: Patience = 0,
) -> dict[str, float]:
    """What may be set for all runs of a training, checked; ValueError for a bad one."""
    given = {"weight_decay": weight_decay, "l1": l1, "l2": l2, "clip_value": clip_value, "clip_norm": clip_norm}
    return {name: one_for_all(REGIME[name], value) for name, value in {**given, "patience": patience}.items()}


REGIME: Mapping[str, Hyper] = declared(settings_of)
"""The same, told once in that signature."""

PER_RUN = ("weight_decay", "l1", "l2", "clip_value", "clip_norm")
"""Those of them that an entrant may also have of its own, each a float or (many,)."""


def one_for_all(hyper: Hyper, value: Any) -> float:
    number = hyper.check(value)
    if np.ndim(number):
        raise ValueError(f"{hyper.name} has shape {number.shape}: allowed is one number for all runs")
    return number


def marks_of(steps: int, price: float) -> set[int]:
    """The steps after which is evaluated, what costs as much as `price` steps: a sixth of the time, as far as RECORDS allow."""
    many = min(steps, round(np.clip(steps / (5 * price), *RECORDS)))
    return set(np.linspace(0, steps, many + 1).round().astype(int).tolist())


class Stream:
    """The batches of `batches_of`, one after another, with no more than an epoch in hand."""

    def __init__(self, rows: int, batch_size: int, seed: int) -> None:
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self._epoch, self._rng, self._order = -1, np.random.default_rng(), np.empty(0, dtype=int)

    def __getitem__(self, step: int) -> np.ndarray:
        """(batch_size,) row indices of step + 1."""
        epoch, place = divmod(step, self.rows // self.batch_size)
        if epoch < self._epoch or self._epoch < 0:
            self._epoch, self._rng = -1, np.random.default_rng([self.seed, 1])
        while self._epoch < epoch:
            self._epoch, self._order = self._epoch + 1, self._rng.permutation(self.rows)
        return self._order[place * self.batch_size : (place + 1) * self.batch_size]


def batches_of(rows: int, steps: int, batch_size: int, seed: int) -> np.ndarray:
    """(steps, batch_size) row indices: the rows shuffled anew each epoch, cut into batches, the rest of an epoch left out."""
    rng = np.random.default_rng([seed, 1])
    an_epoch = rows // batch_size
    epochs = [rng.permutation(rows)[: an_epoch * batch_size] for _ in range(-(-steps // an_epoch))]
    return np.concatenate(epochs).reshape(-1, batch_size)[:steps] if steps else np.empty((0, batch_size), dtype=int)
