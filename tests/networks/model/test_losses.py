"""Every loss by hand is the torch expression beside it, row by row, also where it bends and far out."""

import math

import numpy as np
import pytest
import torch

from networks.model.losses import LOSSES, Loss
from tests import by_torch

one_thread = pytest.fixture(scope="module", autouse=True)(by_torch.one_thread)

CLASSES, RUNS = 3, 4
TELLING = np.array([-1e4, -30.0, -1.5, -1.0, -0.5, -1e-9, 0.0, 1e-9, 0.5, 1.0, 1.5, 30.0, 1e4])
"""Outputs far out, and where a loss bends."""

every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def telling(loss: Loss, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (1, out, rows) and targets (1, …, rows)."""
    many = loss.outputs(CLASSES)
    outputs = np.concatenate(
        [np.tile(TELLING, (many, 2)), rng.choice(TELLING, (many, 60)), rng.normal(size=(many, 40))], axis=1
    )
    if not loss.classes:
        return outputs[None], rng.choice([0.0, 1.0, -0.5], (1, *outputs.shape))
    y = rng.integers(0, max(many, 2), outputs.shape[1])
    y[: len(TELLING)], y[len(TELLING) : 2 * len(TELLING)] = 0, 1
    return outputs[None], y[None]


def as_torch(loss: Loss, outputs: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs (rows, out), whose slopes are wanted, and targets (rows,) or (rows, out)."""
    return torch.tensor(outputs.T, requires_grad=True), torch.tensor(y if loss.classes else y.T)


@every_loss
def test_a_loss_and_its_slope_are_torchs(loss):
    outputs, y = telling(loss, np.random.default_rng(0))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        each, slope = loss.function(outputs, y)
    theirs, target = as_torch(loss, outputs[0], y[0])
    rows = by_torch.losses(loss, theirs, target)
    assert rows.shape == (outputs.shape[2],)
    rows.sum().backward()
    np.testing.assert_allclose(each[0], rows.detach().numpy(), rtol=1e-12, atol=1e-14)
    assert theirs.grad is not None
    np.testing.assert_allclose(slope[0].T, theirs.grad.numpy(), rtol=1e-12, atol=1e-15)
    assert np.isfinite(each).all()


@every_loss
def test_what_is_right_is_the_class_that_the_outputs_say(loss):
    outputs, y = telling(loss, np.random.default_rng(1))
    if loss.right is None:
        return
    theirs, target = as_torch(loss, outputs[0], y[0])
    decided = np.ones(len(target), dtype=bool) if outputs.shape[1] > 1 else outputs[0, 0] != 0
    said = (by_torch.classified(theirs) == target).numpy()
    np.testing.assert_array_equal(loss.right(outputs, y)[0][decided], said[decided])


@every_loss
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loss_keeps_the_precision_and_each_run_its_targets(loss, dtype):
    rng = np.random.default_rng(2)
    outputs = rng.normal(size=(RUNS, loss.outputs(CLASSES), 7)).astype(dtype)
    shape = (RUNS, 7) if loss.classes else outputs.shape
    y = rng.integers(0, 2, shape) if loss.classes else rng.normal(size=shape).astype(dtype)
    for targets in (y, y[:1]):
        together = loss.function(outputs.copy(), targets)
        assert [part.dtype for part in together] == [dtype, dtype]
        for i in range(RUNS):
            alone = loss.function(outputs[i : i + 1].copy(), targets[i % len(targets)][None])
            for all_of_them, one in zip(together, alone, strict=True):
                np.testing.assert_array_equal(all_of_them[i], one[0])


@every_loss
def test_a_loss_leaves_the_outputs_as_they_are(loss):
    outputs, y = telling(loss, np.random.default_rng(3))
    before = outputs.copy()
    loss.function(outputs, y)
    np.testing.assert_array_equal(outputs, before)


def test_guessing_costs_the_logarithm_of_the_classes():
    loss, _ = LOSSES["cross_entropy"].function(np.zeros((1, 10, 1)), np.array([[3]]))
    assert loss[0, 0] == pytest.approx(math.log(10))
    loss, _ = LOSSES["binary"].function(np.zeros((1, 1, 1)), np.array([[1]]))
    assert loss[0, 0] == pytest.approx(math.log(2))


def test_a_row_on_the_border_moves_a_perceptron():
    """Or one that begins at zeros would never learn (Rosenblatt's rule corrects wherever y·z ≤ 0)."""
    loss, slope = LOSSES["perceptron"].function(np.zeros((1, 1, 2)), np.array([[0, 1]]))
    assert loss.tolist() == [[0, 0]]
    assert slope.tolist() == [[[1, -1]]]


def test_so_many_outputs():
    assert {key: loss.outputs(2) for key, loss in LOSSES.items() if loss.classes} == {
        "cross_entropy": 2,
        "binary": 1,
        "perceptron": 1,
    }
