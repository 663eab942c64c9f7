"""Networks: runs trained as one stack, against a plain torch.optim loop that trains them one after the other.

Same start, same batches of 64, float32, as many threads for both; the evaluations on the validation set that Ravine makes
on the way are part of its time, the loop makes none. Of 64 learning rates the loop trains every sixteenth, and its time is
multiplied. Last, what a stack of 256 runs takes of memory, and the seconds of the largest task.

    python -m benchmarks.networks
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is loaded; torch is told below

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from benchmarks.floor import held, status
from networks import TASKS, NetworkTask, train
from networks.model import network
from optimizers import RULES

Entrants = Sequence[tuple[str, dict[str, Any]]]

TEN = [(rule.key, {"lr": 1e-3}) for rule in RULES.values() if rule.twin][:10]
RATES = [float(rate) for rate in np.geomspace(1e-4, 1e-1, 64)]
STACK = [("adam", {"lr": np.array(RATES)})]
ONE_BY_ONE = [("adam", {"lr": rate}) for rate in RATES]
FLOORS = {"digits_cnn": 4, "digits_lstm": 2, "digits_gru": 2, "sentiment_lstm": 2}


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


def seconds(*works: Callable[[], Any], rounds: int = 3) -> list[float]:
    """The median times of some rounds, in each of which all take turns, after one to warm up."""
    times = []
    for _ in range(rounds + 1):
        marks = [time.perf_counter()]
        for work in works:
            work()
            marks.append(time.perf_counter())
        times.append(np.diff(marks))
    return np.median(times[1:], axis=0).tolist()


def threads(many: int) -> None:
    """So many for torch, and so many for the stack."""
    torch.set_num_threads(many)
    network._POOL = ThreadPoolExecutor(many)


def compared(task: NetworkTask, entrants: Entrants, loops: Entrants, steps: int) -> tuple[float, float]:
    """Seconds of the loops and of the stack."""
    every = 16 if len(loops) > 10 else 1
    training = train(task, entrants=entrants, steps=steps)
    peer, ours = seconds(
        lambda: [loop(training, i, *loops[i]) for i in range(0, len(loops), every)],
        lambda: train(task, entrants=entrants, steps=steps),
    )
    return peer * every, ours


def told(name: str, times: tuple[float, float], promise: str, floor: float) -> None:
    peer, ours = times
    held(name, peer / ours, floor)
    print(f"{name:44}{peer * 1e3:>7.0f} ms{ours * 1e3:>9.0f} ms{peer / ours:>8.1f}×   {promise}".rstrip(), flush=True)


def peak(key: str, steps: int) -> float:
    """Megabytes that a training of 256 runs takes at its height, above what imports and data take; in a process of its own."""

    def height() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    task = TASKS[key]
    task.load(0)
    before = height()
    train(task, entrants=[("adam", {"lr": np.geomspace(1e-4, 1e-1, 256)})], steps=steps)
    return (height() - before) / 1024


def main() -> None:
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as fresh:  # first: a child begins at our height
        heights = {key: fresh.apply(peak, (key, steps)) for key, steps in (("digits_mlp", 200), ("digits_cnn", 20))}
    print(f"{'':44}{'torch':>10}{'Ravine':>12}{'ratio':>9}   promised")
    threads(1)
    digits = TASKS["digits_mlp"]
    told("digits_mlp, 200 steps, ten rules", compared(digits, TEN, TEN, 200), "at least 3× (aim 8×)", 3)
    told("digits_mlp, 200 steps, 64 learning rates", compared(digits, STACK, ONE_BY_ONE, 200), "at least 7× (aim 12×)", 7)
    for key, floor in FLOORS.items():
        for many, said in ((1, "one thread"), (2, "two threads")):
            threads(many)
            told(
                f"{key}, 200 steps, 64 rates, {said}", compared(TASKS[key], STACK, ONE_BY_ONE, 200), f"at least {floor}×", floor
            )
    begin = time.perf_counter()
    train(TASKS["mnist_cnn"], entrants=TEN[:6], steps=275)
    print(f"\nmnist_cnn, 275 steps, six rules, two threads: {time.perf_counter() - begin:.1f} s")
    for key, megabytes in heights.items():
        print(f"{key}, 256 learning rates: {megabytes:.0f} MB at its height, above imports and data")


if __name__ == "__main__":
    main()
    sys.exit(status())
