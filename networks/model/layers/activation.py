"""Activations."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import nn

from networks.model.layers.layer import Bare, Shape, StepRng, Weights


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
    """Φ(z) = erfc(−z/√2)/2, by torch: numpy has no error function. 1 + erf(z/√2) would have no digits left below −5."""
    return 0.5 * torch.special.erfc(torch.from_numpy(z * z.dtype.type(-math.sqrt(0.5)))).numpy()


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

    def forward(self, weights: Weights, x: np.ndarray, rng: StepRng | None) -> tuple[np.ndarray, Any]:
        bent = BENDS[self.key].value(x)
        return bent, (x, bent)

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        return delta * BENDS[self.key].slope(*kept)

    def module(self, shape: Shape) -> nn.Module:
        return BENDS[self.key].module()
