"""Convolutions and pools of images."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from networks.model.layers.layer import Bare, Shape, Stateless, StepRng, Weights
from networks.model.parameters import Block


@dataclass(frozen=True)
class Convolution(Stateless):
    """Kernels of 3×3 over an image bordered with zeros, so that it keeps its size."""

    channels: int
    biased: bool = True

    def blocks(self, shape: Shape) -> list[Block]:
        inputs, outputs = 9 * shape[0], 9 * self.channels
        bound = 1 / math.sqrt(inputs)
        weight = Block("weight", (self.channels, shape[0], 3, 3), inputs, outputs, bound)
        return [weight, Block("bias", (self.channels,), inputs, outputs, bound)][: 1 + self.biased]

    def held(self, shape: Shape) -> int:
        return (9 * shape[0] + self.channels) * shape[1] * shape[2]

    def work(self, shape: Shape) -> int:
        return 9 * self.channels * math.prod(shape)

    def shaped(self, shape: Shape) -> Shape:
        return (self.channels, *shape[1:])

    def forward(self, weights: Weights, x: np.ndarray, rng: StepRng | None) -> tuple[np.ndarray, Any]:
        runs, channels, high, wide, rows = x.shape
        seen = np.empty((runs, 9 * channels + 1, high * wide * rows), dtype=x.dtype)
        _patches(x, seen[:, :-1])
        seen[:, -1] = 1  # what the biases are multiplied with
        plain = weights[0].reshape(-1, self.channels, 9 * channels)
        kernels = np.concatenate([plain, weights[1][:, :, None] if self.biased else np.zeros_like(plain[:, :, :1])], axis=2)
        return _multiplied(kernels, seen).reshape(-1, self.channels, high, wide, rows), (seen, x.shape)

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        seen, (_, channels, high, wide, rows) = kept
        runs = len(delta)
        delta = delta.reshape(runs, self.channels, -1)
        of_kernels = _summed(delta, seen)
        into[0][:] = of_kernels[:, :, :-1].reshape(into[0].shape)
        if self.biased:
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
        return nn.Conv2d(shape[0], self.channels, 3, padding=1, bias=self.biased)


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


@dataclass(frozen=True)
class Pool(Bare):
    """The largest of every 2×2 pixels; of equals the first. A last odd row or column is left out."""

    def shaped(self, shape: Shape) -> Shape:
        return shape[0], shape[1] // 2, shape[2] // 2

    def forward(self, weights: Weights, x: np.ndarray, rng: StepRng | None) -> tuple[np.ndarray, Any]:
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
