"""Dropout, with masks that a seed decides."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import nn

from core.hyper import Hyper
from networks.model.layers.layer import Bare, Shape, StepRng, Weights

Dropped = Annotated[
    float, Hyper(0.05, 0.9, off=0.0, help="This share of the hidden units is left out at each step, the same for all.")
]


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

    def forward(self, weights: Weights, x: np.ndarray, rng: StepRng | None) -> tuple[np.ndarray, Any]:
        if rng is None:
            return x, None
        stays = rng.uniform(x.shape[1:-1], x.shape[-1]) >= self.share
        factors = stays.astype(x.dtype) * x.dtype.type(1 / (1 - self.share))
        return x * factors, factors

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        return delta if kept is None else delta * kept

    def module(self, shape: Shape) -> nn.Module:
        return SeededDropout(self.share)
