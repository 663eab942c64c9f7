"""The rows that are looked at, and the network, trained as far as it is."""

from dataclasses import replace
from functools import partial

import numpy as np

from experiments.backprop.spec import FLAT_TASKS, Look
from experiments.host import kept
from experiments.job import at_once
from networks import NetworkTask, train
from networks.analysis.backprop import Chain, by_difference, chained, weight_place
from networks.data.prepare import Data
from networks.model.architectures import MLP
from networks.training.cost import cost_of

NUDGE = 1e-5
"""By so much a weight is nudged to measure its gradient."""

_BATCH = 64
"""Rows of a minibatch, in the training before."""


def rows_of(look: Look) -> tuple[Data, np.ndarray, list[str]]:
    """The data, which rows of its training set are looked at, (rows,), from the first on and round again; and complaints."""
    data = _loaded(replace(FLAT_TASKS[look.task], kind=MLP()), int(look["seed"]))
    many, first = len(data.y_train), int(look["row"])
    wrong = []
    if first >= many:
        wrong = [f"row = {first} is not allowed: it must be from 0 to {many - 1}, the training set; {many - 1} is shown."]
    return data, (min(first, many - 1) + np.arange(min(int(look["rows"]), many))) % many, wrong


def trained(look: Look) -> tuple[np.ndarray, int]:
    """The network's parameters (P,) float64, and after how many steps: fewer than wanted where the next one diverges."""
    return _trained(look.network_task, look.rule, look[f"{look.rule}.lr"], int(look["steps"]), int(look["seed"]))


@kept
def _loaded(task: NetworkTask, seed: int) -> Data:
    return task.load(seed)


@kept
def _trained(task: NetworkTask, rule: str, lr: float, steps: int, seed: int) -> tuple[np.ndarray, int]:
    if not steps:
        return task.model.initial(seed), 0
    batch = min(_BATCH, len(_loaded(replace(task, kind=MLP()), seed).y_train))
    regime = {"steps": steps, "batch_size": batch, "seed": (seed,), "dtype": "float64"}
    entrants = [(rule, {"lr": lr})]
    training = at_once(partial(train, task, entrants=entrants, **regime), cost_of(task, entrants, **regime), (task,))
    last = int(training.stopped[0]) - 1
    return (training.x[0], steps) if last >= steps else _trained(task, rule, lr, last, seed)


def chain_of(look: Look) -> tuple[Chain, int, float]:
    """All numbers of the network on the rows, after how many steps of training, and the weight's gradient as it is measured."""
    data, rows, _ = rows_of(look)
    model, (parameters, taken) = look.network_task.model, trained(look)
    x, y = data.x_train.numpy()[rows], data.y_train.numpy()[rows]
    with np.errstate(all="ignore"):
        chain = chained(model, parameters, x, y)
        slope = by_difference(model, parameters, x, y, weight_place(model, *look.weight), NUDGE)
    return chain, taken, slope
