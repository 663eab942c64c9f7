"""Multilayer perceptrons, forward and backward by hand in numpy, for a whole stack of runs at once.

A stack of parameters is (runs, P), each row laid out as torch.nn lays out the modules' parameters: for every layer the
weights (out, in), row by row, then the biases (out,).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import nn

Activation = Literal["relu", "tanh", "sigmoid"]


@dataclass(frozen=True)
class Bend:
    """An activation: its value at z, its derivative given that value, and the torch module it equals."""

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    module: Callable[[], nn.Module]


BENDS: dict[Activation, Bend] = {
    "relu": Bend(lambda z: np.maximum(z, 0), lambda a: a > 0, nn.ReLU),
    "tanh": Bend(np.tanh, lambda a: 1 - a * a, nn.Tanh),
    "sigmoid": Bend(lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a), nn.Sigmoid),
}


@dataclass(frozen=True)
class MLP:
    """Layers of these sizes, inputs first; `classes` says whether the outputs are logits of classes or plain numbers.

    The loss is the mean categorical cross-entropy of the logits, or the mean squared error.
    """

    sizes: tuple[int, ...]
    activation: Activation = "relu"
    classes: bool = True

    @cached_property
    def layout(self) -> list[tuple[slice, slice, int, int]]:
        """For every layer where its weights and biases stand in a row of parameters, and its outputs and inputs."""
        found, at = [], 0
        for inputs, outputs in zip(self.sizes, self.sizes[1:], strict=False):
            weights = slice(at, at + inputs * outputs)
            biases = slice(weights.stop, weights.stop + outputs)
            found.append((weights, biases, outputs, inputs))
            at = biases.stop
        return found

    @property
    def parameters(self) -> int:
        return self.layout[-1][1].stop

    def initial(self, seed: int) -> np.ndarray:
        """(P,) float64: uniform within ±1/√inputs for weights and biases, as torch.nn.Linear begins."""
        rng = np.random.default_rng(seed)
        row = np.empty(self.parameters)
        for weights, biases, _, inputs in self.layout:
            bound = 1 / math.sqrt(inputs)
            for part in (weights, biases):
                row[part] = rng.uniform(-bound, bound, part.stop - part.start)
        return row

    def layers(self, stack: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Views of a stack (runs, P): for every layer weights (runs, out, in) and biases (runs, out, 1)."""
        for weights, biases, outputs, inputs in self.layout:
            yield stack[:, weights].reshape(-1, outputs, inputs), stack[:, biases, None]

    def forward(self, stack: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
        """What enters the first layer, (features, rows), and what leaves each one, (runs, out, rows); the last are outputs.

        The rows come last because numpy sums fastest along them, or across them.
        """
        bend, left = BENDS[self.activation], [np.ascontiguousarray(x.T)]
        for i, (weights, biases) in enumerate(self.layers(stack)):
            z = np.matmul(weights, left[-1])
            z += biases
            left.append(bend.value(z) if i < len(self.sizes) - 2 else z)
        return left

    def losses(self, outputs: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean loss (runs,) of outputs (runs, out, rows), and its derivative by them."""
        rows = outputs.shape[2]
        if not self.classes:
            off = outputs - y.T
            return (off * off).mean(axis=(1, 2)), off * (2 / off[0].size)
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        shares = np.exp(shifted)
        total = shares.sum(axis=1, keepdims=True)
        each = np.arange(rows)
        loss = (np.log(total[:, 0]) - shifted[:, y, each]).mean(axis=1)
        shares *= (1 / rows) / total
        shares[:, y, each] -= 1 / rows
        return loss, shares

    def gradient(self, stack: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The loss (runs,) on some rows, and its gradient (runs, P): the chain rule from the last layer to the first."""
        bend, left = BENDS[self.activation], self.forward(stack, x)
        loss, delta = self.losses(left[-1], y)
        gradient = np.empty_like(stack)
        into = list(self.layers(gradient))
        for i, (weights, _) in reversed(list(enumerate(self.layers(stack)))):
            of_weights, of_biases = into[i]
            np.matmul(delta, left[i].swapaxes(-1, -2), out=of_weights)
            delta.sum(axis=2, keepdims=True, out=of_biases)
            if i:
                delta = np.matmul(weights.swapaxes(1, 2), delta)
                delta *= bend.slope(left[i])
        return loss, gradient

    def evaluate(self, stack: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        """The loss, and for classes the accuracy, of every run (runs,)."""
        outputs = self.forward(stack, x)[-1]
        loss, _ = self.losses(outputs, y)
        return {"loss": loss, "accuracy": (outputs.argmax(axis=1) == y).mean(axis=1)} if self.classes else {"loss": loss}

    def module(self, row: np.ndarray) -> nn.Module:
        """A plain torch module with these parameters (P,), of their dtype."""
        parts: list[nn.Module] = []
        for inputs, outputs in zip(self.sizes, self.sizes[1:], strict=False):
            parts += [nn.Linear(inputs, outputs), BENDS[self.activation].module()]
        module = nn.Sequential(*parts[:-1]).to(torch.from_numpy(row).dtype)
        nn.utils.vector_to_parameters(torch.tensor(row), module.parameters())
        return module
