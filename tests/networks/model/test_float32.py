"""In float32 everything by hand has the digits that its formula has in float64, or as many as torch has, over all numbers."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from networks import TASKS, train
from networks.model.layers.activation import BENDS
from networks.model.layers.recurrent import GRU, LSTM, RNN, Recurrent
from networks.model.losses import LOSSES, Loss
from networks.model.network import Network
from optimizers import RULES
from tests import by_torch
from tests.networks.model.test_layers import CASES, CLASSES, ROWS, Case

one_thread = pytest.fixture(scope="module", autouse=True)(by_torch.one_thread)

FEW = 8
"""Units in the last place."""

MORE = 16
"""So many times torch's error a whole network may be off by: another order of the sums, multiplied by weights of 30."""

TINY = float(np.finfo(np.float32).tiny)
OF_ONE = 2.0**-23
"""What a slope told by values near 1, such as 1 − tanh², is off by, in torch as well."""

_SIZES = np.concatenate([np.geomspace(1e-38, 1e38, 153), np.linspace(0.01, 30, 600), [2.0**-149, 87.0, 88.8, 104.0]])
NUMBERS = np.concatenate([-_SIZES, [-0.0, 0.0], _SIZES]).astype(np.float32)
"""Of every size, densest where things bend."""


def as_good_as_torch(found: np.ndarray, theirs: np.ndarray, truth: np.ndarray, few: float = FEW, beside: float = 0.0) -> None:
    """Every number is a few units in the last place from the truth, or as near as torch's in float32, or `beside` it.

    The truth is float64, so it is itself no nearer than its rounding. Nothing is 0, infinite or NaN
    where torch's is not.
    """
    assert found.dtype == theirs.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(theirs))
    lost = (found == 0) & (np.abs(theirs) > max(beside, TINY))
    assert not lost.any(), f"0 for {theirs[lost]}"
    fine = np.isfinite(found)
    off, their_off = (np.abs(one[fine] - truth[fine]) for one in (found, theirs))
    unit = np.spacing(np.abs(truth[fine]).astype(np.float32)).astype(float)
    allowed = np.maximum(few * unit, their_off) + beside + 1e-14
    worst = int((off / allowed).argmax())
    told = f"{found[fine][worst]} is {off[worst] / unit[worst]:.1f} units from {truth[fine][worst]}, torch {their_off[worst]}"
    assert (off <= allowed).all(), told


def by_autograd(function: Callable[[torch.Tensor], torch.Tensor], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values, and the slope of their sum."""
    at = torch.tensor(x, requires_grad=True)
    values = function(at)
    values.sum().backward()
    assert at.grad is not None
    return values.detach().numpy(), at.grad.numpy()


@pytest.mark.parametrize("bend", BENDS.values(), ids=BENDS)
def test_an_activation_keeps_its_digits(bend):
    with np.errstate(over="ignore"):
        value = bend.value(NUMBERS)
        slope = (bend.slope(NUMBERS, value) * np.ones_like(NUMBERS)).astype(np.float32)
    theirs, truth = (by_autograd(bend.module(), NUMBERS.astype(dtype)) for dtype in (np.float32, np.float64))
    as_good_as_torch(value, theirs[0], truth[0])
    as_good_as_torch(slope, theirs[1], truth[1], beside=OF_ONE)
    kinks = NUMBERS == 0
    np.testing.assert_array_equal(slope[kinks], theirs[1][kinks])


def posed(loss: Loss, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (1, out, rows) of every size, equal ones and hopeless ones too, and targets (1, …, rows)."""
    many = loss.outputs(3)
    outputs = np.stack([rng.permutation(NUMBERS) for _ in range(many)])
    near = rng.normal(0, 10, (many, 500)).astype(np.float32)
    outputs = np.concatenate([outputs, np.tile(NUMBERS, (many, 1)), near], axis=1)[None]
    if loss.classes:
        return outputs, rng.integers(0, max(many, 2), (1, outputs.shape[2]))
    y = np.where(rng.random(outputs.shape) < 0.3, outputs, rng.choice([0.0, 1.0, -0.5], outputs.shape)).astype(np.float32)
    return outputs, y


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_loss_keeps_its_digits(loss):
    outputs, y = posed(loss, np.random.default_rng(0))
    with np.errstate(over="ignore"):
        each, slope = loss.function(outputs.copy(), y)

    def told(dtype: type) -> tuple[np.ndarray, np.ndarray]:
        targets = torch.tensor(y[0] if loss.classes else y[0].T.astype(dtype))
        return by_autograd(lambda x: by_torch.losses(loss, x, targets), outputs[0].T.astype(dtype))

    theirs, truth = told(np.float32), told(np.float64)
    of_one = OF_ONE if loss.classes and loss.outputs(3) > 1 else 0.0
    as_good_as_torch(each[0], theirs[0], truth[0], beside=of_one)
    as_good_as_torch(slope[0].T, theirs[1], truth[1], beside=of_one)


def test_the_shares_of_two_classes_keep_their_digits():
    shares = Network((1,), (), "binary").classified(NUMBERS[None, None])[0]
    theirs, truth = (torch.tensor(NUMBERS.astype(dtype)).sigmoid().numpy() for dtype in (np.float32, np.float64))
    as_good_as_torch(shares[1], theirs, truth)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_a_gate_keeps_its_digits(kind: type[Recurrent]):
    """One gate at a time is driven over all numbers by its bias, the others stand where what it lets through is seen."""
    hidden = len(NUMBERS)
    layer = kind(hidden)
    rows, features = 1, 1
    ones = np.ones((1, hidden, rows), dtype=np.float32)
    for gate in range(kind.gates):
        blocks = [np.zeros((1, *block.shape), dtype=np.float32) for block in layer.blocks((1, features))]
        bias = blocks[2].reshape(kind.gates, hidden)
        bias[:] = 0.5
        bias[gate] = NUMBERS
        x = np.zeros((1, 1, features, rows), dtype=np.float32)
        state, kept = layer.forward(blocks, x, None)
        into = [np.zeros_like(block) for block in blocks]
        layer.backward(blocks, kept, ones, into, wanted=False)

        def told(dtype: type, blocks: list[np.ndarray] = blocks) -> tuple[np.ndarray, np.ndarray]:
            module = layer.module((1, features)).to(torch.float32 if dtype is np.float32 else torch.float64)
            row = np.concatenate([block.reshape(-1) for block in blocks]).astype(dtype)
            torch.nn.utils.vector_to_parameters(torch.tensor(row), module.parameters())
            states = module(torch.zeros((1, 1, features), dtype=next(module.parameters()).dtype))
            states.sum().backward()
            slopes = dict(module.named_parameters())["cells.bias_ih_l0"].grad
            assert slopes is not None
            return states.detach().numpy()[0], slopes.numpy()

        theirs, truth = told(np.float32), told(np.float64)
        as_good_as_torch(state[0, :, 0], theirs[0], truth[0], 2 * FEW)
        as_good_as_torch(into[2][0], theirs[1], truth[1], 2 * FEW, beside=OF_ONE)


@pytest.mark.parametrize("scale", [1e-12, 0.3, 30.0])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_layer_rounds_no_more_than_torchs(case: Case, scale: float):
    """Whole networks of every layer, with small, usual and huge weights: loss and gradient by block, in the largest norm."""
    model, rng = case.network(), np.random.default_rng(5)
    row = rng.normal(0, scale, model.size).astype(np.float32)
    row[model.parameters :] = np.abs(row[model.parameters :])  # one of a running state is a variance
    shape = (ROWS, math.prod(case.shape))
    x = rng.integers(0, case.words, shape) if case.words else rng.normal(size=shape).astype(np.float32)
    y = rng.integers(0, CLASSES, ROWS)
    loss, gradient, _ = model.gradient(row[None], x[None], y[None])

    def told(dtype: type) -> tuple[float, np.ndarray]:
        module = model.module(row.astype(dtype)).eval()
        mean = torch.nn.functional.cross_entropy(module(torch.tensor(x if case.words else x.astype(dtype))), torch.tensor(y))
        mean.backward()
        return mean.item(), by_torch.slopes(module)

    (their_loss, theirs), (true_loss, truth) = told(np.float32), told(np.float64)
    assert abs(loss[0] - true_loss) <= MORE * abs(their_loss - true_loss) + FEW * np.spacing(np.float32(true_loss))
    for block, place in zip(model.blocks, model.places, strict=False):
        off, their_off = (np.abs(one[place] - truth[place]).max() for one in (gradient[0], theirs))
        assert off <= MORE * their_off + FEW * np.spacing(np.float32(np.abs(truth[place]).max())), block.name


@pytest.mark.parametrize("key", RULES)
def test_one_of_many_values_is_that_value_alone(key: str):
    """1 − β and 1 − βᵗ of a β among many are no less exact than those of a β for all."""
    begin = partial(train, TASKS["iris_mlp"], steps=12, batch_size=32)
    for name, hyper in RULES[key].hypers.items():
        among = begin(entrants=[(key, {name: [hyper.default, hyper.high]})])
        alone = begin(entrants=[(key, {name: hyper.high})])
        np.testing.assert_allclose(among.x[1], alone.x[0], rtol=1e-6, atol=1e-8, err_msg=name)
