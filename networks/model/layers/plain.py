"""Layers, forward and backward by hand in numpy, for a whole stack of runs at once, each beside its torch module.

What goes through a layer is (runs, *shape, rows), or (1, *shape, rows) where it is the same for all runs. The rows come
last because numpy is fastest along them, or across them. A layer's weights are (runs, *shape) each.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from networks.model.parameters import Block

Shape = tuple[int, ...]
Weights = Sequence[np.ndarray]


class Luck:
    """Whatever is drawn during one step: from each run's seed and the step alone, so it is the same for all rules."""

    def __init__(self, seeds: np.ndarray, step: int, before: int = 0, after: int = 0) -> None:
        self.seeds, self.step, self.before, self.after = seeds, step, before, after

    def __getitem__(self, runs: slice) -> "Luck":
        """The same for some of the runs, from the beginning."""
        return Luck(self.seeds[runs], self.step, self.before, self.after)

    def of_rows(self, piece: slice, rows: int) -> "Luck":
        """The same for a piece of so many rows, from the beginning: what the others draw is passed over."""
        return Luck(self.seeds, self.step, piece.start, rows - piece.stop)

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
    None where it is not `wanted`.
    """

    def blocks(self, shape: Shape) -> list[Block]: ...
    def held(self, shape: Shape) -> int: ...
    def work(self, shape: Shape) -> int: ...
    def shaped(self, shape: Shape) -> Shape: ...
    def forward(self, weights: Weights, x: np.ndarray, luck: Luck | None) -> tuple[np.ndarray, Any]: ...
    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None: ...
    def module(self, shape: Shape) -> nn.Module: ...


@dataclass(frozen=True)
class Linear:
    """σ comes after: z = W x + b."""

    outputs: int

    def blocks(self, shape: Shape) -> list[Block]:
        (inputs,) = shape
        bound = 1 / math.sqrt(inputs)
        weight = Block("weight", (self.outputs, inputs), inputs, self.outputs, bound)
        return [weight, Block("bias", (self.outputs,), inputs, self.outputs, bound)]

    def held(self, shape: Shape) -> int:
        return self.outputs

    def work(self, shape: Shape) -> int:
        return shape[0] * self.outputs

    def shaped(self, shape: Shape) -> Shape:
        return (self.outputs,)

    def forward(self, weights: Weights, x: np.ndarray, luck: Luck | None) -> tuple[np.ndarray, Any]:
        z = np.matmul(weights[0], x)
        z += weights[1][:, :, None]
        return z, x

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        np.matmul(delta, kept.swapaxes(-1, -2), out=into[0])
        delta.sum(axis=-1, out=into[1])
        return np.matmul(weights[0].swapaxes(1, 2), delta) if wanted else None

    def module(self, shape: Shape) -> nn.Module:
        return nn.Linear(shape[0], self.outputs)


@dataclass(frozen=True)
class Convolution:
    """Kernels of 3×3 over an image bordered with zeros, so that it keeps its size."""

    channels: int

    def blocks(self, shape: Shape) -> list[Block]:
        inputs, outputs = 9 * shape[0], 9 * self.channels
        bound = 1 / math.sqrt(inputs)
        weight = Block("weight", (self.channels, shape[0], 3, 3), inputs, outputs, bound)
        return [weight, Block("bias", (self.channels,), inputs, outputs, bound)]

    def held(self, shape: Shape) -> int:
        return (9 * shape[0] + self.channels) * shape[1] * shape[2]

    def work(self, shape: Shape) -> int:
        return 9 * self.channels * math.prod(shape)

    def shaped(self, shape: Shape) -> Shape:
        return (self.channels, *shape[1:])

    def forward(self, weights: Weights, x: np.ndarray, luck: Luck | None) -> tuple[np.ndarray, Any]:
        runs, channels, high, wide, rows = x.shape
        seen = np.empty((runs, 9 * channels + 1, high * wide * rows), dtype=x.dtype)
        _patches(x, seen[:, :-1])
        seen[:, -1] = 1  # what the biases are multiplied with
        kernels = np.concatenate([weights[0].reshape(-1, self.channels, 9 * channels), weights[1][:, :, None]], axis=2)
        return _multiplied(kernels, seen).reshape(-1, self.channels, high, wide, rows), (seen, x.shape)

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        seen, (_, channels, high, wide, rows) = kept
        runs = len(delta)
        delta = delta.reshape(runs, self.channels, -1)
        of_kernels = _summed(delta, seen)
        into[0][:] = of_kernels[:, :, :-1].reshape(into[0].shape)
        into[1][:] = of_kernels[:, :, -1]
        if not wanted:
            return None
        kernels = weights[0].reshape(runs, self.channels, 9 * channels)
        felt = _multiplied(kernels.swapaxes(1, 2), delta).reshape(runs, channels, 3, 3, high, wide, rows)
        found = felt[:, :, 1, 1].copy()
        for (i, j), (here, there) in _NEIGHBOURS.items():
            if (i, j) != (1, 1):
                found[:, :, *there] += felt[:, :, i, j, *here]
        return found

    def module(self, shape: Shape) -> nn.Module:
        return nn.Conv2d(shape[0], self.channels, 3, padding=1)


_PARTS = (slice(1, None), slice(None), slice(None, -1))
_NEIGHBOURS = {(i, j): ((_PARTS[i], _PARTS[j]), (_PARTS[2 - i], _PARTS[2 - j])) for i in range(3) for j in range(3)}
"""For the place in a 3×3 patch: which pixels have a neighbour there within the image, and which pixels those are."""


def _patches(x: np.ndarray, into: np.ndarray) -> None:
    """The 3×3 neighbours of every pixel of (runs, channels, height, width, rows), zero outside the image.

    `into` is (runs, 9·channels, height·width·rows).
    """
    runs, channels, high, wide, rows = x.shape
    found = into.reshape(runs, channels, 3, 3, high, wide, rows)
    for (i, j), (here, there) in _NEIGHBOURS.items():
        part = found[:, :, i, j]
        part[:, :, *here] = x[:, :, *there]
        if i != 1:
            part[:, :, 0 if i == 0 else -1] = 0
        if j != 1:
            part[:, :, :, 0 if j == 0 else -1] = 0


_SMALL, _FEW = 1_000_000, 128
"""BLAS multiplies as they are, in half the time, matrices whose sizes multiply to less; fewer columns are not worth a call."""


def _blocks(columns: int, others: int) -> list[slice]:
    """Columns in blocks of one size that are small with the other sizes, or all of them where the blocks would be narrow."""
    many = _SMALL // others
    if not _FEW <= many < columns:
        return [slice(0, columns)]
    wide = -(-columns // -(-columns // many))
    return [slice(at, at + wide) for at in range(0, columns, wide)]


def _multiplied(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left (runs, m, k) times right (runs or 1, k, n)."""
    product = np.empty((*left.shape[:2], right.shape[2]), dtype=left.dtype)
    for block in _blocks(right.shape[2], left.shape[1] * left.shape[2]):
        np.matmul(left, right[:, :, block], out=product[:, :, block])
    return product


def _summed(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left (runs, m, n) times right (runs or 1, k, n) turned over, summed over n."""
    first, *others = _blocks(left.shape[2], left.shape[1] * right.shape[1])
    product = np.matmul(left[:, :, first], right[:, :, first].swapaxes(1, 2))
    for block in others:
        product += np.matmul(left[:, :, block], right[:, :, block].swapaxes(1, 2))
    return product


class Bare:
    """What a layer without weights leaves out."""

    def blocks(self, shape: Shape) -> list[Block]:
        return []

    def held(self, shape: Shape) -> int:
        return math.prod(shape)

    def work(self, shape: Shape) -> int:
        return 0

    def shaped(self, shape: Shape) -> Shape:
        return shape


@dataclass(frozen=True)
class Pool(Bare):
    """The largest of every 2×2 pixels; of equals the first. A last odd row or column is left out."""

    def shaped(self, shape: Shape) -> Shape:
        return shape[0], shape[1] // 2, shape[2] // 2

    def forward(self, weights: Weights, x: np.ndarray, luck: Luck | None) -> tuple[np.ndarray, Any]:
        shape, x = x.shape, x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
        a, b = x[:, :, 0::2, 0::2], x[:, :, 0::2, 1::2]
        c, d = x[:, :, 1::2, 0::2], x[:, :, 1::2, 1::2]
        above, below = np.maximum(a, b), np.maximum(c, d)
        return np.maximum(above, below), (b > a, d > c, below > above, shape)

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        right_above, right_below, lower, shape = kept
        spread = (np.zeros if shape[2] % 2 or shape[3] % 2 else np.empty)((len(delta), *shape[1:]), dtype=delta.dtype)
        below = delta * lower
        above = delta - below
        high, wide = shape[2] // 2 * 2, shape[3] // 2 * 2
        for row, part, right in ((0, above, right_above), (1, below, right_below)):
            to_right = part * right
            spread[:, :, row:high:2, 1:wide:2] = to_right
            np.subtract(part, to_right, out=spread[:, :, row:high:2, 0:wide:2])
        return spread

    def module(self, shape: Shape) -> nn.Module:
        return nn.MaxPool2d(2)


@dataclass(frozen=True)
class Flatten(Bare):
    """All numbers of a row in one line."""

    def shaped(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def forward(self, weights: Weights, x: np.ndarray, luck: Luck | None) -> tuple[np.ndarray, Any]:
        return x.reshape(len(x), -1, x.shape[-1]), x.shape[1:]

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        return delta.reshape(len(delta), *kept)

    def module(self, shape: Shape) -> nn.Module:
        return nn.Flatten()


@dataclass(frozen=True)
class Bend:
    """An activation: its value at z, its derivative given z and that value, and the torch module it equals."""

    title: str
    value: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray] = field(repr=False)
    module: Callable[[], nn.Module] = field(repr=False)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """σ(z), with all its digits also where it is next to nothing: ½ + ½ tanh(z/2) would round those away."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def _normal_share(z: np.ndarray) -> np.ndarray:
    """Φ(z), by torch: numpy has no error function."""
    return torch.special.ndtr(torch.from_numpy(z)).numpy()


BENDS: Mapping[str, Bend] = MappingProxyType(
    {
        "relu": Bend("ReLU", lambda z: np.maximum(z, 0), lambda z, a: a > 0, nn.ReLU),
        "tanh": Bend("tanh", np.tanh, lambda z, a: (1 - a) * (1 + a), nn.Tanh),
        "sigmoid": Bend("Sigmoid", sigmoid, lambda z, a: a * (1 - a), nn.Sigmoid),
        "gelu": Bend(
            "GELU",
            lambda z: z * _normal_share(z),
            lambda z, a: _normal_share(z) + z * np.exp(-0.5 * z * z) * (1 / math.sqrt(2 * math.pi)),
            nn.GELU,
        ),
        "leaky_relu": Bend(
            "Leaky ReLU",
            lambda z: np.maximum(z, 0.01 * z),
            lambda z, a: np.where(z > 0, z.dtype.type(1), z.dtype.type(0.01)),
            nn.LeakyReLU,
        ),
    }
)


@dataclass(frozen=True)
class Activation(Bare):
    """One of BENDS."""

    key: str = "relu"

    def forward(self, weights: Weights, x: np.ndarray, luck: Luck | None) -> tuple[np.ndarray, Any]:
        bent = BENDS[self.key].value(x)
        return bent, (x, bent)

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        return delta * BENDS[self.key].slope(*kept)

    def module(self, shape: Shape) -> nn.Module:
        return BENDS[self.key].module()


class SeededDropout(nn.Module):
    """Dropout whose masks come from `draws`, a numpy generator, row by row."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.draws: np.random.Generator | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.draws is None:
            return nn.functional.dropout(x, self.share, self.training)
        stays = torch.from_numpy(self.draws.random(tuple(x.shape)) >= self.share)
        return x * (stays.to(x.dtype) * (1 / (1 - self.share)))


@dataclass(frozen=True)
class Dropout(Bare):
    """A share of the numbers becomes 0 while training, the others are scaled up (Srivastava et al., JMLR 15, 2014)."""

    share: float

    def forward(self, weights: Weights, x: np.ndarray, luck: Luck | None) -> tuple[np.ndarray, Any]:
        if luck is None:
            return x, None
        stays = luck.uniform(x.shape[1:-1], x.shape[-1]) >= self.share
        factors = stays.astype(x.dtype) * x.dtype.type(1 / (1 - self.share))
        return x * factors, factors

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        return delta if kept is None else delta * kept

    def module(self, shape: Shape) -> nn.Module:
        return SeededDropout(self.share)


@dataclass(frozen=True)
class Embedding:
    """A vector for each word; words are numbers from 0."""

    words: int
    width: int

    def blocks(self, shape: Shape) -> list[Block]:
        return [Block("weight", (self.words, self.width), self.words, self.width)]

    def held(self, shape: Shape) -> int:
        return math.prod(shape) * (self.words + self.width)

    def work(self, shape: Shape) -> int:
        return math.prod(shape) * self.words * self.width

    def shaped(self, shape: Shape) -> Shape:
        return (*shape, self.width)

    def forward(self, weights: Weights, x: np.ndarray, luck: Luck | None) -> tuple[np.ndarray, Any]:
        runs, length, rows = x.shape
        chosen = (np.arange(self.words)[:, None] == x.reshape(runs, 1, -1)).astype(weights[0].dtype)
        vectors = np.matmul(weights[0].swapaxes(1, 2), chosen)
        return vectors.reshape(-1, self.width, length, rows).swapaxes(1, 2), chosen

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        delta = delta.swapaxes(1, 2).reshape(len(delta), self.width, -1)
        np.matmul(kept, delta.swapaxes(1, 2), out=into[0])
        return None

    def module(self, shape: Shape) -> nn.Module:
        return nn.Embedding(self.words, self.width)
