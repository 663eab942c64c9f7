"""One new file is enough: what CONTRIBUTING shows, and rules that ask for more, in a package of their own, conform."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from core import Rule, simulate, sweep
from core.study.anatomy import dissect
from core.symbolic.notation import equations
from networks import TASKS, train
from networks.training.train import fork
from optimizers import RULES, entrants_of, rules_in, wrappers_in
from surfaces import SURFACES, surfaces_in
from tests import by_torch
from tests.optimizers import test_rules
from tests.surfaces import test_surfaces
from tests.test_house import package

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
EXAMPLES: dict[str, str] = dict(re.findall(r"<!-- (\S+\.py) -->\n```python\n(.*?)```", TEXT, re.DOTALL))
RAVINE = SURFACES["ravine"].rotated(30.0)

ARMIJO = """
    from typing import Annotated

    from core import Hyper, rule
    from core.maths import where

    Slope = Annotated[float, Hyper(1e-6, 0.5, "log", help="How much of the promised fall a step must keep.")]


    @rule(
        title="Backtracking",
        family="gradient",
        year=1966,
        source="Armijo, Pacific Journal of Mathematics 16, 1966",
        lr=1.0,
        conventions="Of lr, lr/4, lr/16 and lr/64 the first that keeps a share c of the promised fall, else lr/256.",
    )
    def backtracking(g, *, x, lr, loss, loss_at, dot, c: Slope = 1e-4):
        fall = c * lr * dot(g, g)
        last = where(loss_at(x - lr / 64 * g) < loss - fall / 64, 1 / 64, 1 / 256)
        third = where(loss_at(x - lr / 16 * g) < loss - fall / 16, 1 / 16, last)
        second = where(loss_at(x - lr / 4 * g) < loss - fall / 4, 1 / 4, third)
        first = where(loss_at(x - lr * g) < loss - fall, 1.0, second)
        return first * g
"""

LARS = """
    from core import rule
    from core.maths import where


    @rule(
        title="LARS",
        family="gradient",
        year=2017,
        source="You et al., arXiv:1708.03888, equation 6",
        lr=1e-2,
        conventions="Each matrix and each vector of a network moves by a share of its own length.",
    )
    def lars(g, *, x, norm, blocks):
        long = norm(x, blocks)
        steep = norm(g, blocks)
        return where(long * steep > 0, long / steep, 1.0) * g
"""

ANNEALED = """
    from core import rule


    @rule(
        title="Noisy descent",
        family="gradient",
        year=2011,
        source="Welling & Teh, ICML 2011, equation 4, at temperature 1/t",
        lr=1e-2,
        conventions="The noise falls as 1/t.",
    )
    def annealed(g, *, t, rng):
        return g + rng() / t
"""

CENTRED = """
    from dataclasses import dataclass

    import torch
    from torch import nn

    from networks.model.layers.layer import Bare
    from networks.model.layers.linear import Linear
    from networks.model.parameters import Block


    class Centring(nn.Module):
        def __init__(self, many):
            super().__init__()
            self.register_buffer("running", torch.zeros(many))

        def forward(self, x):
            if not self.training:
                return x - self.running
            mean = x.mean(dim=0)
            self.running = 0.9 * self.running + 0.1 * mean.detach()
            return x - mean


    class Centred(Bare):
        def states(self, shape):
            return [Block("running", shape, 1, 1, draw=("zeros", 0.0))]

        def forward(self, weights, x, rng):
            mean = weights[0] if rng is None else x.mean(axis=-1)
            return x - mean[..., None], (mean, rng is not None)

        def backward(self, weights, kept, delta, into, *, wanted):
            mean, moves = kept
            into[0][:] = 0.9 * weights[0] + 0.1 * mean if moves else weights[0]
            return delta - delta.mean(axis=-1, keepdims=True) if moves else delta

        def module(self, shape):
            return Centring(shape[0])


    @dataclass(frozen=True)
    class CentredNetwork:
        def layers(self, shape, outputs, words):
            return Linear(6, biased=False), Centred(), Linear(outputs)
"""
"""A layer with a running state, its torch module, and an architecture that has it."""

fresh = package


def conform(rule: Rule) -> None:
    """The suite of tests/optimizers/test_rules.py, but for the twin that it has not."""
    for surface in SURFACES.values():
        test_rules.test_a_batch_of_starts_is_its_runs(rule, surface)
        test_rules.test_a_batch_of_hyperparameters_is_its_runs(rule, surface)
    test_rules.test_a_rule_writes_to_nothing(rule)
    test_rules.test_a_rule_says_what_it_is(rule)
    for hyper in rule.hypers.values():
        test_rules.test_a_hyperparameter_fits_its_slider(rule, hyper)
    assert equations(rule.update)
    anatomy = dissect(rule, RAVINE, steps=20)
    np.testing.assert_allclose(-anatomy.direction * anatomy.run.lr, anatomy.moved, rtol=1e-6, atol=1e-12)


def one(package: Callable[..., ModuleType], **source: str) -> Rule:
    (rule,) = rules_in(package(**source)).values()
    return rule


def examples(folder: str) -> Iterator[tuple[str, str]]:
    for path, code in EXAMPLES.items():
        if Path(path).parent == Path(folder):
            yield Path(path).stem, code


def test_contributing_shows_one_of_each_kind():
    folders = {str(Path(path).parent) for path in EXAMPLES}
    assert folders == {"optimizers", "optimizers/wrappers", "surfaces"}
    for named in re.findall(r"`((?:tests|core|optimizers|surfaces|networks|experiments|pages|docs)/[\w/.]*)`", TEXT):
        assert (ROOT / named).exists(), named


@pytest.mark.parametrize("name", dict(examples("optimizers")))
def test_a_rule_of_contributing_conforms(fresh, name):
    conform(one(fresh, **{name: dict(examples("optimizers"))[name]}))


def test_a_wrapper_of_contributing_wraps(fresh):
    made = wrappers_in(fresh(**dict(examples("optimizers/wrappers"))))
    for entrant in list(entrants_of(RULES, made).values())[len(RULES) :]:
        conform(entrant.rule)


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ('"sgd": None', '"sdg": None', "negative_momentum: around 'sdg' is no rule: allowed is one of sgd, "),
        ("return d, d", "return d", "negative_momentum returns 1 values: it must return its direction, last"),
    ],
)
def test_a_wrapper_that_is_not_what_it_should_be_is_loud(fresh, right, wrong, told):
    code = dict(examples("optimizers/wrappers"))["negative_momentum"]
    assert right in code
    with pytest.raises(ValueError, match=re.escape(told)):
        entrants_of(RULES, wrappers_in(fresh(negative_momentum=code.replace(right, wrong))))


def test_a_surface_of_contributing_keeps_its_claims(fresh):
    (well,) = surfaces_in(fresh(**dict(examples("surfaces")))).values()
    for check in test_surfaces.CHECKS:
        check(well)


# Rules that ask for more


def test_newton_is_at_the_bottom_of_a_quadratic_in_one_step(fresh):
    newton = one(fresh, newton=dict(examples("optimizers"))["newton"])
    run = simulate(newton, RAVINE.with_(kappa=1e4), start=(3.0, -2.0), steps=2)
    np.testing.assert_allclose(run.x[1, 0], 0.0, atol=1e-10)
    assert {kind: count.tolist() for kind, count in run.evaluations.items()} == {"grad": [2], "hessian": [2]}
    flat = simulate(newton, SURFACES["plane"], start=[(0.5, 0.5)], steps=3)  # no second derivatives: no step, and it says so
    assert flat.diverged.all()


def test_one_run_without_an_inverse_spoils_no_other(fresh):
    newton = one(fresh, newton=dict(examples("optimizers"))["newton"])
    starts = [(0.3, 0.4), (0.0, 0.0), (-1.0, 2.0)]
    quartic = SURFACES["quartic"] if "quartic" in SURFACES else next(s for s in SURFACES.values() if s.title == "Quartic bowl")
    run = simulate(newton, quartic, start=starts, steps=5)
    for i, start in enumerate(starts):
        np.testing.assert_array_equal(run.x[:, i], simulate(newton, quartic, start=start, steps=5).x[:, 0])


def test_a_problem_that_cannot_serve_a_rule_says_so(fresh):
    newton = one(fresh, newton=dict(examples("optimizers"))["newton"])
    assert newton.refusal(RAVINE) == ""
    assert newton.refusal(TASKS["iris_mlp"].model) == "Newton needs second derivatives, and there are none here."

    class Bare:
        start = (1.0, 1.0)
        value = staticmethod(lambda points: (points**2).sum(axis=-1))
        grad = staticmethod(lambda points: 2 * points)

    with pytest.raises(ValueError, match="Newton needs second derivatives"):
        simulate(newton, Bare(), steps=2)
    with pytest.raises(ValueError, match="Newton needs second derivatives"):
        sweep(newton, Bare(), axes={"lr": [0.1, 1.0]}, steps=2)


def test_a_line_search_takes_the_first_step_that_falls_enough_and_counts_its_looks(fresh):
    rule, surface = one(fresh, backtracking=ARMIJO), SURFACES["rosenbrock"]
    conform(rule)
    run = simulate(rule, surface, steps=100)
    for x, after in zip(run.x[:-1, 0], run.x[1:, 0], strict=True):
        g, loss = surface.grad(x), surface.value(x)
        enough = [s for s in (1.0, 1 / 4, 1 / 16, 1 / 64) if surface.value(x - s * g) < loss - 1e-4 * s * (g @ g)]
        np.testing.assert_allclose(after, x - [*enough, 1 / 256][0] * g, rtol=0, atol=1e-12)
    assert {kind: count.tolist() for kind, count in run.evaluations.items()} == {"grad": [100], "value": [500]}


def test_a_rule_that_sees_matrices_runs_on_networks_alone(fresh, monkeypatch):
    rule = one(fresh, lars=LARS)
    assert rule.refusal(RAVINE) == "LARS needs matrices, and there are none here."
    with pytest.raises(ValueError, match="LARS needs matrices"):
        simulate(rule, RAVINE, steps=1)
    entrants: dict[str, Any] = dict(entrants_of({"lars": rule, "sgd": RULES["sgd"]}))
    monkeypatch.setattr("networks.training.entrants.ENTRANTS", entrants)
    training = train(TASKS["iris_mlp"], entrants=[("lars", {"lr": 0.01}), ("sgd", {"lr": 0.01})], steps=1, dtype="float64")
    model, moved = training.task.model, training.x - training.x0
    for place, block in zip(model.places, model.blocks, strict=True):
        long = np.linalg.norm(training.x0[0, place])
        wanted = 0.01 * (long if long else np.linalg.norm(moved[1, place]) / 0.01)
        assert np.linalg.norm(moved[0, place]) == pytest.approx(wanted, rel=1e-9), block.name


def test_a_layer_with_a_running_state_is_trained_kept_and_evaluated(fresh):
    module = import_module(f"{fresh(centred=CENTRED).__name__}.centred")
    task = replace(TASKS["iris_mlp"], kind=module.CentredNetwork())
    entrants: Any = [("adam", {"lr": 0.02}), ("momentum", {"lr": 0.05})]
    training = train(task, entrants=entrants, steps=25, batch_size=16, dtype="float64")
    for run, (rule, hypers) in enumerate(entrants):
        module = by_torch.trained(training, run, by_torch.twin(rule, hypers))
        for name, tensor in module.state_dict().items():
            np.testing.assert_allclose(task.model.tensors(training.x[run])[name], tensor, rtol=1e-9, atol=1e-10, err_msg=name)
        assert training.metrics["val_loss"][-1, run] == pytest.approx(by_torch.evaluated(training, module)[0], rel=1e-9)
    child = fork(training, run=0, step=0, entrants=entrants[:1])
    np.testing.assert_array_equal(child.x[0], training.x[0])


def test_what_a_rule_draws_is_the_same_for_every_run_and_from_the_seed_alone(fresh):
    rule = one(fresh, annealed=ANNEALED)
    conform(rule)
    two = simulate(rule, SURFACES["plane"], start=[(0.0, 0.0), (0.0, 0.0)], steps=20)
    np.testing.assert_array_equal(two.x[:, 0], two.x[:, 1])
    assert (simulate(rule, SURFACES["plane"], steps=20, seed=1).x != simulate(rule, SURFACES["plane"], steps=20).x).any()
