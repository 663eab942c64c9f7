"""How much a run makes of rounding: what becomes of it when every number is off in its last digit."""

from dataclasses import replace

import numpy as np

from networks.training.entrants import numbers_of
from networks.training.trainer import Trainer
from networks.training.training import Training

_TRIES = 3

_MOST = 4_000_000_000
"""About so many multiplications are made to find it out, which takes a second or two."""

OF_HELD = 32
"""Multiplications for a number between layers whose weights are used again and again."""


def shaken(training: Training, run: int) -> tuple[int, float]:
    """A step of a run, and how far its validation loss there is from that of runs whose parameters are off at every step.

    They are off by a unit in the last place of themselves and of lr, either way at random. The step is the last that was
    recorded up to the one whose parameters were kept, or an earlier one of a run that is long; the largest difference is
    told as a share of the run's own loss, infinite where one has diverged and the other has not.
    """
    key, numbers, seed = numbers_of(training, run)
    model, regime = training.task.model, training.regime
    held = sum(layer.held(shape) for layer, shape in zip(model.layers, model.shapes, strict=False))
    a_step = _TRIES * regime.batch_size * (model.parameters + OF_HELD * held)
    within = training.metric_steps <= min(training.kept[run], _MOST // a_step)
    record = int(np.flatnonzero(within)[-1])
    many = {name: np.full(_TRIES, value) for name, value in numbers.items()}
    trainer = Trainer(training.task, replace(regime, seeds=(seed,)), [(key, many)], training.data)
    rng, unit = np.random.default_rng(0), np.finfo(regime.dtype).eps
    with np.errstate(all="ignore"):
        for n in range(training.metric_steps[record]):
            off = rng.choice((-unit, unit), trainer.x.shape) * (np.abs(trainer.x) + numbers["lr"])
            trainer.x += off.astype(trainer.x.dtype)
            trainer.advance(n)
        found = model.evaluate(trainer.x, trainer.x_val, trainer.y_val)["loss"]
        own = float(training.metrics["val_loss"][record, run])
        moved = np.abs(found - own) / max(abs(own), np.finfo(float).tiny)
    moved = np.where(np.isfinite(found) == np.isfinite(own), np.where(np.isfinite(moved), moved, 0.0), np.inf)
    return int(training.metric_steps[record]), float(moved.max())
