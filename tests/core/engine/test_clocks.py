"""A rule that believes it is old: every slot that the count of steps moves is what it would be by then."""

from typing import Annotated, Any

import numpy as np
import pytest

from core import Hyper, Rule, rule, simulate
from core.engine.clocks import clockwork
from core.hyper import Memory, Momentum
from core.maths import power, sqrt, where
from optimizers import RULES
from surfaces import SURFACES
from tests.problems import drawn, same

RAVINE, PLANE = SURFACES["ravine"].with_(kappa=3.0), SURFACES["plane"]
OLD = 1_000_000
Shift = Annotated[float, Hyper(1.0, 10.0, help="Added to the count.")]
ABOUT: dict[str, Any] = {"title": "T", "family": "adaptive", "year": 2000, "source": "S", "lr": 0.01, "conventions": "C."}


@rule(**ABOUT)
def weighed(g, m=0.0, w=0.0, *, beta: Memory = 0.9):
    m = beta * m + (1 - beta) * g
    w = beta * w + (1 - beta)
    return m / w, m, w


@rule(**ABOUT)
def counted(g, n=0.0, *, shift: Shift = 2.0):
    n = n + 1
    return g / sqrt(n + shift), n


@rule(**ABOUT)
def capped(g, n=0.0, s=1.0, *, t):
    n = where(n < 700, n + 1, n)
    s = s * where(t > 1000, 1.0 + 0 * t, 1.0 - 1 / (t + 1))
    return g * s + g / (n + 1), n, s


@rule(**ABOUT)
def alternating(g, s=1.0):
    s = -s
    return g * s, s


@rule(**ABOUT)
def accelerated(g, v=0.0, a=1.0, *, mu: Momentum = 0.9):
    a_next = (1 + sqrt(1 + 4 * (a * a))) / 2
    v = mu * (a - 1) / a_next * v + g
    return v, v, a_next


@rule(**ABOUT)
def summed(g, h=0.0, r=1.0, *, t, beta: Momentum = 0.9):
    h = h + beta / t
    r = r * (1 - power(beta, t))
    return g / (h + r), h, r


MADE = {made.key: made for made in (weighed, counted, capped, alternating, accelerated, summed)}
EVERY_RULE = pytest.mark.parametrize("rule", [*RULES.values(), *MADE.values()], ids=[*RULES, *MADE])


def by_hand(rule: Rule, surface: Any, hypers: dict[str, float], age: int, steps: int) -> np.ndarray:
    """(steps+1, 2): x where the rule has seen no gradient for `age` steps before."""
    rates = {name: hyper.default for name, hyper in rule.hypers.items()} | hypers
    lr, slots, path = rates.pop("lr"), [np.full(2, initial) for initial in rule.slots.values()], [np.array(surface.start)]
    for t in range(1, age + steps + 1):
        g = surface.grad(path[-1]) if t > age else np.zeros(2)
        moved = rule.update(g, *slots, **({"t": float(t)} if "t" in rule.needs else {}), **rates)
        direction, *slots = moved if rule.slots else (moved,)
        if t > age:
            path.append(path[-1] - lr * direction)
    return np.array(path)


@EVERY_RULE
@pytest.mark.parametrize("age", [1, 37, 3000])
def test_age_is_so_many_steps_without_a_gradient(rule, age):
    run = simulate(rule, RAVINE, hypers={"lr": 0.01}, steps=20, age=age)
    np.testing.assert_allclose(run.x[:, 0], by_hand(rule, RAVINE, {"lr": 0.01}, age, 20), rtol=1e-10, atol=1e-13)


UNCORRECTED = {
    "adam": lambda g, m, v, u: m / np.sqrt(v),
    "amsgrad": lambda g, m, v, u: m / np.sqrt(v),  # squares of a constant gradient only grow
    "radam": lambda g, m, v, u: m / np.sqrt(v),
    "adamax": lambda g, m, v, u: m / u,
    "nadam": lambda g, m, v, u: (0.9 * m + 0.1 * g) / np.sqrt(v),
}
"""Each rule's direction with every correction left out, from its paper, at β₁ = 0.9 and ε = 0."""


def test_every_rule_that_counts_steps_has_its_uncorrected_form():
    counting = {rule.key for rule in RULES.values() if "t" in rule.needs}
    assert set(UNCORRECTED) == counting, "write each counting rule's direction without its corrections into UNCORRECTED"


@pytest.mark.parametrize("key", UNCORRECTED)
def test_an_old_rule_corrects_nothing(key):
    g, m, v, u = PLANE.grad(np.zeros(2)), 0.0, 0.0, 0.0
    run = simulate(RULES[key], PLANE, start=(0.0, 0.0), hypers={"lr": 0.1, "eps": 0.0}, steps=10, age=OLD)
    for step in np.diff(run.x[:, 0], axis=0):
        m, v, u = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g, np.maximum(0.999 * u, np.abs(g))
        np.testing.assert_allclose(step, -0.1 * UNCORRECTED[key](g, m, v, u), rtol=1e-6)


def test_nadams_first_step_when_old():
    run = simulate(RULES["nadam"], PLANE, start=(0.0, 0.0), hypers={"lr": 0.1}, steps=5, age=OLD)
    assert -np.diff(run.x[:, 0, 0])[0] / 0.1 == pytest.approx(6.0083, abs=1e-4)  # (0.9 · 0.1 + 0.1) / √0.001


@EVERY_RULE
def test_without_age_nothing_changes(rule):
    run, plain = simulate(rule, RAVINE, steps=30, age=0), simulate(rule, RAVINE, steps=30)
    assert same(run.x, plain.x)
    assert all((run.state[name][0] == initial).all() for name, initial in rule.slots.items())


@EVERY_RULE
def test_old_runs_side_by_side_are_each_alone(rule):
    rng = np.random.default_rng(0)
    values = [drawn(rule, rng) for _ in range(5)]
    runs = simulate(rule, RAVINE, hypers={name: [v[name] for v in values] for name in rule.hypers}, steps=20, age=400)
    for i, hypers in enumerate(values):
        one = simulate(rule, RAVINE, hypers=hypers, steps=20, age=400)
        assert same(runs.x[:, i], one.x[:, 0])
        assert all(same(runs.state[name][:, i], one.state[name][:, 0]) for name in rule.slots)


def test_which_slots_go_by_the_count_is_found_out():
    found = {rule.key: clocks.slots for rule in [*RULES.values(), *MADE.values()] if (clocks := clockwork(rule))}
    assert found == {
        "nadam": ("p",),
        "weighed": ("w",),
        "counted": ("n",),
        "capped": ("n", "s"),
        "alternating": ("s",),
        "accelerated": ("a",),
        "summed": ("h", "r"),
    }


@pytest.mark.parametrize("psi", [0.0, 1e-4, 4e-3, 0.3, 1.0])
@pytest.mark.parametrize("beta1", [0.5, 0.9, 0.999, 0.9999])
def test_a_long_product_is_told_by_few_of_its_terms(beta1, psi):
    t = np.arange(1, 200_001)
    logs = np.log(beta1 * (1 - 0.5 * 0.96 ** (t * psi)))
    for age in (1, 2, 31, 32, 1000, 65_535, 200_000):
        run = simulate(RULES["nadam"], PLANE, hypers={"beta1": beta1, "psi": psi}, steps=1, age=age)
        assert run.state["p"][0, 0, 0] == pytest.approx(np.exp(logs[:age].sum()), rel=1e-9)
