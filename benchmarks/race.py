"""The race: ten rules × 500 steps on Rosenbrock, a plain torch.optim loop against Ravine's `simulate`.

Both keep every position and loss, in float64, on one thread, from the same start with the same hyperparameters. With 100
starts at once Ravine makes one call a rule; the torch loop, whose cost does not depend on where it starts, is timed once a
round and multiplied by 100.

    python -m benchmarks.race
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.floor import held, status
from core import Rule, Surface, simulate
from optimizers import RULES
from surfaces import SURFACES

STEPS = 500
STARTS = np.random.default_rng(0).uniform(-1.5, 1.5, (100, 2))
RATES = {
    "sgd": 1e-3,
    "momentum": 1e-4,
    "nesterov": 1e-4,
    "adagrad": 1e-1,
    "rmsprop": 1e-3,
    "adadelta": 1.0,
    "adam": 1e-2,
    "adamax": 1e-2,
    "amsgrad": 1e-2,
    "nadam": 1e-2,
}
"""The ten rules, each with a twin in torch.optim, and learning rates at which none diverges from any of the starts."""


@dataclass(frozen=True)
class Row:
    """One measured promise: seconds for the peer and for Ravine, and how many times faster Ravine must be."""

    name: str
    torch: float
    ravine: float
    target: float
    floor: float

    @property
    def ratio(self) -> float:
        return self.torch / self.ravine


def torch_loop(rule: Rule, surface: Surface, lr: float) -> tuple[np.ndarray, np.ndarray]:
    """What a user of torch writes: (steps+1, 2) positions and (steps+1,) losses."""
    assert rule.twin is not None
    a, b = surface.parameters
    hypers = rule.check({"lr": lr})
    x = torch.tensor(surface.start, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, rule.twin.name)([x], lr=lr, **rule.twin.arguments(hypers))

    def loss_at(x: torch.Tensor) -> torch.Tensor:
        return (a - x[0]) ** 2 + b * (x[1] - x[0] ** 2) ** 2

    positions, losses = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_at(x)
        loss.backward()
        positions.append(x.detach().numpy().copy())
        losses.append(loss.item())
        optimizer.step()
    positions.append(x.detach().numpy().copy())
    losses.append(loss_at(x).item())
    return np.array(positions), np.array(losses)


def race(rounds: int = 7) -> list[Row]:
    """The median of several rounds, torch and Ravine taking turns in each."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    surface = SURFACES["rosenbrock"]
    entrants = [(RULES[key], lr) for key, lr in RATES.items()]

    def by_torch() -> None:
        for rule, lr in entrants:
            torch_loop(rule, surface, lr)

    def by_ravine(start: object) -> None:
        for rule, lr in entrants:
            simulate(rule, surface, start=start, hypers={"lr": lr}, steps=STEPS)

    contests = [by_torch, lambda: by_ravine(surface.start), lambda: by_ravine(STARTS)]
    try:
        times = [[_seconds(contest) for contest in contests] for _ in range(rounds + 1)][1:]  # the first one warms up
    finally:
        torch.set_num_threads(threads)
    peer, solo, batch = (statistics.median(column) for column in zip(*times, strict=True))
    return [
        Row(f"{len(entrants)} rules × {STEPS} steps", peer, solo, target=20, floor=12),
        Row(f"… from {len(STARTS)} starts at once", peer * len(STARTS), batch, target=800, floor=400),
    ]


def _seconds(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    print(f"{'':32}{'torch.optim':>14}{'Ravine':>12}{'ratio':>9}{'target':>9}{'floor':>8}")
    for row in race():
        print(
            f"{row.name:32}{row.torch * 1e3:>11.0f} ms{row.ravine * 1e3:>9.1f} ms"
            f"{row.ratio:>8.1f}×{row.target:>8.0f}×{row.floor:>7.0f}×"
        )
        held(row.name, row.ratio, row.floor)


if __name__ == "__main__":
    main()
    sys.exit(status())
