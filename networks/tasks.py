"""A network task: data, model and loss as one thing to be minimised."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Annotated

import numpy as np

from core.hosting.cache import CACHE
from core.hyper import Hyper, declared
from networks.data.prepare import Data, Preparation, Table, data_of, split
from networks.model.architectures import Model
from networks.model.layers.layer import Shape
from networks.model.losses import LOSSES
from networks.model.network import Network

AS_USUAL = Preparation()

_BATCH = 64
"""Rows of a usual minibatch, where the training set has several times as many."""


def usual_batch(rows: int) -> int:
    """Rows of a minibatch that suits a training set: _BATCH, or a power of two of which an epoch has four or more."""
    return min(_BATCH, 2 ** max(int(rows // 4).bit_length() - 1, 0))


@dataclass(frozen=True)
class Given:
    """The source of a table that is at hand, the same for every seed; it is known by its `content`, a digest of it."""

    content: str
    table: Table = field(repr=False, compare=False)

    def __call__(self, seed: int) -> Table:
        return self.table


@dataclass(frozen=True)
class NetworkTask:
    """What is learned, by what, and what counts as a loss.

    `source` gives the table of a seed, whose inputs have `shape` and whose classes are `classes` many, or 0 for a regression;
    `words` is the size of the vocabulary where the inputs are words; `image` says that they are pixels, also if in a line;
    `batch` is the usual number of rows in a minibatch.
    """

    key: str
    title: str
    source: Callable[[int], Table] = field(repr=False)
    kind: Model
    shape: Shape
    classes: int
    words: int = 0
    loss: str = "cross_entropy"
    init: str = "torch"
    preparation: Preparation = AS_USUAL
    image: bool = False
    batch: Annotated[int, Hyper(1, 4000, "log", whole=True, help="Rows of the training set in each minibatch.")] = _BATCH

    @cached_property
    def model(self) -> Network:
        """The network. Of several losses some want one output for two classes."""
        outputs = LOSSES[self.loss].outputs(self.classes) if self.classes else 1
        return Network(self.shape, self.kind.layers(self.shape, outputs, self.words), self.loss, self.init)

    def load(self, seed: int) -> Data:
        """The data of a seed, split and scaled; the last are kept, and travel with the task."""
        known: dict[int, Data] = vars(self).setdefault("_known", {})
        data = known.get(seed)
        if data is None:
            given = self.source.table if isinstance(self.source, Given) else None
            data = data_of(given, seed, self.preparation) if given else _prepared(self.source, seed, self.preparation)
            known.clear()
            known[seed] = data
        return data

    def rows(self, seed: int) -> int:
        """How many rows the training set of a seed has. Raises ValueError where there is none."""
        table, wanted = self._table(seed), self.preparation
        train, _, _ = split(table, seed, fold=wanted.fold, folds=wanted.folds)
        return len(train) if wanted.balance == "none" else int(np.bincount(table.y[train]).max()) * len(table.classes)

    def _table(self, seed: int) -> Table:
        return self.source.table if isinstance(self.source, Given) else _table(self.source, seed)

    def fitting(self, data: Data) -> "NetworkTask":
        """The task with as many inputs as the data have: how many a file's columns become is up to the training rows."""
        features = data.x_train.shape[1]
        if prod(self.shape) == features:
            return self
        found = replace(self, shape=(features,))
        vars(found)["_known"] = vars(self).get("_known", {})
        return found

    def fitted(self, seed: int) -> "NetworkTask":
        """The task that fits its data of a seed; as it is where these will not do, which is told when it is trained."""
        try:
            return self.fitting(self.load(seed))
        except ValueError:
            return self


BATCH = declared(NetworkTask)["batch"]
"""What people are offered of it; more is allowed where there are more rows."""


@CACHE.keep
def _prepared(source: Callable[[int], Table], seed: int, preparation: Preparation) -> Data:
    """Nobody writes to data, so all who train on the same have them in common."""
    return data_of(_table(source, seed), seed, preparation)


@CACHE.keep
def _table(source: Callable[[int], Table], seed: int) -> Table:
    """Nobody writes to a table, so it is read once. What people give is not kept here: it goes when they go."""
    return source(seed)
