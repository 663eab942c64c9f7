"""What a training will take of memory and time, told before it begins; the factors are measured on trainings of every kind."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from networks.data.prepare import Data
from networks.model.network import BUDGET, PIECE, ROWS, Network
from networks.tasks import NetworkTask
from networks.training.regime import marks_of
from networks.training.trainer import KEPT
from optimizers import ENTRANTS

BASE = 30_000_000
"""Bytes that any training takes beside what depends on its size."""

OF_STATE, OF_SLOTS = 5.5, 1.5
"""How many times the parameters of all runs are held, and how many times each slot of theirs."""

OF_ONE, OF_ITS_SLOTS = 4.0, 3.0
"""The same for the run whose rule is at work."""

OF_LAYERS = 1.8
"""How many times the numbers between the layers are held, on the way there and back."""

ROOM = 400_000_000
"""Bytes that a stack of a sweep may take; one run a seed may take more."""

A_SWEEP = 1_000_000
"""Bytes, at most, that are kept of a sweep."""

THREADS = 2
"""Stacks that are worked on at once."""

A_PRODUCT, A_NUMBER, AN_UPDATE, A_CALL = 1.2e-10, 3e-9, 2e-9, 1.5e-4
"""Seconds of a product, of a number between the layers, of a parameter's update for each slot, and of a rule's step."""


@dataclass(frozen=True)
class Cost:
    """`bytes` at the height of the work, of which `kept` stay with what it came to; `seconds` it takes alone."""

    bytes: float
    kept: float
    seconds: float


def cost_of(
    task: NetworkTask,
    entrants: Sequence[tuple[str, Any]],
    *,
    steps: int,
    batch_size: int,
    seed: Sequence[int],
    dtype: str = "float32",
    begun: int = 0,
    **_: Any,
) -> Cost:
    """Of a training, by the arguments of `train`; each entrant is one run a seed. `begun`: of a fork from that step on."""
    data, model, size = task.load(seed[0]), task.model, np.dtype(dtype).itemsize
    slots = [len(ENTRANTS[key].rule.slots) for key, _ in entrants]
    seeds, runs, rows, held = len(seed), len(entrants) * len(seed), batch_size, len(data.x_val)
    records = len(marks_of(steps, held / (3 * rows)))
    one = model.size * size
    state = (runs + seeds * sum(slots)) * one  # parameters and slots of all runs
    states = (OF_STATE * runs + OF_SLOTS * seeds * sum(slots)) * one + (OF_ONE + OF_ITS_SLOTS * max(slots)) * one
    kept = min(records * state, max(KEPT, state))
    curves = 16 * runs * (steps - begun)
    evaluated = int(np.clip(BUDGET // (model.width * size), *ROWS))
    layers = max(_between(model, runs, rows, size), _between(model, runs, min(evaluated, held), size))
    batch = 3 * seeds * rows * data.x_train.shape[1] * size + 5 * runs * model.shapes[-1][0] * held * size
    seen = 3 * rows * (steps - begun) + held * records
    seconds = runs * seen * (model.work * A_PRODUCT + model.width * A_NUMBER)
    seconds += (steps - begun) * ((runs + seeds * sum(slots)) * model.parameters * AN_UPDATE + len(entrants) * A_CALL)
    lasting = state + runs * one + curves + min(records * state, KEPT)
    return Cost(BASE + states + kept + 2 * curves + layers + batch + 4 * _size(data) + lasting, lasting, seconds)


def fork_cost(task: NetworkTask, parents: Sequence[tuple[str, Any]], *, step: int, key: str, **regime: Any) -> Cost:
    """Of a fork by a rule after a step: the parent is trained anew up to there, at the worst."""
    parent = cost_of(task, parents, **{**regime, "steps": max(step, 1)})
    child = cost_of(task, [(key, {})], **{**regime, "seed": regime["seed"][:1]}, begun=step)
    return Cost(parent.bytes + child.bytes, child.kept, parent.seconds + child.seconds)


def sweep_cost(task: NetworkTask, entrants: Sequence[tuple[str, Any]], axes: Mapping[str, Any], **regime: Any) -> Cost:
    """Of a sweep, by the arguments of `networks.training.sweep.sweep`; of its trainings next to nothing is kept."""
    each = [cost_of(task, [entrant], **regime) for entrant in entrants]
    cells = math.prod(len(values) for values in axes.values())
    largest = max(ROOM, *(cost.bytes for cost in each))
    return Cost(largest, A_SWEEP, cells * sum(cost.seconds for cost in each))


def _between(model: Network, runs: int, rows: int, size: int) -> float:
    """Bytes between the layers of those runs and rows that are worked on at once."""
    of_run = max(model.width * rows * size, 1)
    at_once = min(max(BUDGET // of_run, 1), runs)
    inputs = int(np.prod(model.shape)) * rows * size
    threads = min(THREADS, -(-runs // at_once))
    return (
        threads * at_once * (OF_LAYERS * (of_run if model.states else min(of_run, max(PIECE, model.width * size))) + 2 * inputs)
    )


def _size(data: Data) -> int:
    parts = (data.x_train, data.x_val, data.x_test)
    return sum(part.numel() * part.element_size() for part in parts)
