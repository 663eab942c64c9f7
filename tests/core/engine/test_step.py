"""One step: numbers that are floats do what numbers in arrays do, also where there is nothing to divide by."""

from typing import Any

import numpy as np
import pytest

from core import Rule, maths, rule, simulate, sweep
from core.engine.step import carrying, step_of
from core.hyper import Momentum
from core.maths import Real, log, power, sqrt, where
from core.study.anatomy import dissect
from networks import TASKS, train
from optimizers import ENTRANTS
from surfaces import SURFACES
from tests.problems import same

ROSENBROCK = SURFACES["rosenbrock"]
SOFTMAX = TASKS["blobs_softmax"]


def corners(key: str) -> list[dict[str, float]]:
    """Every number of an entrant alone at each end of its range and off, and all at their ends together."""
    hypers = ENTRANTS[key].hypers
    usual = {name: hyper.default for name, hyper in hypers.items()}
    ends = {name: [v for v in (h.low, h.high, h.off) if v is not None] for name, h in hypers.items()}
    together = [{name: values[i] for name, values in ends.items()} for i in (0, 1)]
    flat = [{"beta2": value} for value in (0.5, 0.6, 2 / 3, 0.75) if "beta2" in hypers]  # 2/(1 − 0.6) − 1 is 4 exactly
    single = [{name: value} for name, values in ends.items() for value in values]
    return [usual | own for own in (*together, *(own | {"lr": usual["lr"]} for own in together), *single, *flat)]


@pytest.mark.parametrize("key", ENTRANTS)
def test_a_number_does_what_an_array_of_it_does_wherever_it_is(key):
    every = corners(key)
    stack = {name: [one[name] for one in every] for name in every[0]}
    together = train(SOFTMAX, entrants=[(key, stack)], steps=10, batch_size=16, dtype="float64")
    separate = train(SOFTMAX, entrants=[(key, one) for one in every], steps=10, batch_size=16, dtype="float64")
    assert same(together.x, separate.x)
    assert not together.reasons
    settings: dict[str, Any] = {name: stack.pop(name) for name in ("weight_decay",) if name in stack}
    batch = simulate(ENTRANTS[key].rule, ROSENBROCK, hypers=stack, steps=10, **settings)
    for run in range(0, len(every), 3):
        numbers = {name: values[run] for name, values in stack.items()}
        own: dict[str, Any] = {name: values[run] for name, values in settings.items()}
        alone = simulate(ENTRANTS[key].rule, ROSENBROCK, hypers=numbers, steps=10, **own)
        assert same(alone.x[:, 0], batch.x[:, run])


def _declared(update: Any) -> Rule:
    return rule(title="Touchy", family="gradient", year=2000, source="None.", lr=0.01, conventions="None.")(update)


@_declared
def over_nothing(g, *, mu: Momentum = 0.5):
    return g + 1 / (mu - 0.5)


@_declared
def over_its_count(g, *, t):
    return where(t > 3, g, g + 2 / (t - 2))


@_declared
def of_a_power(g, *, mu: Momentum = 0.5):
    return g + 1e-3 * power(mu - 0.5, mu - 1.5)


@_declared
def of_a_large_power(g, *, t, mu: Momentum = 0.5):
    return g + (1e200 * mu) ** t


@_declared
def of_a_root(g, *, mu: Momentum = 0.5):
    return where(sqrt(mu - 0.75) > 1, g, g / (1 - log(2 * mu)))


TOUCHY = [over_nothing, over_its_count, of_a_power, of_a_large_power, of_a_root]


class Plain:
    """An objective without its formula, whose steps are made on arrays as they stand."""

    value, grad, start = staticmethod(ROSENBROCK.value), staticmethod(ROSENBROCK.grad), ROSENBROCK.start


@pytest.mark.parametrize("touchy", TOUCHY, ids=lambda touchy: touchy.key)
def test_no_arithmetic_of_numbers_raises(touchy):
    many = {"mu": [0.5, 0.5]} if "mu" in touchy.hypers else {"lr": [0.01, 0.01]}
    ours = simulate(touchy, ROSENBROCK, steps=6)
    for objective in (ROSENBROCK, Plain()):
        batch = simulate(touchy, objective, hypers=many, steps=6)
        for run in (simulate(touchy, objective, steps=6), simulate(touchy, objective, start=[ROSENBROCK.start] * 2, steps=6)):
            assert same(run.x[:, 0], ours.x[:, 0])
            assert same(run.x[:, 0], batch.x[:, 0])
            assert run.stopped[0] == ours.stopped[0]
    grid = sweep(touchy, ROSENBROCK, axes={"lr": [0.01, 0.02]}, steps=6)
    assert grid.stopped[0] == ours.stopped[0]
    anatomy = dissect(touchy, ROSENBROCK, steps=6)
    assert same(anatomy.run.x, ours.x)
    x = np.array([[0.5, 2.0]], dtype=np.float32)
    single, several = (
        step_of(touchy, frozenset(), {"mu": mu} if "mu" in touchy.hypers else {})
        for mu in (0.5, np.full((1, 1), np.float32(0.5)))
    )
    for t in (2, 3, 4):
        with np.errstate(all="ignore"):
            ((one,), _), ((other,), _) = (step([x], [x], [[]], 0.1, Real(t), []) for step in (single, several))
        assert one.dtype == x.dtype
        assert same(one, other)


@_declared
def by_powers(g, v=0.0, *, t, beta1: Momentum = 0.9, beta2: Momentum = 0.5, mu: Momentum = 0.5):
    v = beta2**t * v + g
    mu = mu * beta2
    return v / (1 - beta2**t) + mu**t * power(beta1, t) * g, v


@_declared
def by_other_powers(g, *, t, beta1: Momentum = 0.9):
    beta1_to_t = g * t
    return beta1**t * beta1_to_t


def test_powers_of_hyperparameters_are_arguments_of_their_own():
    """Only b**t of a hyperparameter as it was given; what a rule writes in another way stays as it is."""
    update, powers = carrying(by_powers)
    assert powers == {"beta2": "beta2_to_t"}
    given: dict[str, Any] = {"t": 3.0, "beta1": 0.9, "beta2": 0.5, "mu": 0.5}
    assert update(1.0, 2.0, **given, beta2_to_t=0.125) == by_powers.update(1.0, 2.0, **given)
    assert update(1.0, 2.0, **given, beta2_to_t=0.25) != by_powers.update(1.0, 2.0, **given)
    assert carrying(by_other_powers) == (by_other_powers.update, {})


@pytest.mark.parametrize("rule", [by_powers, by_other_powers], ids=lambda rule: rule.key)
@pytest.mark.parametrize("age", [0, 7])
def test_powers_are_the_same_in_every_engine(rule, age):
    given: dict[str, Any] = {"steps": 40, "start": (0.5, 0.5), "age": age}
    alone = simulate(rule, ROSENBROCK, **given)
    for objective in (ROSENBROCK, Plain()):
        for hypers in ({}, {name: [hyper.default] * 2 for name, hyper in rule.hypers.items()}):
            assert same(simulate(rule, objective, hypers=hypers, **given).x[:, 0], alone.x[:, 0])


@pytest.mark.parametrize("value", [0.0, -0.5, 0.5, 3.0, np.nan])
@pytest.mark.parametrize("other", [0.0, 1.0, -2.0, 0.5, 1e300, np.inf, np.nan])
def test_a_real_is_a_number_of_an_array(value, other):
    with np.errstate(all="ignore"):
        a, b = np.array([value]), np.array([other])
        for operation in ("add", "sub", "mul", "truediv", "pow", "radd", "rsub", "rmul", "rtruediv", "rpow"):
            found = getattr(Real(value), f"__{operation}__")(other)
            assert isinstance(found, Real)
            assert same([found], getattr(a, f"__{operation}__")(b)), operation
            beside = getattr(Real(value), f"__{operation}__")(b.astype(np.float32))
            assert beside.dtype == np.float32
        for name in ("sqrt", "abs", "sign", "exp", "log", "sin", "cos", "tanh"):
            if np.isfinite(value):
                found = getattr(maths, name)(Real(value))
                assert isinstance(found, Real)
                assert same([found], getattr(np, name)(a)), name
        for found, array in (
            (maths.maximum(Real(value), other), np.maximum(a, b)),
            (maths.clip(Real(value), 0.0, 1.0), np.clip(a, 0, 1)),
            (where(value > 0, other, Real(value)), np.where(a > 0, b, a)),
            (power(Real(value), other), np.power(a, b)),
        ):
            assert isinstance(found, Real)
            assert same([found], array)
    small = np.ones(2, dtype=np.float32)
    for found in (small * Real(0.1), small ** Real(2.0), maths.maximum(small, Real(2)), maths.clip(small, Real(0), Real(1))):
        assert found.dtype == np.float32
