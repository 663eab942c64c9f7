"""Fully connected layers, and the one that makes lines of images."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from networks.model.layers.layer import Bare, Shape, Stateless, StepRng, Weights
from networks.model.parameters import Block


@dataclass(frozen=True)
class Linear(Stateless):
    """σ comes after: z = W x + b, or W x where it is not `biased`."""

    outputs: int
    biased: bool = True

    def blocks(self, shape: Shape) -> list[Block]:
        (inputs,) = shape
        bound = 1 / math.sqrt(inputs)
        weight = Block("weight", (self.outputs, inputs), inputs, self.outputs, bound)
        return [weight, Block("bias", (self.outputs,), inputs, self.outputs, bound)][: 1 + self.biased]

    def held(self, shape: Shape) -> int:
        return self.outputs

    def work(self, shape: Shape) -> int:
        return shape[0] * self.outputs

    def shaped(self, shape: Shape) -> Shape:
        return (self.outputs,)

    def forward(self, weights: Weights, x: np.ndarray, rng: StepRng | None) -> tuple[np.ndarray, Any]:
        z = np.matmul(weights[0], x)
        if self.biased:
            z += weights[1][:, :, None]
        return z, x

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        np.matmul(delta, kept.swapaxes(-1, -2), out=into[0])
        if self.biased:
            delta.sum(axis=-1, out=into[1])
        return np.matmul(weights[0].swapaxes(1, 2), delta) if wanted else None

    def module(self, shape: Shape) -> nn.Module:
        return nn.Linear(shape[0], self.outputs, bias=self.biased)


@dataclass(frozen=True)
class Flatten(Bare):
    """All numbers of a row in one line."""

    def shaped(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def forward(self, weights: Weights, x: np.ndarray, rng: StepRng | None) -> tuple[np.ndarray, Any]:
        return x.reshape(len(x), -1, x.shape[-1]), x.shape[1:]

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        return delta.reshape(len(delta), *kept)

    def module(self, shape: Shape) -> nn.Module:
        return nn.Flatten()
