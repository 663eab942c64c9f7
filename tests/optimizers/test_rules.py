"""One suite for every rule: twins, backends, batches, purity, identities, and numbers known in closed form."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import DRIVER, Rule, Trajectory, Twin, simulate
from core.hyper import Hyper
from core.knowledge import KNOWLEDGE
from core.rule import FAMILIES
from optimizers import ENTRANTS, RULES, Entrant
from surfaces import SURFACES
from tests.problems import Fourth, Line, Quadratic, drawn, fed, given, same

RAVINE = SURFACES["ravine"]
TAME = {"ravine": RAVINE, "rotated": RAVINE.with_(kappa=5.0).rotated(30.0), "bowl": Quadratic((1.0, 2.0))}
"""Problems on which a rounding error stays one: no rule is chaotic here."""

EVERY = {key: entrant.rule for key, entrant in ENTRANTS.items()}
EVERY_RULE = pytest.mark.parametrize("rule", EVERY.values(), ids=EVERY)
EVERY_HYPER = pytest.mark.parametrize(
    ("rule", "hyper"), [pytest.param(r, h, id=f"{r.key}-{h.name}") for r in EVERY.values() for h in r.hypers.values()]
)


TWINS = pytest.mark.parametrize("entrant", [e for e in ENTRANTS.values() if e.rule.twin], ids=lambda e: e.key)


@pytest.fixture
def double() -> Iterator[None]:
    """torch's NAdam keeps its product of momenta in the default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def torch_path(twin: Twin, objective: Any, hypers: dict[str, float], steps: int) -> np.ndarray:
    """(steps+1, parameters) of the torch.optim class, fed the objective's exact gradient."""
    x = torch.tensor(objective.start, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, twin.name)([x], lr=hypers["lr"], **twin.arguments(hypers))
    path = [x.detach().numpy().copy()]
    for _ in range(steps):
        x.grad = torch.from_numpy(objective.grad(path[-1]))
        optimizer.step()
        path.append(x.detach().numpy().copy())
    return np.array(path)


def run_of(entrant: Entrant, objective: Any, hypers: dict[str, float], **settings: Any) -> Trajectory:
    own = {name: value for name, value in hypers.items() if name in DRIVER}
    return simulate(entrant.rule, objective, hypers={n: v for n, v in hypers.items() if n not in own}, **{**own, **settings})


@TWINS
@pytest.mark.parametrize("draw", range(6))
@pytest.mark.parametrize("problem", TAME)
def test_every_step_equals_torch(entrant, problem, draw, double):
    # 1e-12 of the farthest yet: both sides round differently, and 300 steps add a few ulp each.
    twin, objective, rng = entrant.rule.twin, TAME[problem], np.random.default_rng([draw, *map(ord, entrant.key + problem)])
    assert twin is not None
    hypers = {name: hyper.default for name, hyper in entrant.hypers.items()}
    if draw:
        hypers |= drawn(entrant.rule, rng)
    run = run_of(entrant, objective, hypers, steps=300)
    rows = min(run.stopped[0], 301)
    theirs = torch_path(twin, objective, hypers, 300)
    reach = np.maximum.accumulate(np.abs(theirs).max(axis=1))[:, None]
    assert (np.abs(run.x[:rows, 0] - theirs[:rows]) <= 1e-12 * reach[:rows]).all(), hypers


@pytest.mark.parametrize("draw", range(4))
def test_lion_follows_its_paper(draw):
    # Chen et al., arXiv:2302.06675, Algorithm 2, written from the paper with its own names.
    hypers = drawn(RULES["lion"], np.random.default_rng(draw))
    theta, ema = np.array(RAVINE.start), np.zeros(2)
    run = simulate(RULES["lion"], RAVINE, hypers=hypers, steps=300, weight_decay=0.01)
    for k in range(300):
        gradient = RAVINE.grad(theta)
        update = np.sign(ema * hypers["beta1"] + gradient * (1 - hypers["beta1"]))
        theta = theta - hypers["lr"] * (update + theta * 0.01)
        ema = hypers["beta2"] * ema + (1 - hypers["beta2"]) * gradient
        assert np.abs(run.x[k + 1, 0] - theta).max() <= 1e-13


def test_every_rule_has_a_reference():
    told = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    alone = [key for key, rule in RULES.items() if not rule.twin and f'RULES["{key}"]' not in told]
    assert alone == [], "no twin in torch.optim: write a test in tests/optimizers/ that runs RULES[…] against its paper"


@EVERY_RULE
@pytest.mark.parametrize("shape", [(), (5, 1)], ids=["one value", "one a run"])
def test_numpy_and_torch_agree(rule, shape):
    # 1e-12: the two libraries' pow differ in the last bit, which RAdam's rectification magnifies near ρ = 4.
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(50, 5, 3)) * np.array([1.0, 1e-3, 1e3])
    values = [drawn(rule, rng) for _ in range(5)]
    hypers: dict[str, Any] = {name: np.array([[v[name]] for v in values]) for name in rule.hypers} if shape else values[0]
    tensors = {name: torch.from_numpy(value) for name, value in hypers.items()} if shape else hypers
    with np.errstate(all="ignore"):
        ours = list(fed(rule, gradients, hypers))
    theirs = list(fed(rule, torch.from_numpy(gradients), tensors))
    for mine, other in zip(ours, theirs, strict=True):
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-12, atol=0)


@EVERY_RULE
@pytest.mark.parametrize("surface", [SURFACES["rosenbrock"], RAVINE.rotated(30.0)], ids=["rosenbrock", "rotated ravine"])
def test_a_batch_of_starts_is_its_runs(rule, surface):
    starts = np.random.default_rng(1).uniform(-2, 2, (7, 2))
    settings: dict[str, Any] = {"steps": 120, "noise": 0.1, "clip_norm": 50.0, "l2": 1e-3, "weight_decay": 1e-2}
    assert_rows_alone(rule, surface, starts, {}, settings)


@EVERY_RULE
@pytest.mark.parametrize("surface", [SURFACES["rosenbrock"], RAVINE.rotated(30.0)], ids=["rosenbrock", "rotated ravine"])
def test_a_batch_of_hyperparameters_is_its_runs(rule, surface):
    rng = np.random.default_rng(2)
    values = [drawn(rule, rng) for _ in range(7)]
    values[3]["lr"] = 50.0  # one that flies off must not touch its neighbours
    assert_rows_alone(rule, surface, [surface.start] * 7, {n: [v[n] for v in values] for n in rule.hypers}, {"steps": 120})


def assert_rows_alone(rule: Rule, surface: Any, starts: Any, hypers: dict[str, Any], settings: dict[str, Any]) -> None:
    batch = simulate(rule, surface, start=starts, hypers=hypers, **settings)
    for i, start in enumerate(starts):
        alone = simulate(rule, surface, start=start, hypers={name: value[i] for name, value in hypers.items()}, **settings)
        assert same(batch.x[:, i], alone.x[:, 0]), f"run {i}"
        assert same(batch.value[:, i], alone.value[:, 0]), f"run {i}"
        assert batch.stopped[i] == alone.stopped[0]
        assert {k: n[i] for k, n in batch.evaluations.items()} == {k: n[0] for k, n in alone.evaluations.items()}
        assert all(same(batch.state[slot][:, i], alone.state[slot][:, 0]) for slot in rule.slots), f"run {i}"


@EVERY_RULE
def test_a_rule_writes_to_nothing(rule):
    rng = np.random.default_rng(3)
    arrays = [rng.normal(size=(2, 4)), *(np.abs(rng.normal(size=(2, 4))) for _ in rule.slots)]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    rates = {name: hyper.default for name, hyper in rule.hypers.items() if name != "lr"}
    rule.update(*arrays, **rates, **given(rule, arrays[0], 2.0))
    assert all(same(array, copy) for array, copy in zip(arrays, copies, strict=True))


@EVERY_RULE
def test_no_gradient_no_step(rule):
    # From rest at the minimum no rule moves, if its ε keeps the denominator from zero.
    run = simulate(rule, RAVINE, start=(0.0, 0.0), steps=20)
    assert (run.x == 0).all()
    assert not run.diverged.any()


@EVERY_RULE
def test_a_rule_says_what_it_is(rule):
    assert rule.title
    assert rule.source
    assert rule.conventions.endswith((".", ").")), "conventions are sentences"
    assert rule.family in FAMILIES
    assert 1847 <= rule.year <= 2030
    assert f"def {rule.key.replace('-', '_')}(" in rule.text or rule.settings
    assert next(iter(rule.hypers)) == "lr"
    assert set(rule.needs) <= KNOWLEDGE.keys()
    assert all(DRIVER[name].check(value) == value for name, value in rule.settings.items())


def test_teaching_order():
    first = ["sgd", "momentum", "nesterov", "adagrad"]
    assert [key for key in RULES if key in first] == first
    assert list(ENTRANTS).index("adamw") == list(ENTRANTS).index("adam") + 1
    assert [key for key in ENTRANTS if key in RULES] == list(RULES)


@EVERY_HYPER
def test_a_hyperparameter_fits_its_slider(rule, hyper: Hyper):
    assert hyper.name in rule.hypers
    assert hyper.low <= hyper.default <= hyper.high or hyper.default == hyper.off
    assert hyper.help.endswith(".")
    assert hyper.default in hyper.stops
    ranged = [stop for stop in hyper.stops if stop != hyper.off]
    assert all(a < b for a, b in pairwise(ranged))
    assert (ranged[0], ranged[-1]) == (hyper.low, hyper.high)
    assert len(ranged) >= 40
    for stop in hyper.stops:
        assert hyper.check(stop) == stop


@EVERY_RULE
@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_a_rule_refuses_bad_hyperparameters(rule, bad):
    for name in rule.hypers:
        with pytest.raises(ValueError, match=f"{name} = {bad:g}"):
            rule.check({name: bad})
    with pytest.raises(ValueError, match=r"'warmth'.*it has lr"):
        rule.check({"warmth": 1.0})


def usual(key: str) -> dict[str, float]:
    return {name: hyper.default for name, hyper in RULES[key].hypers.items()}


# Identities


@pytest.mark.parametrize("key", ["momentum", "nesterov"])
def test_no_momentum_is_sgd(key):
    settings: dict[str, Any] = {"steps": 200, "noise": 0.5}
    plain = simulate(RULES["sgd"], RAVINE, hypers={"lr": 0.02}, **settings)
    assert same(simulate(RULES[key], RAVINE, hypers={"lr": 0.02, "mu": 0.0}, **settings).x, plain.x)


def test_adam_that_remembers_nothing_goes_by_sign():
    run = simulate(RULES["adam"], RAVINE, hypers={"lr": 0.013, "beta1": 0.0, "beta2": 0.0, "eps": 0.0}, steps=200)
    x = np.array(RAVINE.start)
    for row in run.x[:, 0]:
        assert same(row, x)
        x = x - 0.013 * np.sign(RAVINE.grad(x))


def test_adamw_is_adam_where_nothing_decays():
    adamw = ENTRANTS["adamw"]
    still, decaying = (run_of(adamw, RAVINE, {"lr": 0.01, "weight_decay": d}, steps=100) for d in (0.0, 0.1))
    plain = simulate(RULES["adam"], RAVINE, hypers={"lr": 0.01}, steps=100)
    assert same(still.x, plain.x)
    assert not same(decaying.x, plain.x)


def test_amsgrad_is_adam_while_the_second_moment_grows():
    uphill = Quadratic((-1.0, -3.0))
    adam, amsgrad = (simulate(RULES[key], uphill, hypers={"lr": 0.01}, steps=200) for key in ("adam", "amsgrad"))
    assert (np.diff(adam.state["v"], axis=0) > 0).all()
    assert same(adam.x, amsgrad.x)
    downhill = [simulate(RULES[key], RAVINE, hypers={"lr": 0.1}, steps=200).x for key in ("adam", "amsgrad")]
    assert not same(*downhill)


def test_lion_with_one_beta_is_the_sign_of_its_average():
    run = simulate(RULES["lion"], RAVINE, hypers={"beta1": 0.9, "beta2": 0.9}, steps=50)
    assert same(run.x[1:], run.x[:-1] - run.lr[:, :, None] * np.sign(run.state["m"][1:]))


def test_rprop_is_the_variant_without_backtracking_whose_gradient_is_forgotten_at_a_turn():
    # Igel & Hüsken, Proc. ICSC NC 2000, iRprop⁻: after a turn no step; Rprop⁻ would go back by 0.6 at once.
    directions = [float(d) for d, *_ in fed(RULES["rprop"], [2.0, 3.0, -1.0, -5.0, -1.0, -1.0], usual("rprop"))]
    assert directions == pytest.approx([1.0, 1.2, 0.0, -0.6, -0.72, -0.864])
    assert "iRprop⁻" in RULES["rprop"].conventions


@pytest.mark.parametrize("lr", [0.01, 0.5])
def test_rprops_bounds_are_in_units_of_lr_and_torchs_are_not(lr):
    hypers = {"lr": lr, "least": 0.1, "most": 2.0}
    moved = np.diff(simulate(RULES["rprop"], Line(), hypers=hypers, steps=20).x[:, 0, 0])
    assert moved[-1] == pytest.approx(-2.0 * lr)
    twin = RULES["rprop"].twin
    assert twin is not None
    assert twin.arguments({**usual("rprop"), **hypers})["step_sizes"] == pytest.approx((0.1 * lr, 2.0 * lr))
    theirs = torch_path(Twin("Rprop", lambda h: {"step_sizes": (h["least"], h["most"])}), Line(), hypers, 20)
    assert np.diff(theirs[:, 0])[-1] == pytest.approx(-2.0)  # the same numbers handed on as they are would be absolute
    assert all(word in RULES["rprop"].conventions for word in ("units of lr", "step_sizes"))


@pytest.mark.parametrize(("key", "corrected"), [("adam", True), ("amsgrad", True), ("nadam", True), ("radam", False)])
def test_where_epsilon_stands_beside_the_correction(key, corrected):
    """All add ε to the root of the second moment, RAdam to the uncorrected one, as torch does; its conventions say so."""
    numbers = {"beta1": 0.5, "beta2": 0.99} | ({"psi": 4e-3} if key == "nadam" else {})
    slots = [np.ones(1) for _ in RULES[key].slots]
    with_it, without = (RULES[key].update(np.ones(1), *slots, t=200.0, eps=eps, **numbers)[0] for eps in (0.1, 0.0))
    root = math.sqrt(1 / (1 - 0.99**200)) if corrected else 1.0
    assert with_it / without == pytest.approx(root / (root + 0.1), rel=1e-12)
    assert corrected or "before its bias correction" in RULES[key].conventions


# Closed forms


def test_adagrad_slows_down_like_one_over_root_t():
    run = simulate(RULES["adagrad"], Line(), hypers={"lr": 1.0}, steps=100)
    assert -run.x[-1, 0, 0] == pytest.approx(18.5896, abs=5e-5)
    travel = sum(direction for direction, _ in fed(RULES["adagrad"], [1.0] * 10_000, {"eps": 1e-10}))
    assert travel == pytest.approx(198.5446, abs=5e-5)


@pytest.mark.parametrize("slope", [1e-6, 1.0, 1e6])
def test_adams_step_on_a_constant_gradient_is_lr(slope):
    run = simulate(RULES["adam"], Line(slope), hypers={"lr": 0.01, "eps": 0.0}, steps=1000)
    np.testing.assert_allclose(np.diff(run.x[:, 0, 0]), -0.01, rtol=1e-11)


def test_what_adam_would_do_without_bias_correction():
    run = simulate(RULES["adam"], Line(), hypers={"beta1": 0.9, "beta2": 0.999}, steps=100)
    m, v = run.state["m"][1:, 0, 0], run.state["v"][1:, 0, 0]
    step = m / np.sqrt(v)
    assert step[0] == pytest.approx(3.1623, abs=5e-5)
    assert (step.argmax() + 1, step.max()) == (12, pytest.approx(6.5685, abs=5e-5))


@pytest.mark.parametrize(
    ("key", "hypers", "limit"),
    [
        ("sgd", {}, 2.0),
        ("momentum", {"mu": 0.9}, 3.8),
        ("momentum", {"mu": 0.5}, 3.0),
        ("nesterov", {"mu": 0.9}, 1.357142857),
        ("nesterov", {"mu": 0.5}, 1.5),
    ],
)
@pytest.mark.parametrize("curvature", [0.25, 1.0, 10.0])
def test_stability_limit(key, hypers, limit, curvature):
    lrs = np.array([0.995, 1.005]) * limit / curvature
    below, above = np.abs(simulate(RULES[key], Quadratic((curvature,)), hypers={"lr": lrs, **hypers}, steps=3000).x[-1, :, 0])
    assert below < 1e-3
    assert above > 1e3


@pytest.mark.parametrize("lr", [0.01, 0.1, 1.0])
def test_descent_on_a_fourth_power_diverges_past_its_limit(lr):
    starts = np.array([[-1.001], [-0.999], [0.5], [0.999], [1.001]]) / math.sqrt(2 * lr)
    run = simulate(RULES["sgd"], Fourth(), start=starts, hypers={"lr": lr}, steps=2000)
    assert run.diverged.tolist() == [True, False, False, False, True]


def test_the_best_heavy_ball_at_condition_100():
    small, large = 0.01, 1.0
    root = math.sqrt(large / small)
    lr, mu = 4 / (math.sqrt(large) + math.sqrt(small)) ** 2, ((root - 1) / (root + 1)) ** 2
    assert (lr, mu) == (pytest.approx(3.305785, abs=5e-7), pytest.approx(0.669421, abs=5e-7))
    bowl = Quadratic((small, large))
    assert rate(simulate(RULES["momentum"], bowl, hypers={"lr": lr, "mu": mu}, steps=800)) == pytest.approx(0.818182, abs=2e-3)
    for worse in ({"lr": lr * 1.1, "mu": mu}, {"lr": lr * 0.9, "mu": mu}, {"lr": lr, "mu": mu - 0.03}):
        assert rate(simulate(RULES["momentum"], bowl, hypers=worse, steps=800)) > 0.825
    assert rate(simulate(RULES["sgd"], bowl, hypers={"lr": 2 / (small + large)}, steps=800)) == pytest.approx(
        0.980198, abs=1e-6
    )


def rate(run: Trajectory) -> float:
    """By what the distance to the origin shrinks a step, over the second half."""
    distance = np.sqrt((run.x[:, 0] ** 2).sum(axis=-1))
    half = run.steps // 2
    return float((distance[-1] / distance[half]) ** (1 / (run.steps - half)))


def test_descent_escapes_a_saddle_after_463_steps():
    run = simulate(RULES["sgd"], Quadratic((1.0, -1.0)), start=(1.0, 1e-2), hypers={"lr": 0.01}, steps=600)
    assert (run.x[:, 0, 1] >= 1).argmax() == 463 == math.ceil(math.log(1e2) / math.log(1.01))


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_noise_ball_of_heavy_ball(beta):
    # 12 seeds × 4500 correlated draws: the mean of x² has a standard error near 3 %. Fixed seeds; 10 % tells β from β ± 0.05.
    lr, h, sigma = 0.2, 1.0, 0.3
    runs = [
        simulate(RULES["momentum"], Quadratic((h,)), hypers={"lr": lr, "mu": beta}, noise=sigma, steps=5000, seed=seed)
        for seed in range(12)
    ]
    expected = lr * sigma**2 * (1 + beta) / (h * (1 - beta) * (2 * (1 + beta) - lr * h))
    assert np.mean([run.x[500:] ** 2 for run in runs]) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(("key", "ends"), [("adam", 1.0), ("amsgrad", -1.0)])
def test_the_online_counterexample_of_amsgrad(key, ends):
    # Reddi et al., ICLR 2018, § 3: 1010x every 101st step, else −10x, on [−1, 1]. The best fixed point is −1.
    gradients = [1010.0 if t % 101 == 1 else -10.0 for t in range(1, 300_000)]
    x = 0.0
    for t, (direction, *_) in enumerate(fed(RULES[key], gradients, {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8}), start=1):
        x = min(1.0, max(-1.0, x - 0.5 / math.sqrt(t) * direction))
    assert x == pytest.approx(ends, abs=0.05)


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9])
def test_averaged_momentum_is_heavy_ball_at_a_smaller_rate(mu):
    one = simulate(RULES["ema"], SURFACES["ravine"], hypers={"lr": 0.1, "mu": mu}, steps=100)
    other = simulate(RULES["momentum"], SURFACES["ravine"], hypers={"lr": 0.1 * (1 - mu), "mu": mu}, steps=100)
    np.testing.assert_allclose(one.x, other.x, rtol=1e-9, atol=1e-12)
