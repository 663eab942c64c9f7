"""Networks: runs trained as one stack, against a plain torch.optim loop that trains them one after the other.

Same start, same batches, 200 steps of batch 64 in float32, one thread each; the evaluations on the validation set that
Ravine makes on the way are part of its time, the loop makes none.

    python -m benchmarks.networks
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before numpy is loaded

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from networks import TASKS, train
from optimizers import RULES

STEPS = 200
TEN = [(rule.key, {"lr": 1e-3}) for rule in RULES.values() if rule.twin][:10]
RATES = np.geomspace(1e-4, 1e-1, 64)


def loop(training: Any, run: int, key: str, hypers: dict[str, float]) -> None:
    """One run as a user of torch writes it."""
    rule = RULES[key]
    assert rule.twin  # TEN and Adam have one
    numbers, module = rule.check(hypers), training.module(run, "start")
    optimizer = getattr(torch.optim, rule.twin.name)(module.parameters(), lr=numbers["lr"], **rule.twin.arguments(numbers))
    x, y = training.data.x_train, training.data.y_train
    for batch in torch.from_numpy(training.batches):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(x[batch]), y[batch]).backward()
        optimizer.step()


def seconds(work: Callable[[], Any], rounds: int = 3) -> float:
    """The median time of some rounds, after one to warm up."""
    times = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def compared(
    entrants: Sequence[tuple[str, dict[str, Any]]], loops: Sequence[tuple[str, dict[str, float]]]
) -> tuple[float, float]:
    """Seconds of the loops and of the stack. Of more than ten loops every eighth is timed, and multiplied."""
    task = TASKS["digits_mlp"]
    every = 8 if len(loops) > 10 else 1
    training = train(task, entrants=entrants, steps=STEPS)
    peer = seconds(lambda: [loop(training, i, *loops[i]) for i in range(0, len(loops), every)]) * every
    return peer, seconds(lambda: train(task, entrants=entrants, steps=STEPS))


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'Digits, 64-32-16-10, 200 steps':36}{'torch':>9}{'Ravine':>12}{'ratio':>9}   promised")
    rates = compared([("adam", {"lr": RATES})], [("adam", {"lr": float(lr)}) for lr in RATES])
    rows = [
        ("ten rules", compared(TEN, TEN), "at least 3× (aim 8×)"),
        ("64 learning rates of Adam", rates, "at least 7× (aim 12×)"),
    ]
    for name, (peer, ours), promise in rows:
        print(f"{name:36}{peer * 1e3:>6.0f} ms{ours * 1e3:>9.0f} ms{peer / ours:>8.1f}×   {promise}")


if __name__ == "__main__":
    main()
