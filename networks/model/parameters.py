"""Initialisations: how the first parameters of every block are drawn."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np


@dataclass(frozen=True)
class Block:
    """A named piece of a row of parameters, shaped and laid out as torch.nn does.

    `fan_in` and `fan_out` are how many inputs each output has, and how many outputs each input; `bound` is torch's own,
    and None for an embedding, which torch draws from a standard normal. What begins at a `draw` of its own does so however the
    others are drawn.
    """

    name: str
    shape: tuple[int, ...]
    fan_in: int
    fan_out: int
    bound: float | None = None
    draw: "Draw | None" = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_matrix(self) -> bool:
        """Has rows and columns (an image's kernels are the columns), unlike a bias."""
        return len(self.shape) > 1


Draw = tuple[str, float]
"""One of DRAWS, and its scale."""

DRAWS: Mapping[str, Callable[[np.random.Generator, float, int], np.ndarray]] = MappingProxyType(
    {
        "uniform": lambda rng, scale, many: rng.uniform(-scale, scale, many),
        "normal": lambda rng, scale, many: rng.normal(0, scale, many),
        "zeros": lambda rng, scale, many: np.zeros(many),
        "ones": lambda rng, scale, many: np.ones(many),
    }
)


@dataclass(frozen=True)
class Init:
    """`weights` says how a matrix is drawn; biases are zero, but for torch's own."""

    key: str
    title: str
    source: str
    weights: Callable[[Block], Draw]
    biases: Callable[[Block], Draw] = lambda block: ("zeros", 0.0)

    def __call__(self, block: Block) -> Draw:
        return block.draw or (self.weights(block) if block.is_matrix else self.biases(block))


def _as_torch(block: Block) -> Draw:
    return ("normal", 1.0) if block.bound is None else ("uniform", block.bound)


_EVERY = (
    Init("torch", "As torch.nn", "uniform within ±1/√inputs, biases too: the default of torch.nn.Linear", _as_torch, _as_torch),
    Init("uniform", "Uniform ±0.05", "the default of early Keras", lambda block: ("uniform", 0.05)),
    Init("normal", "Normal, σ 0.05", "normal with one deviation for all layers", lambda block: ("normal", 0.05)),
    Init(
        "xavier",
        "Xavier",
        "Glorot & Bengio, AISTATS 2010, eq. 16: variance 2/(inputs + outputs)",
        lambda block: ("uniform", math.sqrt(6 / (block.fan_in + block.fan_out))),
    ),
    Init(
        "he",
        "He",
        "He et al., arXiv:1502.01852, eq. 10: variance 2/inputs",
        lambda block: ("normal", math.sqrt(2 / block.fan_in)),
    ),
    Init("zeros", "Zeros", "all units of a layer stay equal, or never move", lambda block: ("zeros", 0.0)),
)
INITS: Mapping[str, Init] = MappingProxyType({init.key: init for init in _EVERY})
