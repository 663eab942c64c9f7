"""Maps: 256×256 learning rates × momenta, 300 steps on Rosenbrock, against whole-grid numpy written out by hand.

Both find for every cell the final loss, the best loss and the step of divergence, in float64, on one thread; the peer is
what a user of numpy writes who keeps no trajectories either. The same sweep also runs by Ravine's own numpy engine, and by
machine code on two threads.

    python -m benchmarks.sweep
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.floor import held, status
from core import DIVERGENCE_BOUND, sweep
from core.engine import reduced
from optimizers import RULES
from surfaces import SURFACES

STEPS = 300
LRS = np.geomspace(1e-4, 1.0, 256)
MEMORIES = 1 - np.geomspace(1e-3, 1.0, 256)


@dataclass(frozen=True)
class Row:
    """One measured promise: seconds for the peer and for Ravine, and how many times faster Ravine must be."""

    name: str
    peer: float
    ravine: float
    promise: str
    floor: float = 0.0

    @property
    def ratio(self) -> float:
        return self.peer / self.ravine


def slope(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return -2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)


def adam(grid: Mapping[str, np.ndarray], t: int, g: np.ndarray, m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
    beta1 = grid["beta1"]
    m = beta1 * m + (1 - beta1) * g
    v = 0.999 * v + (1 - 0.999) * g * g
    return (m / (1 - beta1**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v


def momentum(grid: Mapping[str, np.ndarray], t: int, g: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
    v = grid["mu"] * v + g
    return v, v


def by_hand(update: Callable[..., Any], slots: int, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Final loss, best loss and step of divergence, (256, 256) each."""
    lr, memory = np.meshgrid(LRS, MEMORIES, indexing="ij")
    grid = {name: memory}
    x, y = np.full(lr.shape, -1.2), np.full(lr.shape, 1.0)
    of_x, of_y = ([np.zeros(lr.shape) for _ in range(slots)] for _ in range(2))
    value = (1 - x) ** 2 + 100 * (y - x * x) ** 2
    best, stopped, alive = value, np.full(lr.shape, STEPS + 1), np.ones(lr.shape, dtype=bool)
    with np.errstate(all="ignore"):
        for t in range(1, STEPS + 1):
            gx, gy = slope(x, y)
            dx, *of_x = update(grid, t, gx, *of_x)
            dy, *of_y = update(grid, t, gy, *of_y)
            x, y = x - lr * dx, y - lr * dy
            value = (1 - x) ** 2 + 100 * (y - x * x) ** 2
            fine = (np.abs(value) <= DIVERGENCE_BOUND) & (np.abs(x) <= DIVERGENCE_BOUND) & (np.abs(y) <= DIVERGENCE_BOUND)
            stopped = np.where(alive & ~fine, t, stopped)
            alive &= fine
            best = np.where(alive, np.minimum(best, value), best)
    return np.where(alive, value, np.inf), best, stopped


def by_numpy(work: Callable[[], Any]) -> Any:
    """Some work without machine code."""
    with patch.object(reduced, "leg_of", lambda course: None):
        return work()


def maps(rounds: int = 5) -> list[Row]:
    """The medians of several rounds, everybody taking turns in each."""
    surface = SURFACES["rosenbrock"]

    def whole(key: str, name: str, every: int = 1, processes: int = 1) -> Any:
        axes = {"lr": LRS[::every], name: MEMORIES[::every]}
        return sweep(RULES[key], surface, axes=axes, start=(-1.2, 1.0), steps=STEPS, processes=processes)

    contests: dict[str, Callable[[], Any]] = {
        "adam by hand": lambda: by_hand(adam, 2, "beta1"),
        "adam": lambda: whole("adam", "beta1"),
        "adam by numpy": lambda: by_numpy(lambda: whole("adam", "beta1")),
        "adam by two": lambda: whole("adam", "beta1", processes=2),
        "momentum by hand": lambda: by_hand(momentum, 1, "mu"),
        "momentum": lambda: whole("momentum", "mu"),
        "momentum by numpy": lambda: by_numpy(lambda: whole("momentum", "mu")),
        "preview": lambda: whole("adam", "beta1", every=4),
    }
    times: dict[str, list[float]] = {name: [] for name in contests}
    for _ in range(rounds + 1):
        for name, contest in contests.items():
            begin = time.perf_counter()
            contest()
            times[name].append(time.perf_counter() - begin)
    took = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}  # the first round warms up
    return [
        Row("Adam, lr × β₁, 256×256", took["adam by hand"], took["adam"], "at least 3×", floor=3),
        Row("Momentum, lr × μ, 256×256", took["momentum by hand"], took["momentum"], "at least 5×", floor=5),
        Row("Adam, against Ravine’s numpy engine", took["adam by numpy"], took["adam"], "at least 3× (aim 5×)", floor=3),
        Row("Momentum, likewise", took["momentum by numpy"], took["momentum"], "at least 6×", floor=6),
        Row("Adam on two threads, against one", took["adam"], took["adam by two"], "at least 1.7×"),
        Row("Adam, preview 64×64, against whole", took["adam"], took["preview"], "at most 60 ms"),
    ]


TEN = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamax", "nadam", "amsgrad")


def tuning(rounds: int = 5) -> float:
    """Median seconds for ten rules to try 64 learning rates each over 500 steps."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for key in TEN:
            sweep(RULES[key], SURFACES["rosenbrock"], axes={"lr": np.geomspace(1e-5, 10, 64)}, steps=500)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def cancelling(rounds: int = 5) -> float:
    """Median seconds from the wish to stop a map of 5000 steps to its end, the wish coming at any moment."""
    times = []
    for i in range(rounds):
        wish = time.perf_counter() + 0.2 + 0.037 * i
        axes = {"lr": LRS, "beta1": MEMORIES}
        arguments = {"start": (-1.2, 1.0), "steps": 5000, "should_stop": lambda wish=wish: time.perf_counter() > wish}
        found = sweep(RULES["adam"], SURFACES["rosenbrock"], axes=axes, **arguments)
        times.append(time.perf_counter() - wish)
        assert not found.complete
    return statistics.median(times)


def main() -> None:
    print(f"{'':36}{'peer':>9}{'Ravine':>12}{'ratio':>9}   promised")
    for row in maps():
        print(f"{row.name:36}{row.peer * 1e3:>6.0f} ms{row.ravine * 1e3:>9.0f} ms{row.ratio:>8.2f}×   {row.promise}")
        held(row.name, row.ratio, row.floor)
    print(f"{'Tuning ten rules, 64 rates, 500 steps':45}{tuning() * 1e3:>12.0f} ms{'':12}instant")
    print(f"{'A map of 5000 steps, from wish to end':45}{cancelling() * 1e3:>12.0f} ms{'':12}at most 200 ms")


if __name__ == "__main__":
    main()
    sys.exit(status())
