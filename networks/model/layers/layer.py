"""What a layer is, forward and backward by hand in numpy for a whole stack of runs at once, beside its torch module.

What goes through a layer is (runs, *shape, rows), or (1, *shape, rows) where it is the same for all runs. The rows come
last because numpy is fastest along them, or across them. A layer's weights are (runs, *shape) each.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from torch import nn

from networks.model.parameters import Block

Shape = tuple[int, ...]


Weights = Sequence[np.ndarray]


class StepRng:
    """Whatever is drawn during one step: from each run's seed and the step alone, so it is the same for all rules."""

    def __init__(self, seeds: np.ndarray, step: int, before: int = 0, after: int = 0) -> None:
        self.seeds, self.step, self.before, self.after = seeds, step, before, after

    def __getitem__(self, runs: slice) -> "StepRng":
        """The same for some of the runs, from the beginning."""
        return StepRng(self.seeds[runs], self.step, self.before, self.after)

    def of_rows(self, piece: slice, rows: int) -> "StepRng":
        """The same for a piece of so many rows, from the beginning: what the others draw is passed over."""
        return StepRng(self.seeds, self.step, piece.start, rows - piece.stop)

    @cached_property
    def _streams(self) -> dict[int, tuple[np.random.PCG64, np.random.Generator]]:
        sources = {seed: np.random.PCG64([seed, 2, self.step]) for seed in np.unique(self.seeds).tolist()}
        return {seed: (source, np.random.Generator(source)) for seed, source in sources.items()}

    def uniform(self, shape: Shape, rows: int) -> np.ndarray:
        """(runs or 1, *shape, rows), drawn row by row."""
        drawn = {}
        for seed, (source, stream) in self._streams.items():
            source.advance(self.before * math.prod(shape))
            drawn[seed] = np.moveaxis(stream.random((rows, *shape)), 0, -1)
            source.advance(self.after * math.prod(shape))
        return np.stack([drawn[seed] for seed in (self.seeds.tolist() if len(drawn) > 1 else drawn)])


class Layer(Protocol):
    """`held` is about how many numbers it makes of a row, `work` how many products; `forward` gives what leaves, and what
    `backward` will need.

    `backward` writes the weights' gradients `into` arrays shaped like them, and gives the derivative by what entered, or
    None where it is not `wanted`. A layer that keeps a running state has its `states` after its weights; `backward` writes what
    they become.
    """

    def blocks(self, shape: Shape) -> list[Block]: ...
    def states(self, shape: Shape) -> list[Block]: ...
    def held(self, shape: Shape) -> int: ...
    def work(self, shape: Shape) -> int: ...
    def shaped(self, shape: Shape) -> Shape: ...
    def forward(self, weights: Weights, x: np.ndarray, rng: StepRng | None) -> tuple[np.ndarray, Any]: ...
    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None: ...
    def module(self, shape: Shape) -> nn.Module: ...


class Stateless:
    """What a layer without a running state leaves out."""

    def states(self, shape: Shape) -> list[Block]:
        return []


class Bare(Stateless):
    """What a layer without weights leaves out."""

    def blocks(self, shape: Shape) -> list[Block]:
        return []

    def held(self, shape: Shape) -> int:
        return math.prod(shape)

    def work(self, shape: Shape) -> int:
        return 0

    def shaped(self, shape: Shape) -> Shape:
        return shape
