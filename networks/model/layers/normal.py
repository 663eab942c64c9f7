"""Batch normalisation: the layer that keeps a running state beside its weights."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from networks.model.layers.layer import Shape, StepRng, Weights
from networks.model.parameters import Block


@dataclass(frozen=True)
class BatchNorm:
    """Each unit or channel less its mean over the minibatch, by its deviation, then scaled and shifted by two weights.

    Ioffe & Szegedy, arXiv:1502.03167, Algorithm 1; evaluated with the running mean and the running variance (unbiased), of
    which each minibatch moves MOMENTUM of the way, as torch.nn.BatchNorm1d and 2d do.
    """

    EPS = 1e-5
    MOMENTUM = 0.1

    def blocks(self, shape: Shape) -> list[Block]:
        return [Block("weight", shape[:1], 1, 1, draw=("ones", 1.0)), Block("bias", shape[:1], 1, 1, draw=("zeros", 0.0))]

    def states(self, shape: Shape) -> list[Block]:
        return [
            Block("running_mean", shape[:1], 1, 1, draw=("zeros", 0.0)),
            Block("running_var", shape[:1], 1, 1, draw=("ones", 1.0)),
        ]

    def held(self, shape: Shape) -> int:
        return 2 * math.prod(shape)

    def work(self, shape: Shape) -> int:
        return 4 * math.prod(shape)

    def shaped(self, shape: Shape) -> Shape:
        return shape

    def forward(self, weights: Weights, x: np.ndarray, rng: StepRng | None) -> tuple[np.ndarray, Any]:
        scale, shift, mean, variance = weights
        flat = x.reshape(*x.shape[:2], -1)
        if rng is not None:
            mean = flat.mean(axis=2)
            variance = np.square(flat - mean[:, :, None]).mean(axis=2)
        share = 1 / np.sqrt(variance + x.dtype.type(self.EPS))
        normal = (flat - mean[:, :, None]) * share[:, :, None]
        z = normal * scale[:, :, None] + shift[:, :, None]
        return z.reshape(-1, *x.shape[1:]), (normal, share, mean, variance, rng is not None)

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        (normal, share, mean, variance, moves), many = kept, kept[0].shape[2]
        flat = delta.reshape(*delta.shape[:2], -1)
        (flat * normal).sum(axis=2, out=into[0])
        flat.sum(axis=2, out=into[1])
        unbiased = variance * (many / max(many - 1, 1))
        for next_state, state, seen in zip(into[2:], weights[2:], (mean, unbiased), strict=True):
            next_state[:] = (1 - self.MOMENTUM) * state + self.MOMENTUM * seen if moves else state
        if not wanted:
            return None
        back = flat
        if moves:  # the mean and the deviation are of these rows, so they move with each
            back = flat - (into[1][:, :, None] + normal * into[0][:, :, None]) * flat.dtype.type(1 / many)
        return (back * (weights[0] * share)[:, :, None]).reshape(delta.shape)

    def module(self, shape: Shape) -> nn.Module:
        kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
        return kind(shape[0], eps=self.EPS, momentum=self.MOMENTUM)
