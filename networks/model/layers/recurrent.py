"""Recurrent layers by hand: Elman's, LSTM and GRU, backpropagated through time for a stack of runs.

A sequence enters as (runs or 1, length, features, rows); what leaves is the state after its last element, (runs, hidden,
rows). Weights, their order and the gates' are those of torch.nn.RNN, LSTM and GRU with one layer.

At every element one product gives all gates: of their weights side by side, and of input, last state and 1 one below
another. Gates that bend by a sigmoid take its opposite, for σ(z) = 1 / (1 + e^−z).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from networks.model.layers.layer import Shape, Stateless, StepRng, Weights
from networks.model.parameters import Block


class LastState(nn.Module):
    """The state of a recurrent module after the last element of each sequence (rows, length, features)."""

    def __init__(self, cells: nn.RNNBase) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cells(x)[0][:, -1]


@dataclass(frozen=True)
class Recurrent(Stateless):
    """What the three have in common.

    `bent` gives the next state, and what is kept of the gates z (runs, gates·hidden, rows), the carried and the last state;
    `unbent` the derivative by z, and by what was carried, from those by the state and by what is carried on.
    """

    hidden: int
    gates: ClassVar[int]
    sigmoids: ClassVar[int]
    torch: ClassVar[Callable[..., nn.RNNBase]]

    def blocks(self, shape: Shape) -> list[Block]:
        many, features, bound = self.gates * self.hidden, shape[1], 1 / math.sqrt(self.hidden)
        return [
            Block("cells.weight_ih_l0", (many, features), features, self.hidden, bound),
            Block("cells.weight_hh_l0", (many, self.hidden), self.hidden, self.hidden, bound),
            Block("cells.bias_ih_l0", (many,), features, self.hidden, bound),
            Block("cells.bias_hh_l0", (many,), self.hidden, self.hidden, bound),
        ]

    def held(self, shape: Shape) -> int:
        return shape[0] * ((self.gates + 4) * self.hidden + shape[1])

    def work(self, shape: Shape) -> int:
        return shape[0] * self.gates * self.hidden * (self.hidden + shape[1])

    def shaped(self, shape: Shape) -> Shape:
        return (self.hidden,)

    def module(self, shape: Shape) -> nn.Module:
        return LastState(self.torch(shape[1], self.hidden, batch_first=True))

    def bent(self, z: np.ndarray, carried: Any, state: np.ndarray) -> tuple[np.ndarray, Any, Any]:
        raise NotImplementedError

    def unbent(
        self, z: np.ndarray, kept: Any, state: np.ndarray, delta: np.ndarray, of_carried: Any
    ) -> tuple[np.ndarray, np.ndarray | float, Any]:
        raise NotImplementedError

    def joined(self, weights: Weights) -> np.ndarray:
        """(runs, gates·hidden, features + hidden + 1)."""
        of_input, of_state, one, other = weights
        return np.concatenate([of_input, of_state, (one + other)[:, :, None]], axis=2)

    def parted(self, joined: np.ndarray, into: Weights) -> None:
        """The gradients of the weights from that of `joined`."""
        features = into[0].shape[2]
        into[0][:], into[1][:] = joined[:, :, :features], joined[:, :, features:-1]
        into[2][:] = into[3][:] = joined[:, :, -1]

    def forward(self, weights: Weights, x: np.ndarray, rng: StepRng | None) -> tuple[np.ndarray, Any]:
        _, length, features, rows = x.shape
        joined, n = self.joined(weights), self.hidden
        met = np.empty((length + 1, len(joined), features + n + 1, rows), dtype=joined.dtype)
        met[:-1, :, :features] = x.swapaxes(0, 1)
        met[:, :, -1] = 1
        met[0, :, features:-1] = 0
        turned = joined.copy()
        turned[:, : self.sigmoids * n] *= joined.dtype.type(-1)
        carried, kept = None, []
        for before, after in pairwise(met):
            z = np.matmul(turned, before)
            after[:, features:-1], carried, more = self.bent(z, carried, before[:, features:-1])
            kept.append((z, more))
        return met[-1, :, features:-1], (joined, met, kept)

    def backward(self, weights: Weights, kept: Any, delta: np.ndarray, into: Weights, *, wanted: bool) -> np.ndarray | None:
        joined, met, steps = kept
        features, back, of_carried = into[0].shape[2], joined.swapaxes(1, 2)[:, :-1], None
        gradient, one = np.zeros_like(joined), np.empty_like(joined)
        entered = np.empty((len(steps), len(joined), features, delta.shape[-1]), dtype=delta.dtype) if wanted else None
        for t in reversed(range(len(steps))):
            z, more = steps[t]
            of_gates, direct, of_carried = self.unbent(z, more, met[t, :, features:-1], delta, of_carried)
            gradient += np.matmul(of_gates, met[t].swapaxes(1, 2), out=one)
            spread = np.matmul(back, of_gates)
            delta = spread[:, features:] + direct
            if entered is not None:
                entered[t] = spread[:, :features]
        self.parted(gradient, into)
        return None if entered is None else entered.swapaxes(0, 1)


def _sigmoid_of_opposite(z: np.ndarray) -> None:
    """σ(−z), in place."""
    with np.errstate(over="ignore"):
        np.exp(z, out=z)
    z += z.dtype.type(1)
    np.divide(z.dtype.type(1), z, out=z)


@dataclass(frozen=True)
class RNN(Recurrent):
    """h ← tanh(W x + b + U h + c) (Elman, Cognitive Science 14, 1990)."""

    gates, sigmoids, torch = 1, 0, nn.RNN

    def bent(self, z: np.ndarray, carried: Any, state: np.ndarray) -> tuple[np.ndarray, Any, Any]:
        return np.tanh(z, out=z), None, None

    def unbent(
        self, z: np.ndarray, kept: Any, state: np.ndarray, delta: np.ndarray, of_carried: Any
    ) -> tuple[np.ndarray, np.ndarray | float, Any]:
        return delta * (1 - z) * (1 + z), 0.0, None


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Input, forget, cell and output gate (Hochreiter & Schmidhuber, Neural Computation 9, 1997; Gers et al., 2000).

    Within, the output gate comes before the cell's, so that the three sigmoids are neighbours.
    """

    gates, sigmoids, torch = 4, 3, nn.LSTM

    def joined(self, weights: Weights) -> np.ndarray:
        return _swapped(super().joined(weights), self.hidden)

    def parted(self, joined: np.ndarray, into: Weights) -> None:
        super().parted(_swapped(joined, self.hidden), into)

    def bent(self, z: np.ndarray, carried: Any, state: np.ndarray) -> tuple[np.ndarray, Any, Any]:
        n = self.hidden
        _sigmoid_of_opposite(z[:, : 3 * n])
        np.tanh(z[:, 3 * n :], out=z[:, 3 * n :])
        i, f, o, g = (z[:, k * n : (k + 1) * n] for k in range(4))
        cell = i * g
        if carried is not None:
            cell += f * carried
        high = np.tanh(cell)
        return o * high, cell, (carried, high)

    def unbent(
        self, z: np.ndarray, kept: Any, state: np.ndarray, delta: np.ndarray, of_carried: Any
    ) -> tuple[np.ndarray, np.ndarray | float, Any]:
        n, (carried, high) = self.hidden, kept
        i, f, o, g = (z[:, k * n : (k + 1) * n] for k in range(4))
        of_cell = delta * o
        of_cell *= 1 - high * high
        if of_carried is not None:
            of_cell += of_carried
        to = np.empty_like(z)
        slopes = to[:, : 3 * n]  # σ' = (1 − σ) σ of all three at once
        np.subtract(1, z[:, : 3 * n], out=slopes)
        slopes *= z[:, : 3 * n]
        to[:, :n] *= of_cell * g
        to[:, n : 2 * n] *= 0 if carried is None else of_cell * carried
        to[:, 2 * n : 3 * n] *= delta * high
        last = to[:, 3 * n :]
        np.multiply(g, g, out=last)
        np.subtract(1, last, out=last)
        last *= of_cell * i
        return to, 0.0, of_cell * f


def _swapped(joined: np.ndarray, hidden: int) -> np.ndarray:
    """The last two of four gates in the other order."""
    return np.concatenate([joined[:, : 2 * hidden], joined[:, 3 * hidden :], joined[:, 2 * hidden : 3 * hidden]], axis=1)


@dataclass(frozen=True)
class GRU(Recurrent):
    """Reset, update and new gate (Cho et al., arXiv:1406.1078), the reset applied after the state's product, as in torch.

    Within there are four: what the new gate gets of the input, and what it gets of the state, stand apart.
    """

    gates, sigmoids, torch = 3, 2, nn.GRU

    def joined(self, weights: Weights) -> np.ndarray:
        of_input, of_state, one, other = weights
        n, features = self.hidden, of_input.shape[2]
        joined = np.zeros((len(of_input), 4 * n, features + n + 1), dtype=of_input.dtype)
        joined[:, : 3 * n, :features], joined[:, : 3 * n, -1] = of_input, one
        joined[:, : 2 * n, features:-1], joined[:, 3 * n :, features:-1] = of_state[:, : 2 * n], of_state[:, 2 * n :]
        joined[:, : 2 * n, -1] += other[:, : 2 * n]
        joined[:, 3 * n :, -1] = other[:, 2 * n :]
        return joined

    def parted(self, joined: np.ndarray, into: Weights) -> None:
        n, features = self.hidden, into[0].shape[2]
        into[0][:], into[2][:] = joined[:, : 3 * n, :features], joined[:, : 3 * n, -1]
        of_state = np.concatenate([joined[:, : 2 * n], joined[:, 3 * n :]], axis=1)
        into[1][:], into[3][:] = of_state[:, :, features:-1], of_state[:, :, -1]

    def bent(self, z: np.ndarray, carried: Any, state: np.ndarray) -> tuple[np.ndarray, Any, Any]:
        n = self.hidden
        _sigmoid_of_opposite(z[:, : 2 * n])
        r, u, new, recalled = (z[:, k * n : (k + 1) * n] for k in range(4))
        new += r * recalled
        np.tanh(new, out=new)
        after = state - new
        after *= u
        after += new
        return after, None, None

    def unbent(
        self, z: np.ndarray, kept: Any, state: np.ndarray, delta: np.ndarray, of_carried: Any
    ) -> tuple[np.ndarray, np.ndarray | float, Any]:
        n = self.hidden
        r, u, new, recalled = (z[:, k * n : (k + 1) * n] for k in range(4))
        to, direct = np.empty_like(z), delta * u
        of_new = to[:, 2 * n : 3 * n]
        np.multiply(new, new, out=of_new)
        np.subtract(1, of_new, out=of_new)
        of_new *= delta - direct
        np.multiply(of_new, r, out=to[:, 3 * n :])
        slopes = to[:, : 2 * n]
        np.subtract(1, z[:, : 2 * n], out=slopes)
        slopes *= z[:, : 2 * n]
        to[:, :n] *= of_new * recalled
        to[:, n : 2 * n] *= delta * (state - new)
        return to, direct, None
