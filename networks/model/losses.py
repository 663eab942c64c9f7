"""Losses: for every row its loss and the derivative by the outputs, in numpy, beside the torch function that it equals.

Outputs are (runs, out, rows); targets y are classes (runs or 1, rows) or numbers (runs or 1, out, rows).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from networks.model.layers.activation import sigmoid

Losses = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Loss:
    """`function` gives (runs, rows) and (runs, out, rows); `right` which rows are classified well, None for a regression.

    `torch` is an expression in `outputs` and `y`, one loss a row; `outputs` how many outputs it wants of so many classes;
    `mistakes` says that nothing is learned but from mistakes.
    """

    key: str
    title: str
    function: Losses
    torch: str
    right: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    outputs: Callable[[int], int] = lambda classes: classes
    mistakes: bool = False

    @property
    def classes(self) -> bool:
        return self.right is not None


def _cross_entropy(outputs: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    shares = np.exp(shifted)
    total = shares.sum(axis=1, keepdims=True)
    shares /= total
    if len(y) == 1:
        each = np.arange(y.shape[1])
        loss = np.log(total[:, 0]) - shifted[:, y[0], each]
        shares[:, y[0], each] -= 1
        return loss, shares
    at = (np.arange(len(y))[:, None], y, np.arange(y.shape[1]))
    loss = np.log(total[:, 0]) - shifted[at]
    shares[at] -= 1
    return loss, shares


def _binary(outputs: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sign = 1 - 2 * y[:, None].astype(outputs.dtype)
    off = sign * outputs  # so the digits of a small loss and its slope are not those that a difference leaves
    loss = np.maximum(off, 0) + np.log1p(np.exp(-np.abs(off)))
    return loss[:, 0], sign * sigmoid(off)


def _perceptron(outputs: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sign = 2 * y[:, None].astype(outputs.dtype) - 1
    wrong = outputs * sign <= 0
    return np.maximum(-outputs * sign, 0)[:, 0], -sign * wrong


def _squared(outputs: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    off = outputs - y
    return (off * off).mean(axis=1), off * (2 / off.shape[1])


def _absolute(outputs: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    off = outputs - y
    return np.abs(off).mean(axis=1), np.sign(off) / off.shape[1]


def _huber(outputs: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    off = outputs - y
    slope = np.clip(off, -1, 1)
    return (slope * (off - 0.5 * slope)).mean(axis=1), slope / off.shape[1]


_EVERY = (
    Loss(
        "cross_entropy",
        "Cross-entropy",
        _cross_entropy,
        'torch.nn.functional.cross_entropy(outputs, y, reduction="none")',
        right=lambda outputs, y: outputs.argmax(axis=1) == y,
    ),
    Loss(
        "binary",
        "Binary cross-entropy",
        _binary,
        "-torch.nn.functional.logsigmoid((2 * y.to(outputs.dtype) - 1) * outputs[:, 0])",
        right=lambda outputs, y: (outputs[:, 0] > 0) == (y == 1),
        outputs=lambda classes: 1,
    ),
    Loss(
        "perceptron",
        "Perceptron criterion",
        _perceptron,
        "torch.clamp(-outputs[:, 0] * (2 * y.to(outputs.dtype) - 1), min=0)",
        right=lambda outputs, y: outputs[:, 0] * (2 * y - 1) > 0,
        outputs=lambda classes: 1,
        mistakes=True,
    ),
    Loss("mse", "Mean squared error", _squared, 'torch.nn.functional.mse_loss(outputs, y, reduction="none").mean(dim=1)'),
    Loss("mae", "Mean absolute error", _absolute, 'torch.nn.functional.l1_loss(outputs, y, reduction="none").mean(dim=1)'),
    Loss("huber", "Huber, δ = 1", _huber, 'torch.nn.functional.huber_loss(outputs, y, reduction="none").mean(dim=1)'),
)
LOSSES: Mapping[str, Loss] = MappingProxyType({loss.key: loss for loss in _EVERY})
