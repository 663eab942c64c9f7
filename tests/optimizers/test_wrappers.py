"""Wrappers: what they make of a rule equals their papers, written out by hand around torch's own optimizers."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from core import simulate, sweep
from core.study.anatomy import dissect
from core.wrapper import wrapper
from networks import TASKS, train
from optimizers import ENTRANTS, RULES, WRAPPERS
from surfaces import SURFACES
from tests import by_torch

ROSENBROCK, RAVINE = SURFACES["rosenbrock"], SURFACES["ravine"].rotated(30.0)
STEPS = 60


def optimizer_of(key: str, x: torch.Tensor, lr: float) -> torch.optim.Optimizer:
    twin = RULES[key].twin
    assert twin
    numbers = {name: hyper.default for name, hyper in RULES[key].hypers.items()} | {"lr": lr}
    return getattr(torch.optim, twin.name)([x], lr=lr, **twin.arguments(numbers))


def looked_ahead(key: str, surface: Any, lr: float, k: int, alpha: float) -> np.ndarray:
    """Zhang et al. 2019, Algorithm 1."""
    x = torch.tensor(surface.start, dtype=torch.float64, requires_grad=True)
    inner, slow, path = optimizer_of(key, x, lr), x.detach().clone(), [x.detach().numpy().copy()]
    for step in range(1, STEPS + 1):
        x.grad = torch.from_numpy(surface.grad(x.detach().numpy()))
        inner.step()
        if step % k == 0:
            with torch.no_grad():
                slow += alpha * (x - slow)
                x.copy_(slow)
        path.append(x.detach().numpy().copy())
    return np.array(path)


def sharpness_aware(key: str, surface: Any, lr: float, rho: float) -> np.ndarray:
    """Foret et al. 2021, equations 2 and 3."""
    x = torch.tensor(surface.start, dtype=torch.float64, requires_grad=True)
    inner, path = optimizer_of(key, x, lr), [x.detach().numpy().copy()]
    for _ in range(STEPS):
        here = x.detach().numpy()
        g = surface.grad(here)
        x.grad = torch.from_numpy(surface.grad(here + rho * g / np.linalg.norm(g)))
        inner.step()
        path.append(x.detach().numpy().copy())
    return np.array(path)


@pytest.mark.parametrize("key", ["sgd", "momentum", "adam", "amsgrad", "rprop"])
@pytest.mark.parametrize(("k", "alpha"), [(5, 0.5), (1, 0.3), (7, 1.0)])
def test_lookahead_is_its_algorithm_around_any_rule(key, k, alpha):
    rule, lr = WRAPPERS["lookahead"](RULES[key]), RULES[key].hypers["lr"].default / 50
    run = simulate(rule, ROSENBROCK, hypers={"lr": lr, "k": k, "alpha": alpha}, steps=STEPS)
    np.testing.assert_allclose(run.x[:, 0], looked_ahead(key, ROSENBROCK, lr, k, alpha), rtol=0, atol=1e-12)
    assert run.evaluations.keys() == {"grad"}


@pytest.mark.parametrize("key", ["sgd", "momentum", "adam"])
def test_sam_is_its_equations_around_any_rule(key):
    rule, lr = WRAPPERS["sam"](RULES[key]), RULES[key].hypers["lr"].default / 50
    run = simulate(rule, ROSENBROCK, hypers={"lr": lr, "rho": 0.1}, steps=STEPS)
    np.testing.assert_allclose(run.x[:, 0], sharpness_aware(key, ROSENBROCK, lr, 0.1), rtol=0, atol=1e-12)
    assert {kind: count.tolist() for kind, count in run.evaluations.items()} == {"grad": [2 * STEPS]}


def test_sam_on_a_network_takes_both_gradients_on_one_minibatch():
    training = train(TASKS["moons_mlp"], entrants=[("sam-sgd", {"lr": 0.1, "rho": 0.2})], steps=30, dtype="float64")
    model = training.module(0, "start")
    x, y = training.data.x_train.double(), training.data.y_train
    for batch in training.batches:
        rows = torch.from_numpy(batch)

        def gradients(rows: torch.Tensor = rows) -> list[torch.Tensor]:
            loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
            return list(torch.autograd.grad(loss, list(model.parameters())))

        with torch.no_grad():
            first = gradients_of(gradients)
            length = torch.sqrt(torch.stack([(g * g).sum() for g in first]).sum())
            for p, g in zip(model.parameters(), first, strict=True):
                p += 0.2 * g / length
            second = gradients_of(gradients)
            for p, g, uphill in zip(model.parameters(), second, first, strict=True):
                p -= 0.2 * uphill / length + 0.1 * g
    np.testing.assert_allclose(by_torch.parameters(model), training.x[0], rtol=0, atol=1e-12)


def gradients_of(gradients: Callable[[], list[torch.Tensor]]) -> list[torch.Tensor]:
    with torch.enable_grad():
        return gradients()


@pytest.mark.parametrize("outer", WRAPPERS)
@pytest.mark.parametrize("inner", WRAPPERS)
def test_wrappers_wrap_what_is_wrapped(outer, inner):
    rule = WRAPPERS[outer](WRAPPERS[inner](RULES["adam"]))
    run = simulate(rule, RAVINE, steps=40)
    assert not run.diverged.any()
    assert pickle.loads(pickle.dumps(rule)) == rule
    anatomy = dissect(rule, RAVINE, steps=40)
    np.testing.assert_allclose(-anatomy.direction * run.lr, anatomy.moved, rtol=1e-6, atol=1e-12)


def test_a_map_of_a_wrapped_rule_is_its_runs_in_workers_too():
    rule = ENTRANTS["sam-adam"].rule
    axes = {"lr": np.geomspace(1e-3, 1.0, 100), "rho": np.linspace(0.01, 1.0, 90)}
    found = sweep(rule, RAVINE, axes=axes, steps=20, processes=2)
    for i, j in ((0, 0), (50, 7), (99, 89)):
        alone = simulate(rule, RAVINE, hypers={"lr": axes["lr"][i], "rho": axes["rho"][j]}, steps=20)
        assert found.final[i, j] == alone.final[0]


def test_decoupled_decay_adds_settings_alone():
    adamw = ENTRANTS["adamw"].rule
    assert (adamw.key, adamw.title, adamw.update, dict(adamw.settings)) == (
        "adamw",
        "AdamW",
        RULES["adam"].update,
        {"weight_decay": 1e-2},
    )


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("return g", "must have exactly one line"),
        ("return step(step(g))", "must have exactly one line"),
        ("d = 2 * step(g)\n    return d", "must have exactly one line"),
        ("d = step(g)\n    if lr > 1:\n        d = g\n    return d", "is no equation"),
    ],
)
def test_a_wrapper_that_is_none_is_loud(tmp_path, monkeypatch, lines, told):
    (tmp_path / "wrong_wrapper.py").write_text(f"def wrong(g, *, step, lr):\n    {lines}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "wrong_wrapper", raising=False)
    from importlib import import_module

    declare = wrapper(title="Wrong", year=2026, source="nowhere", conventions="None.", around={})
    with pytest.raises(ValueError, match=told):
        declare(import_module("wrong_wrapper").wrong)
