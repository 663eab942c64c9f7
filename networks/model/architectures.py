"""The kinds of network there are, each a few numbers that say which layers it has."""

from dataclasses import dataclass
from functools import cache
from typing import Protocol

from core.hyper import declared
from networks.model.layers.activation import Activation
from networks.model.layers.convolution import Convolution, Pool
from networks.model.layers.dropout import Dropout, Dropped
from networks.model.layers.embedding import Embedding
from networks.model.layers.layer import Layer, Shape
from networks.model.layers.linear import Flatten, Linear
from networks.model.layers.normal import BatchNorm
from networks.model.layers.recurrent import Recurrent
from networks.model.widths import Hidden


class Model(Protocol):
    """`layers` for inputs of a shape, so many outputs, and so many words where the inputs are words."""

    def layers(self, shape: Shape, outputs: int, words: int) -> tuple[Layer, ...]: ...


@dataclass(frozen=True)
class MLP:
    """Fully connected layers of these widths, `normalised` over the minibatch if so, then the outputs; with none hidden it is
    linear."""

    hidden: Hidden = ()
    activation: str = "relu"
    dropout: Dropped = 0.0
    normalised: bool = False

    def layers(self, shape: Shape, outputs: int, words: int) -> tuple[Layer, ...]:
        layers: list[Layer] = [Flatten()] if len(shape) > 1 else []
        for width in self.hidden:
            layers += [
                Linear(width, not self.normalised),
                *_normal(self.normalised),
                Activation(self.activation),
                *_dropout(self.dropout),
            ]
        return *layers, Linear(outputs)


@dataclass(frozen=True)
class CNN:
    """Convolutions of so many channels, each `normalised` over the minibatch if so and halved by a pool, then the outputs."""

    channels: tuple[int, ...]
    activation: str = "relu"
    dropout: Dropped = 0.0
    normalised: bool = False

    def layers(self, shape: Shape, outputs: int, words: int) -> tuple[Layer, ...]:
        layers: list[Layer] = []
        for many in self.channels:
            layers += [Convolution(many, not self.normalised), *_normal(self.normalised), Pool(), Activation(self.activation)]
        return *layers, Flatten(), *_dropout(self.dropout), Linear(outputs)


@dataclass(frozen=True)
class Reader:
    """A recurrent layer, behind an embedding of some width where the inputs are words, then the outputs."""

    cells: Recurrent
    embedding: int = 16
    dropout: Dropped = 0.0

    def layers(self, shape: Shape, outputs: int, words: int) -> tuple[Layer, ...]:
        before = [Embedding(words, self.embedding)] if words else []
        return *before, self.cells, *_dropout(self.dropout), Linear(outputs)


numbers_of_kind = cache(declared)
"""The numbers that a kind of network declares for people to set, by name."""


def _normal(wanted: bool) -> list[Layer]:
    """What it takes off would make a bias before it of no effect, so there is none."""
    return [BatchNorm()] if wanted else []


def _dropout(share: float) -> list[Layer]:
    return [Dropout(share)] if share else []
