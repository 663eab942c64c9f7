"""Every layer by hand is its torch module: values, gradients, names; and a run knows nothing of its neighbours."""

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from networks.model import layers, network
from networks.model.layers.activation import BENDS, Activation
from networks.model.layers.convolution import Convolution, Pool
from networks.model.layers.dropout import Dropout, SeededDropout
from networks.model.layers.embedding import Embedding
from networks.model.layers.layer import Layer, Shape, StepRng
from networks.model.layers.linear import Flatten, Linear
from networks.model.layers.normal import BatchNorm
from networks.model.layers.recurrent import GRU, LSTM, RNN, Recurrent
from networks.model.losses import LOSSES, Loss
from networks.model.network import Network, Stopped
from tests import by_torch

one_thread = pytest.fixture(scope="module", autouse=True)(by_torch.one_thread)

RUNS, ROWS, CLASSES = 3, 9, 3


@dataclass(frozen=True)
class Case:
    """A small network before its outputs, given its activation; `words` where its inputs are words."""

    shape: Shape
    layers: Callable[[Layer], tuple[Layer, ...]]
    words: int = 0

    def network(self, activation: str = "tanh", loss: str = "cross_entropy") -> Network:
        outputs = Linear(LOSSES[loss].outputs(CLASSES))
        return Network(self.shape, (*self.layers(Activation(activation)), outputs), loss)


CASES = {
    "linear": Case((5,), lambda bend: (Linear(7), bend, Linear(4), bend)),
    "nothing before": Case((5,), lambda bend: ()),
    "bent at once": Case((5,), lambda bend: (bend, Linear(1), bend)),
    "flattened": Case((2, 3), lambda bend: (Flatten(), bend, Linear(4))),
    "convolutions": Case((2, 4, 6), lambda bend: (Convolution(3), bend, Convolution(2), Flatten())),
    "odd image": Case((1, 5, 7), lambda bend: (Convolution(2), Pool(), bend, Convolution(3), Pool(), Flatten())),
    "one pixel": Case((3, 1, 1), lambda bend: (Convolution(2), bend, Flatten())),
    "pool first": Case((2, 6, 5), lambda bend: (Pool(), Convolution(2), bend, Flatten())),
    "dropped": Case((4,), lambda bend: (Linear(6), bend, Dropout(0.4))),
    "normalised": Case((5,), lambda bend: (Linear(7, biased=False), BatchNorm(), bend, Linear(4), BatchNorm())),
    "normalised images": Case((2, 4, 6), lambda bend: (Convolution(3, biased=False), BatchNorm(), bend, Flatten())),
    "words": Case((5,), lambda bend: (Embedding(7, 3), bend, Flatten()), 7),
    "read words": Case((5,), lambda bend: (Embedding(7, 3), LSTM(4), bend), 7),
    "RNN": Case((4, 3), lambda bend: (bend, RNN(5))),
    "LSTM": Case((4, 3), lambda bend: (bend, LSTM(5), Linear(2))),
    "GRU": Case((4, 3), lambda bend: (bend, GRU(5))),
    "one element, RNN": Case((1, 2), lambda bend: (RNN(3), bend)),
    "one element, LSTM": Case((1, 2), lambda bend: (LSTM(3), bend)),
    "one element, GRU": Case((1, 2), lambda bend: (GRU(1), bend)),
}

WAYS = ((1, False), (RUNS, True))
"""Inputs for how many runs, and whether rows count for more or less."""

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def numbers(case: Case, model: Network, dtype: str = "float64", rows: int = ROWS, own: int = 1) -> tuple[np.ndarray, ...]:
    """A stack (RUNS, size), inputs, targets and what rows count for, the last three for `own` runs."""
    rng = np.random.default_rng(8)
    stack = rng.normal(0, 0.7, (RUNS, model.size)).astype(dtype)
    stack[:, model.parameters :] = np.abs(stack[:, model.parameters :]) + np.asarray(0.5, dtype)
    features = (own, rows, math.prod(case.shape))
    x = rng.integers(0, case.words, features) if case.words else rng.normal(size=features).astype(dtype)
    return stack, x, targets(model.measure, rng, (own, rows), dtype), rng.uniform(0.2, 2, (own, rows))


def targets(loss: Loss, rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> np.ndarray:
    if loss.classes:
        return rng.integers(0, max(loss.outputs(CLASSES), 2), shape)
    return rng.normal(size=(*shape, CLASSES)).astype(dtype)


def test_every_layer_has_a_case():
    found = {
        thing
        for home in pkgutil.iter_modules(layers.__path__, f"{layers.__name__}.")
        for thing in vars(importlib.import_module(home.name)).values()
        if inspect.isclass(thing) and hasattr(thing, "forward") and hasattr(thing, "backward")
    }
    used = {type(layer) for case in CASES.values() for layer in case.network().layers}
    assert used == found - {Layer, Recurrent}
    assert used


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", BENDS)
@every_case
def test_backpropagation_by_hand_is_autograd(case, activation, loss):
    model = case.network(activation, loss)
    for own, weighted in WAYS:
        stack, x, y, weights = numbers(case, model, own=own)
        found, gradient, right = model.gradient(stack, x, y, None, weights if weighted else None)
        for i, row in enumerate(stack):
            at = i % own
            module, target = model.module(row).eval(), torch.from_numpy(y[at])
            outputs = module(torch.from_numpy(x[at]))
            shares = torch.from_numpy(weights[at] / weights[at].sum()) if weighted else 1 / ROWS
            theirs = (by_torch.losses(model.measure, outputs, target) * shares).sum()
            theirs.backward()
            assert found[i] == pytest.approx(theirs.item(), rel=1e-12)
            np.testing.assert_allclose(gradient[i, : model.parameters], by_torch.slopes(module), atol=1e-12)
            if right is not None:
                assert right[i] == (by_torch.classified(outputs) == target).double().mean().item()


def test_inputs_and_what_rows_count_for_may_be_shared_or_not():
    case = CASES["linear"]
    model = case.network()
    stack, x, y, weights = numbers(case, model)
    own_x, own_y, own_weights = (np.repeat(part, RUNS, axis=0) for part in (x, y, weights))
    for shared, own in (
        (model.gradient(stack, x, y), model.gradient(stack, own_x, own_y)),
        (model.gradient(stack, x, y, None, weights), model.gradient(stack, own_x, own_y, None, own_weights)),
        (model.gradient(stack, x, y), model.gradient(stack, x, y, None, np.full_like(weights, 3.0))),
    ):
        for one, other in zip(shared, own, strict=True):
            assert one is not None
            assert other is not None
            np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15)


@every_case
def test_a_gradient_is_the_slope_of_the_loss(case):
    model = case.network()
    stack, x, y, _ = numbers(case, model)
    _, gradient, _ = model.gradient(stack, x, y)
    direction, h = np.random.default_rng(3).normal(size=stack.shape), 1e-6
    direction[:, model.parameters :] = 0
    above, below = (model.gradient(stack + sign * h * direction, x, y)[0] for sign in (1, -1))
    np.testing.assert_allclose((gradient * direction).sum(axis=1), (above - below) / (2 * h), rtol=1e-6)


@every_case
def test_blocks_are_named_and_shaped_as_the_modules_parameters(case):
    model = case.network()
    named = [(name, tuple(parameter.shape)) for name, parameter in model.module(model.initial(0)).named_parameters()]
    assert [(block.name, block.shape) for block in model.blocks] == named


@every_case
def test_a_module_has_the_parameters_it_is_given(case):
    model = case.network()
    row = model.initial(0)
    module = model.module(row)
    buffers = [buffer for buffer in module.buffers() if buffer.ndim]
    np.testing.assert_array_equal(by_torch.flat(iter([*module.parameters(), *buffers])), row)


@pytest.mark.parametrize("rows", [1, ROWS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", BENDS)
@every_case
def test_a_run_knows_nothing_of_its_neighbours(case, activation, dtype, rows, monkeypatch):
    model = case.network(activation)
    for own, weighted in WAYS:
        stack, x, y, weights = numbers(case, model, dtype, rows, own)
        counted = weights if weighted else None
        together = model.gradient(stack, x, y, None, counted)
        for i in range(RUNS):
            mine = slice(i, i + 1) if own > 1 else slice(None)
            alone = model.gradient(stack[i : i + 1], x[mine], y[mine], None, weights[mine] if weighted else None)
            for all_of_them, one in zip(together, alone, strict=True):
                np.testing.assert_array_equal(all_of_them[i], one[0])
        with monkeypatch.context() as patch:
            patch.setattr(network, "BUDGET", 1)
            for usual, one_by_one in zip(together, model.gradient(stack, x, y, None, counted), strict=True):
                np.testing.assert_array_equal(usual, one_by_one)


@pytest.mark.parametrize("room", [1, 2, 4, ROWS - 1, ROWS])
@pytest.mark.parametrize("loss", LOSSES)
@every_case
def test_a_batch_in_pieces_is_the_batch(case, loss, room, monkeypatch):
    """Of as many rows as there is room for; what a run sees is its own."""
    model, which = case.network("tanh", loss), np.array([1, 0, 1])
    for own, weighted in WAYS:
        stack, x, y, weights = numbers(case, model, "float64", ROWS, own)
        counted = weights if weighted else None
        with monkeypatch.context() as patch:
            patch.setattr(network, "PIECE", room * model.width * stack.itemsize)
            if not model.states:
                assert max(piece.stop - piece.start for piece in model._pieces(ROWS, stack.itemsize)) <= room
            in_pieces = model.gradient(stack, x, y, None, counted)
        for whole, pieces in zip(model.gradient(stack, x, y, None, counted), in_pieces, strict=True):
            if whole is not None:
                np.testing.assert_allclose(pieces, whole, rtol=1e-12, atol=1e-14)
        if own > 1:
            given = (x[:2], y[:2], None, weights[:2] if weighted else None)
            shared = model.gradient(stack, *given, which=which)
            alone = model.gradient(stack, x[which], y[which], None, weights[which] if weighted else None)
            for one, other in zip(shared, alone, strict=True):
                np.testing.assert_array_equal(one, other)


def test_a_stop_is_heard_between_two_layers():
    model = CASES["linear"].network()
    stack, x, y, _ = numbers(CASES["linear"], model, "float64", ROWS, 1)
    for after in range(2 * len(model.layers)):
        left = iter([False] * after)
        with pytest.raises(Stopped):
            model.gradient(stack, x, y, should_stop=lambda left=left: next(left, True))
    assert np.isnan(model.outputs(stack, x[0], lambda: True)).all()


@pytest.mark.parametrize("activation", BENDS)
@every_case
def test_float32_stays_float32(case, activation):
    model = case.network(activation)
    stack, x, y, weights = numbers(case, model, "float32")
    delta, kept = model.forward(stack, model.entering(x), StepRng(np.zeros(RUNS, dtype=int), 0))
    assert delta.dtype == np.float32
    for i, weights_of in reversed(list(enumerate(model.weights(stack)))):
        into = [np.empty_like(weight) for weight in weights_of]
        delta = model.layers[i].backward(weights_of, kept[i], delta, into, wanted=True)
        assert delta is None or delta.dtype == np.float32
    assert [part.dtype for part in model.gradient(stack, x, y, None, weights)[:2]] == [np.float32, np.float32]


@pytest.mark.parametrize("activation", BENDS)
@every_case
def test_outputs_and_evaluation_are_the_modules(case, activation, monkeypatch):
    model = case.network(activation)
    stack, x, y, _ = numbers(case, model)
    monkeypatch.setattr(network, "ROWS", (4, 4))
    outputs, found = model.outputs(stack, x[0]), model.evaluate(stack, x[0], y[0])
    for i, row in enumerate(stack):
        theirs = model.module(row).eval()(torch.from_numpy(x[0]))
        target = torch.from_numpy(y[0])
        np.testing.assert_allclose(outputs[i].T, theirs.detach().numpy(), atol=1e-12)
        assert found["loss"][i] == pytest.approx(by_torch.losses(model.measure, theirs, target).mean().item(), rel=1e-12)
        assert found["accuracy"][i] == (by_torch.classified(theirs) == target).double().mean().item()
        shares = model.classified(outputs)[i].T
        np.testing.assert_allclose(shares, theirs.softmax(dim=1).detach().numpy(), atol=1e-12)


def test_of_one_output_the_second_class_has_the_sigmoid():
    outputs = np.array([[[-800.0, -1.0, 0.0, 2.0, 800.0]]])
    model = Network((1,), (Linear(1),), "binary")
    theirs = torch.from_numpy(outputs[0, 0]).sigmoid().numpy()
    np.testing.assert_allclose(model.classified(outputs)[0], [1 - theirs, theirs], atol=1e-15)


def test_of_equal_pixels_the_first_has_the_slope():
    images = np.random.default_rng(0).integers(0, 2, (1, 20, 2 * 6 * 6)).astype(float)
    model = Network((2, 6, 6), (Convolution(2), Pool(), Flatten(), Linear(CLASSES)))
    stack = np.random.default_rng(1).integers(-1, 2, (RUNS, model.parameters)).astype(float)
    y = np.arange(20)[None] % CLASSES
    _, gradient, _ = model.gradient(stack, images, y)
    for i, row in enumerate(stack):
        module = model.module(row)
        torch.nn.functional.cross_entropy(module(torch.from_numpy(images[0])), torch.from_numpy(y[0])).backward()
        np.testing.assert_allclose(gradient[i], by_torch.slopes(module), atol=1e-12)


@pytest.mark.parametrize("bend", BENDS.values(), ids=BENDS)
def test_an_activation_is_torchs_even_at_zero_and_far_out(bend):
    z = np.array([-1e3, -40.0, -2.0, -1e-9, 0.0, 1e-9, 2.0, 40.0, 1e3])
    theirs = torch.tensor(z, requires_grad=True)
    values = bend.module()(theirs)
    values.sum().backward()
    np.testing.assert_allclose(bend.value(z), values.detach().numpy(), rtol=1e-12, atol=1e-15)
    assert theirs.grad is not None
    np.testing.assert_allclose(bend.slope(z, bend.value(z)) * np.ones_like(z), theirs.grad.numpy(), rtol=1e-12, atol=1e-15)


# Dropout

DROPPED = {
    "between": ((4,), (Linear(6), Activation("tanh"), Dropout(0.4), Linear(5), Dropout(0.2), Linear(CLASSES))),
    "of inputs": ((4,), (Dropout(0.5), Linear(CLASSES))),
    "of images": ((1, 4, 4), (Convolution(3), Dropout(0.3), Pool(), Flatten(), Linear(CLASSES))),
    "of states": ((4, 3), (GRU(5), Dropout(0.3), Linear(CLASSES))),
}


@pytest.mark.parametrize("seeds", [[4, 4, 4], [4, 9, 4]], ids=["one seed", "two seeds"])
@pytest.mark.parametrize(("shape", "chosen"), DROPPED.values(), ids=DROPPED)
def test_what_is_dropped_is_what_the_module_drops(shape, chosen, seeds, monkeypatch):
    model = Network(shape, chosen)
    rng = np.random.default_rng(0)
    stack, x = rng.normal(size=(RUNS, model.parameters)), rng.normal(size=(1, ROWS, math.prod(shape)))
    y = rng.integers(0, CLASSES, (1, ROWS))
    loss, gradient, _ = model.gradient(stack, x, y, StepRng(np.array(seeds), 7))
    for i, row in enumerate(stack):
        module, draws = model.module(row), np.random.default_rng([seeds[i], 2, 7])
        for layer in module.modules():
            if isinstance(layer, SeededDropout):
                layer.draws = draws
        theirs = torch.nn.functional.cross_entropy(module(torch.from_numpy(x[0])), torch.from_numpy(y[0]))
        theirs.backward()
        assert loss[i] == pytest.approx(theirs.item(), rel=1e-12)
        np.testing.assert_allclose(gradient[i], by_torch.slopes(module), atol=1e-12)
    monkeypatch.setattr(network, "BUDGET", 1)
    np.testing.assert_array_equal(model.gradient(stack, x, y, StepRng(np.array(seeds), 7))[1], gradient)
    monkeypatch.setattr(network, "PIECE", 3 * model.width * stack.itemsize)
    in_pieces = model.gradient(stack, x, y, StepRng(np.array(seeds), 7))
    np.testing.assert_allclose(in_pieces[0], loss, rtol=1e-12)
    np.testing.assert_allclose(in_pieces[1], gradient, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_share_is_dropped_and_the_mean_kept(share):
    ones = np.ones((1, 200, 500))
    kept, factors = Dropout(share).forward([], ones, StepRng(np.array([3]), 0))
    assert (kept == 0).mean() == pytest.approx(share, abs=0.01)
    assert kept.mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(np.unique(factors), [0, 1 / (1 - share)])


def test_every_step_drops_others_and_evaluation_none():
    model = Network(*DROPPED["between"])
    rng = np.random.default_rng(0)
    stack, x, y = rng.normal(size=(1, model.parameters)), rng.normal(size=(1, ROWS, 4)), np.zeros((1, ROWS), dtype=int)
    losses = {model.gradient(stack, x, y, StepRng(np.array([0]), step))[0].item() for step in (0, 1, 2, 0)}
    assert len(losses) == 3
    assert model.evaluate(stack, x[0], y[0])["loss"] == pytest.approx(model.gradient(stack, x, y)[0])
    theirs = model.module(stack[0]).eval()(torch.from_numpy(x[0]))
    np.testing.assert_allclose(model.outputs(stack, x[0])[0].T, theirs.detach().numpy(), atol=1e-12)


def test_a_module_without_draws_drops_as_torch_does():
    ones = torch.ones(100, 100)
    torch.manual_seed(0)
    mine = SeededDropout(0.3)(ones)
    torch.manual_seed(0)
    np.testing.assert_array_equal(mine, torch.nn.Dropout(0.3)(ones))
