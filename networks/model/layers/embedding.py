"""Vectors for words."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from networks.model.layers.layer import Shape, Stateless, StepRng, Weights
from networks.model.parameters import Block


@dataclass(frozen=True)
class Embedding(Stateless):
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

    def forward(self, weights: Weights, x: np.ndarray, rng: StepRng | None) -> tuple[np.ndarray, Any]:
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
