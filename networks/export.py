"""A training as others can have it: a plain PyTorch script that reproduces one run, and the curves as CSV."""

import csv
import inspect
import io
from collections.abc import Mapping
from typing import Any

from networks import data
from networks.mlp import BENDS
from networks.train import Training, batches_of
from optimizers import RULES

SCRIPT = '''"""{title}, trained by {rule}: torch.optim alone. It prints the validation loss after {steps} steps."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn import datasets
from sklearn.model_selection import train_test_split

SEED, STEPS, BATCH_SIZE = {seed}, {steps}, {batch_size}
SIZES = {sizes}


{sources}
torch.set_num_threads(1)
data = {load}(SEED)

# The first parameters: uniform within ±1/√inputs, as torch.nn.Linear begins.
rng, row = np.random.default_rng(SEED), []
for inputs, outputs in zip(SIZES, SIZES[1:]):
    row += [rng.uniform(-(inputs**-0.5), inputs**-0.5, many) for many in (inputs * outputs, outputs)]

layers = []
for inputs, outputs in zip(SIZES, SIZES[1:]):
    layers += [torch.nn.Linear(inputs, outputs), torch.nn.{bend}()]
model = torch.nn.Sequential(*layers[:-1])
torch.nn.utils.vector_to_parameters(torch.tensor(np.concatenate(row), dtype=torch.float32), model.parameters())

optimizer = torch.optim.{optimizer}
measure = torch.nn.functional.{measure}
for batch in batches_of(len(data.x_train), STEPS, BATCH_SIZE, SEED):
    optimizer.zero_grad()
    measure(model(data.x_train[batch]), data.y_train[batch]).backward()
    optimizer.step()

with torch.no_grad():
    print(f"validation loss {{measure(model(data.x_val), data.y_val).item():.9g}}")
'''


def script(training: Training, rule: str, hypers: Mapping[str, Any], seed: int) -> str:
    """The script that makes a run of `rule` with these hyperparameters, one number each, as this training did from `seed`.

    Raises ValueError for a rule that torch.optim does not have.
    """
    twin, numbers, task = RULES[rule].twin, RULES[rule].check(hypers), training.task
    if twin is None:
        raise ValueError(f"{RULES[rule].title} is not in torch.optim, so there is no script of it")
    arguments = {"lr": numbers["lr"], **twin.arguments(numbers)}
    steps, batch_size = training.batches.shape
    return SCRIPT.format(
        title=task.title,
        rule=RULES[rule].title,
        seed=seed,
        steps=steps,
        batch_size=batch_size,
        sizes=task.model.sizes,
        sources="\n\n".join(
            inspect.getsource(part) for part in (data.Data, data.split, data.standardised, task.load, batches_of)
        ),
        load=task.load.__name__,
        bend=BENDS[task.model.activation].module.__name__,
        optimizer=f"{twin.name}(model.parameters(), {', '.join(f'{name}={value!r}' for name, value in arguments.items())})",
        measure="cross_entropy" if task.model.classes else "mse_loss",
    )


def curves(training: Training, titles: list[str]) -> str:
    """CSV: a row a record and run, with the step, the run's title and every metric."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["step", "run", *training.metrics])
    for i, step in enumerate(training.metric_steps.tolist()):
        for run, title in enumerate(titles):
            rows.writerow([step, title, *(float(values[i, run]) for values in training.metrics.values())])
    return text.getvalue()
