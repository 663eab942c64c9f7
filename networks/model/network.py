"""A network: layers and a loss as one objective, for a whole stack of runs at once.

A stack is (runs, size): each row the P parameters, laid out as torch.nn lays out the modules', block after block, then the
layers' running states in the same way. No rule ever sees those; few networks have any.
"""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from networks.model.layers.activation import sigmoid
from networks.model.layers.layer import Layer, Shape, StepRng
from networks.model.losses import LOSSES, Loss
from networks.model.parameters import DRAWS, INITS, Block, Draw

BUDGET = 8_000_000
"""Bytes between the layers that are held at a time, about what the processor's cache holds: more runs go one after another."""

ROWS = 32, 512
"""At least and at most so many rows are evaluated together."""

PIECE = 128_000_000
"""Bytes between the layers of one run that are held at most: a batch that takes more goes through in pieces."""

_POOL = ThreadPoolExecutor(2, thread_name_prefix="stack")
threadpool_limits(1, user_api="blas")  # the pool's threads each multiply matrices: more threads within would only wait

with suppress(OSError, AttributeError):  # where the C library is not glibc
    # Arrays of a step are freed at its end; given back to the system, each new one would be faulted in page by page, which
    # takes as long as the arithmetic. (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD: mallopt(3).)
    for _parameter, _bytes in ((-3, 32 << 20), (-1, 256 << 20)):
        ctypes.CDLL(None).mallopt(_parameter, _bytes)


class Stopped(Exception):
    """Somebody wished an end in the middle of a step: nothing of it is done."""


@dataclass(frozen=True)
class Network:
    """Layers for inputs of a shape, a loss (one of LOSSES) and how the first parameters are drawn (one of INITS)."""

    shape: Shape
    layers: tuple[Layer, ...]
    loss: str = "cross_entropy"
    init: str = "torch"

    @property
    def measure(self) -> Loss:
        return LOSSES[self.loss]

    @property
    def classes(self) -> bool:
        return self.measure.classes

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """What enters every layer, and at last the outputs."""
        found = [self.shape]
        for layer in self.layers:
            found.append(layer.shaped(found[-1]))
        return tuple(found)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The pieces of a row's parameters in order, by the names they have in the torch module."""
        return tuple(self._named(lambda layer, shape: layer.blocks(shape)))

    @cached_property
    def states(self) -> tuple[Block, ...]:
        """The running states likewise, by the names of the torch module's buffers."""
        return tuple(self._named(lambda layer, shape: layer.states(shape)))

    def _named(self, of: Callable[[Layer, Shape], list[Block]]) -> Iterator[Block]:
        for i, layer in enumerate(self.layers):
            for block in of(layer, self.shapes[i]):
                yield replace(block, name=f"{self._index(i)}.{block.name}")

    @cached_property
    def places(self) -> tuple[slice, ...]:
        """Where every block, and after them every state, stands in a row."""
        ends = np.cumsum([0, *(block.size for block in (*self.blocks, *self.states))]).tolist()
        return tuple(slice(a, b) for a, b in pairwise(ends))

    @cached_property
    def parameters(self) -> int:
        return sum(block.size for block in self.blocks)

    @cached_property
    def size(self) -> int:
        """Numbers in a row: parameters and running states."""
        return self.parameters + sum(block.size for block in self.states)

    def draws(self, blocks: Sequence[Block]) -> list[tuple[Draw, int]]:
        """How the first numbers of blocks are drawn, and how many, block after block."""
        return [(INITS[self.init](block), block.size) for block in blocks]

    def initial(self, seed: int) -> np.ndarray:
        """(size,) float64."""
        rng = np.random.default_rng(seed)
        every = self.draws((*self.blocks, *self.states))
        return np.concatenate([DRAWS[kind](rng, scale, many) for (kind, scale), many in every])

    @cached_property
    def _plan(self) -> tuple[tuple[tuple[slice, Shape], ...], ...]:
        """For every layer where its blocks and then its states stand in a row, and their shapes."""
        weights = iter(zip(self.places, self.blocks, strict=False))
        states = iter(zip(self.places[len(self.blocks) :], self.states, strict=True))
        mine = (
            [next(weights) for _ in layer.blocks(shape)] + [next(states) for _ in layer.states(shape)]
            for layer, shape in zip(self.layers, self.shapes, strict=False)
        )
        return tuple(tuple((place, block.shape) for place, block in blocks) for blocks in mine)

    def weights(self, stack: np.ndarray) -> list[list[np.ndarray]]:
        """Views of a stack (runs, size): for every layer its blocks and states (runs, *shape)."""
        runs = len(stack)
        return [[stack[:, place].reshape(runs, *shape) for place, shape in blocks] for blocks in self._plan]

    def entering(self, x: np.ndarray) -> np.ndarray:
        """Rows (runs or 1, rows, features) as the layers take them, (runs or 1, *shape, rows)."""
        return np.ascontiguousarray(np.moveaxis(x.reshape(*x.shape[:2], *self.shape), 1, -1))

    def forward(
        self, stack: np.ndarray, x: np.ndarray, rng: StepRng | None = None, should_stop: Callable[[], bool] | None = None
    ) -> tuple[np.ndarray, list[Any]]:
        """The outputs (runs, out, rows) of what `entering` gave, and what every layer keeps for the way back.

        Raises Stopped where `should_stop` says True between two layers, and so does `backward`.
        """
        kept = []
        for layer, weights in zip(self.layers, self.weights(stack), strict=True):
            _ask(should_stop)
            x, mine = layer.forward(weights, x, rng)
            kept.append(mine)
        return x, kept

    def backward(
        self,
        stack: np.ndarray,
        kept: list[Any],
        delta: np.ndarray,
        gradient: np.ndarray,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        """The chain rule from the last layer to the first, from the loss's derivative by the outputs."""
        into = self.weights(gradient)
        for i, weights in reversed(list(enumerate(self.weights(stack)))):
            _ask(should_stop)
            wanted = any(into[:i])
            back = self.layers[i].backward(weights, kept[i], delta, into[i], wanted=wanted)
            if not wanted or back is None:
                return
            delta = back

    def outputs(self, stack: np.ndarray, x: np.ndarray, should_stop: Callable[[], bool] | None = None) -> np.ndarray:
        """(runs, out, rows) for rows (rows, features); what is left when `should_stop` says True is NaN."""
        found = np.full((len(stack), *self.shapes[-1], len(x)), np.nan, dtype=stack.dtype)
        many = int(np.clip(BUDGET // (self.width * stack.itemsize), *ROWS))

        def some(runs: slice, rows: slice) -> None:
            with suppress(Stopped):
                found[runs, :, rows] = self.forward(stack[runs], self.entering(x[None, rows]), None, should_stop)[0]

        for at in range(0, len(x), many):
            if should_stop and should_stop():
                break
            rows = slice(at, min(at + many, len(x)))
            self._together(lambda runs, rows=rows: some(runs, rows), stack, rows.stop - at)
        return found

    def gradient(
        self,
        stack: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        rng: StepRng | None = None,
        weights: np.ndarray | None = None,
        *,
        which: np.ndarray | None = None,
        should_stop: Callable[[], bool] | None = None,
        unweighted: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The mean loss (runs,) on some rows, its gradient (runs, size), and for classes the share that is right (runs,).

        Where a row holds running states the gradient has what they become.

        x is (runs or 1, rows, features), y (runs or 1, rows) or (runs or 1, rows, out); `weights` (runs or 1, rows) are what
        each row counts for in the mean; to `unweighted` (runs,) is added the mean in which every row counts once. With `which`
        (runs,) there are as many x, y and weights as it has different numbers, and it says whose each run sees. More rows than
        PIECE has room for go through in pieces, whose gradients are summed.

        Raises Stopped when `should_stop` says True on the way.
        """
        gradient, loss = np.empty_like(stack), np.zeros(len(stack), dtype=stack.dtype)
        right = np.zeros(len(stack)) if self.measure.right else None
        x, rows = self.entering(x), x.shape[1]
        y = y if self.classes else y.swapaxes(1, 2)
        shares = None if weights is None else (weights / weights.sum(axis=1, keepdims=True)).astype(stack.dtype)
        pieces = self._pieces(rows, stack.itemsize)

        def own(of_all: np.ndarray, runs: slice, piece: slice) -> np.ndarray:
            mine = of_all if len(of_all) == 1 else of_all[runs if which is None else which[runs]]
            return mine if len(pieces) == 1 else np.ascontiguousarray(mine[..., piece])

        def some(runs: slice) -> None:
            part = stack[runs]
            for piece in pieces:
                mine, draws = own(y, runs, piece), rng[runs].of_rows(piece, rows) if rng else None
                outputs, kept = self.forward(part, own(x, runs, piece), draws, should_stop)
                each, delta = self.measure.function(outputs, mine)
                if right is not None and self.measure.right:
                    right[runs] += self.measure.right(outputs, mine).sum(axis=1) / rows
                if unweighted is not None:
                    unweighted[runs] += each.sum(axis=1) / rows
                if shares is None:
                    loss[runs] += each.sum(axis=1) / rows
                    delta *= delta.dtype.type(1 / rows)
                else:
                    counted = own(shares, runs, piece)
                    loss[runs] += (each * counted).sum(axis=1)
                    delta *= counted[:, None]
                into = gradient[runs] if piece.start == 0 else np.empty_like(part)
                self.backward(part, kept, delta, into, should_stop)
                if piece.start > 0:
                    gradient[runs] += into

        self._together(some, stack, pieces[0].stop)
        return loss, gradient, right

    def evaluate(
        self, stack: np.ndarray, x: np.ndarray, y: np.ndarray, should_stop: Callable[[], bool] | None = None
    ) -> dict[str, np.ndarray]:
        """The loss on rows (rows, features), and for classes the accuracy, of every run (runs,)."""
        outputs, y = self.outputs(stack, x, should_stop), y[None] if self.classes else y.T[None]
        found = {"loss": self.measure.function(outputs, y)[0].mean(axis=1)}
        return found | ({"accuracy": self.measure.right(outputs, y).mean(axis=1)} if self.measure.right else {})

    def classified(self, outputs: np.ndarray) -> np.ndarray:
        """The share of every class, (runs, classes, rows), that outputs say."""
        if outputs.shape[1] == 1:
            second = sigmoid(outputs)
            return np.concatenate([1 - second, second], axis=1)
        shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def module(self, row: np.ndarray) -> nn.Module:
        """A plain torch module with these numbers (size,), of their dtype; it takes rows (rows, features)."""
        module = nn.Sequential(*self.modules()).to(torch.from_numpy(row).dtype)
        module.load_state_dict(self.tensors(row))
        return module

    def tensors(self, row: np.ndarray) -> dict[str, torch.Tensor]:
        """A row (size,) or its parameters (P,) in pieces, by the names they have in the torch module."""
        blocks = (*self.blocks, *self.states)[: None if len(row) == self.size else len(self.blocks)]
        pieces = zip(blocks, self.places, strict=False)
        return {block.name: torch.tensor(row[place].reshape(block.shape)) for block, place in pieces}

    def modules(self) -> Iterator[nn.Module]:
        """The torch modules, one after another."""
        if len(self.shape) > 1:
            yield nn.Unflatten(1, self.shape)
        for layer, shape in zip(self.layers, self.shapes, strict=False):
            yield layer.module(shape)

    def _index(self, layer: int) -> int:
        return layer + (len(self.shape) > 1)

    @cached_property
    def width(self) -> int:
        """Numbers between the layers for one row of one run."""
        return sum(layer.held(shape) for layer, shape in zip(self.layers, self.shapes, strict=False))

    @cached_property
    def work(self) -> int:
        """Products on the way there for one row of one run; on the way back there are twice as many."""
        return sum(layer.work(shape) for layer, shape in zip(self.layers, self.shapes, strict=False))

    def _pieces(self, rows: int, itemsize: int) -> list[slice]:
        """Rows in as few pieces of about one size as one run has room for."""
        many = max(-(-rows // max(PIECE // (self.width * itemsize), 1)), 1)
        many = 1 if self.states else many  # what is measured over the rows is of all of them
        ends = [round(i * (rows / many)) for i in range(many)]
        return [slice(a, b) for a, b in pairwise([*ends, rows])]

    def _together(self, some: Callable[[slice], None], stack: np.ndarray, rows: int) -> None:
        """Some runs after others, two threads at it."""
        many = max(BUDGET // (self.width * rows * stack.itemsize), 1)
        parts = [slice(at, min(at + many, len(stack))) for at in range(0, len(stack), many)]
        if len(parts) == 1:
            some(parts[0])
        else:
            list(_POOL.map(some, parts))


def _ask(should_stop: Callable[[], bool] | None) -> None:
    if should_stop and should_stop():
        raise Stopped
