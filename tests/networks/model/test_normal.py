"""Batch normalisation, the layer that keeps a running state: torch's own, in a step, in a training, and in all that is kept."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from networks import TASKS, Training, train
from networks.export.script import checkpoint
from networks.model.layers.layer import StepRng
from networks.model.network import Network
from networks.training.train import continued, fork
from tests import by_torch
from tests.networks.model.test_layers import CASES, RUNS, numbers

one_thread = pytest.fixture(scope="module", autouse=True)(by_torch.one_thread)

NORMAL = {key: case for key, case in CASES.items() if key.startswith("normalised")}
RULES = (("sgd", {"lr": 0.1}), ("momentum", {"lr": 0.05}), ("adam", {"lr": 0.01}), ("rmsprop", {"lr": 0.005}))


def normalised(key: str) -> Any:
    task = TASKS[key]
    return replace(task, kind=replace(task.kind, normalised=True))  # type: ignore[type-var]


def trained(key: str = "moons_mlp", entrants: Any = RULES, **given: Any) -> Training:
    return train(normalised(key), entrants=entrants, **{"steps": 40, "batch_size": 16, "dtype": "float64", **given})


def buffers(module: torch.nn.Module) -> np.ndarray:
    return by_torch.flat(buffer for buffer in module.buffers() if buffer.ndim)


@pytest.mark.parametrize("case", NORMAL.values(), ids=NORMAL)
def test_a_step_is_torchs_and_moves_the_running_state_as_torch_does(case):
    model: Network = case.network()
    stack, x, y, _ = numbers(case, model)
    loss, gradient, _ = model.gradient(stack, x, y, StepRng(np.zeros(RUNS, dtype=int), 0))
    for i, row in enumerate(stack):
        module = model.module(row).train()
        theirs = by_torch.losses(model.measure, module(torch.from_numpy(x[0])), torch.from_numpy(y[0])).mean()
        theirs.backward()
        assert loss[i] == pytest.approx(theirs.item(), rel=1e-12)
        np.testing.assert_allclose(gradient[i, : model.parameters], by_torch.slopes(module), atol=1e-12)
        np.testing.assert_allclose(gradient[i, model.parameters :], buffers(module), rtol=1e-12)


@pytest.mark.parametrize("case", NORMAL.values(), ids=NORMAL)
def test_in_a_step_the_gradient_is_the_slope_of_the_loss(case):
    model: Network = case.network()
    stack, x, y, _ = numbers(case, model)
    rng, direction, h = StepRng(np.zeros(RUNS, dtype=int), 0), np.random.default_rng(3).normal(size=stack.shape), 1e-6
    gradient = model.gradient(stack, x, y, rng)[1][:, : model.parameters]
    direction[:, model.parameters :] = 0
    above, below = (model.gradient(stack + sign * h * direction, x, y, rng)[0] for sign in (1, -1))
    along = (gradient * direction[:, : model.parameters]).sum(axis=1)
    np.testing.assert_allclose(along, (above - below) / (2 * h), rtol=1e-5)


@pytest.mark.parametrize("key", ["moons_mlp", "digits_cnn"])
@pytest.mark.parametrize(("dtype", "near"), [("float64", 1e-11), ("float32", 2e-4)])
def test_a_training_is_torchs(key, dtype, near):
    found = trained(key, dtype=dtype, steps=20)
    for run, (rule, hypers) in enumerate(RULES):
        module = by_torch.trained(found, run, by_torch.twin(rule, hypers))
        many = found.task.model.parameters
        np.testing.assert_allclose(found.x[run, :many], by_torch.parameters(module), rtol=near, atol=near)
        np.testing.assert_allclose(found.x[run, many:], buffers(module), rtol=10 * near, atol=near)
        loss, accuracy = by_torch.evaluated(found, module)
        assert found.metrics["val_loss"][-1, run] == pytest.approx(loss, rel=10 * near)
        assert dtype == "float32" or found.metrics["val_accuracy"][-1, run] == pytest.approx(accuracy)


def test_a_training_that_is_continued_is_the_uninterrupted_one_and_a_fork_takes_the_state_along():
    whole, half = trained(), trained(steps=40, should_stop=_after(12))
    assert half.steps < 40
    again = continued(half)
    np.testing.assert_array_equal(again.x, whole.x)
    child = fork(whole, run=2, step=20, entrants=[RULES[2]])
    np.testing.assert_array_equal(child.x[0], whole.x[2])


def _after(steps: int) -> Any:
    asked = iter(range(10**9))
    return lambda: next(asked) > 10 * steps


def test_a_rule_that_looks_elsewhere_moves_no_state():
    """SAM takes its gradient elsewhere; the first step's state is that of the rows at the start, as SGD's is."""
    found = trained(entrants=[("sgd", {"lr": 0.1}), ("sam-sgd", {"lr": 0.1})], steps=1)
    many = found.task.model.parameters
    assert (found.x[0, :many] != found.x[1, :many]).any()
    np.testing.assert_array_equal(found.x[0, many:], found.x[1, many:])


def test_who_diverges_takes_no_neighbour_along_and_keeps_a_state_no_more():
    both, alone = (trained("diabetes_mlp", [*more, RULES[2]]) for more in ([("sgd", {"lr": 100.0})], []))
    assert both.diverged.tolist() == [True, False]
    np.testing.assert_array_equal(both.x[1], alone.x[0])
    np.testing.assert_array_equal(both.loss[:, 1], alone.loss[:, 0])


def test_a_checkpoint_has_the_state_for_its_module():
    found = trained()
    for run, kept in enumerate(torch.load(io.BytesIO(checkpoint(found)), weights_only=True)["runs"]):
        module = found.task.model.module(found.x0[run])
        module.load_state_dict(kept["model"])
        np.testing.assert_array_equal(buffers(module), found.x[run, found.task.model.parameters :])


def test_one_row_has_no_deviation_and_that_is_said():
    with pytest.raises(ValueError, match="batch_size = 1 is not allowed: batch normalisation needs 2 rows or more"):
        trained(batch_size=1)


def test_without_it_a_row_is_the_parameters_alone():
    model = TASKS["moons_mlp"].model
    assert model.size == model.parameters
    assert model.states == ()
    assert normalised("moons_mlp").model.size == normalised("moons_mlp").model.parameters + 2 * (16 + 16)


def test_the_scale_begins_at_one_however_the_weights_are_drawn():
    task = normalised("moons_mlp")
    for init in ("torch", "he", "zeros"):
        named = replace(task, init=init).model.tensors(replace(task, init=init).model.initial(0))
        assert {name: set(named[name].tolist()) for name in ("1.weight", "1.bias", "1.running_mean", "1.running_var")} == {
            "1.weight": {1.0},
            "1.bias": {0.0},
            "1.running_mean": {0.0},
            "1.running_var": {1.0},
        }
