"""Legs of machine code give the bits that numpy gives, for every rule on every surface that there are legs for."""

import gc
import math
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from core import Sweep, sweep
from core.engine import kernel, reduced
from core.engine.step import recorded_step
from core.simulate import prepared
from core.sweep import RUNS
from core.symbolic.expression import parts_of
from optimizers import RULES
from surfaces import SURFACES

BY_NUMPY = {"exp", "log", "sin", "cos", "tanh", "power"}
"""What numpy has of its own for each processor, so that there are no legs where it is used."""

CURVED = {"ackley", "cliff", "drop_wave", "mccormick", "plateau", "rastrigin"}
RAISING = {"nadam"}
"""Surfaces and rules with such."""

RATES = np.geomspace(1e-5, 30, 37)
"""From none to those at which every rule diverges, and no multiple of the lanes."""


@contextmanager
def by_numpy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(reduced, "leg_of", lambda course: None)
        yield


def both(monkeypatch: pytest.MonkeyPatch, rule: str, surface: str, **more: Any) -> tuple[Sweep, Sweep]:
    arguments: dict[str, Any] = {"axes": {"lr": RATES}, "steps": 130, "threshold": 0.1, **more}
    with monkeypatch.context() as patch:
        patch.setattr(kernel, "WORTH_COMPILING", 0)
        one = sweep(RULES[rule], SURFACES[surface], **arguments)
    with by_numpy(monkeypatch):
        return one, sweep(RULES[rule], SURFACES[surface], **arguments)


def equal(one: Sweep, other: Sweep, threshold: float = 0.1) -> None:
    for name in ("final", "best", "stopped", "x"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_array_equal(one.steps_to(threshold), other.steps_to(threshold))


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_on_every_surface(monkeypatch, rule, surface):
    legs: list[Any] = []

    def noted(course: Any) -> Any:
        legs.append(kernel.leg_of(course))
        return legs[-1]

    monkeypatch.setattr(reduced, "leg_of", noted)
    equal(*both(monkeypatch, rule, surface))
    assert any(legs) == bool(operations(rule, surface) and not operations(rule, surface) & BY_NUMPY)


def operations(rule: str, surface: str) -> set[str]:
    """What a rule's step on a surface is made of; nothing where it is more than elementwise arithmetic."""
    place = SURFACES[surface]
    record = recorded_step(RULES[rule], frozenset(), 2, place.partials, len(place.constants), place.height)
    return {part.op for part in parts_of([*record.after, *record.loss])} if record else set()


def test_who_runs_by_numpy():
    assert {key for key in SURFACES if operations("sgd", key) & BY_NUMPY} >= CURVED
    assert {key for key in RULES if operations(key, "ravine") & BY_NUMPY} >= RAISING


EFFECTS: dict[str, dict[str, Any]] = {
    "l2": {"l2": 0.1},
    "noise": {"noise": 0.3, "seed": 4},
    "clip_value": {"clip_value": 0.5},
    "clip_norm": {"clip_norm": 0.7},
    "weight_decay": {"weight_decay": 0.02},
    "all": {"l2": 0.1, "noise": 0.3, "clip_value": 0.8, "clip_norm": 0.7, "weight_decay": 0.02},
    "schedule": {"schedule": "cosine"},
    "age": {"age": 1000},
    "start": {"start": (0.3, -0.2)},
    "one step": {"steps": 1},
    "an unbounded norm among bounds": {"axes": {"clip_norm": np.array([0.1, 2.0, math.inf])}},
    "a surface each": {"axes": {"kappa": np.geomspace(2, 200, 11), "angle": np.linspace(-90, 90, 5)}},
    "a start each": {"axes": {"x": np.linspace(-3, 3, 9), "y": np.linspace(-3, 3, 7)}},
    "more than a piece": {"axes": {"lr": np.geomspace(1e-4, 10, 300), "kappa": np.geomspace(2, 200, 40)}, "steps": 20},
}


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("rule", ["sgd", "adam", "rprop", "adadelta"])
def test_what_is_done_to_gradients_and_what_differs_from_run_to_run(monkeypatch, rule, effect):
    equal(*both(monkeypatch, rule, "ravine", **EFFECTS[effect]))


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_a_schedule_for_each_run(monkeypatch, rule):
    axes = {"lr": np.geomspace(1e-3, 1, 5), "last": np.geomspace(0.01, 1, 7)}
    equal(*both(monkeypatch, rule, "rosenbrock", axes=axes, schedule="exponential"))


def test_threads_give_the_same(monkeypatch):
    axes = {"lr": np.geomspace(1e-4, 1, 200), "beta1": np.linspace(0, 0.99, 100)}
    monkeypatch.setattr(kernel, "WORTH_COMPILING", 0)
    alone, shared = (sweep(RULES["adam"], SURFACES["beale"], axes=axes, steps=50, processes=many) for many in (1, 2))
    equal(alone, shared)


def test_a_cancelled_sweep_is_unknown_where_it_did_not_get_to(monkeypatch):
    monkeypatch.setattr(kernel, "WORTH_COMPILING", 0)
    looks = iter(range(100))
    axes = {"lr": np.geomspace(1e-4, 1, 200), "beta1": np.linspace(0, 0.99, 100)}
    found = sweep(RULES["adam"], SURFACES["beale"], axes=axes, steps=320, should_stop=lambda: next(looks) > 12)
    assert not found.complete
    assert found.stopped.ravel()[:RUNS].all()
    assert np.isnan(found.final.ravel()[-1])


def test_without_a_compiler_numpy_runs_and_it_is_said_once(monkeypatch, caplog):
    def missing() -> None:
        raise OSError("no such library")

    monkeypatch.setattr(kernel, "_machine", missing)
    kernel._available.cache_clear()
    try:
        for _ in range(2):
            sweep(RULES["sgd"], SURFACES["ravine"], axes={"lr": RATES}, steps=10)
    finally:
        monkeypatch.undo()
        kernel._available.cache_clear()
    (record,) = caplog.records
    assert "no such library" in record.getMessage()


def test_code_is_kept_for_the_next_start_unless_it_is_spoilt(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernel._folder.cache_clear()
    try:
        kernel._keep("some", b"code\nand more")
        assert kernel._kept("some") == b"code\nand more"
        (file,) = (tmp_path / "ravine-legs").iterdir()
        file.write_bytes(file.read_bytes()[:-1])
        assert kernel._kept("some") is None
        assert kernel._kept("another") is None
    finally:
        kernel._folder.cache_clear()


def test_where_nothing_can_be_written_code_is_kept_in_memory(monkeypatch, tmp_path):
    (tmp_path / "ravine-legs").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernel._folder.cache_clear()
    try:
        kernel._keep("some", b"code")
        assert kernel._kept("some") is None
    finally:
        kernel._folder.cache_clear()


def test_what_the_compiler_cannot_make_is_done_by_numpy_and_said(monkeypatch, caplog):
    monkeypatch.setattr(kernel, "WORTH_COMPILING", 0)
    monkeypatch.setattr(kernel, "leg_text", lambda *args, **more: "no such language")
    for kept in (kernel._text, kernel._coming, kernel._told):
        kept.cache_clear()
    try:
        one, other = (sweep(RULES["sgd"], SURFACES["ravine"], axes={"lr": RATES}, steps=10) for _ in range(2))
        equal(one, other)
    finally:
        for kept in (kernel._text, kernel._coming, kernel._told):
            kept.cache_clear()
    assert len(caplog.records) == 1


def test_code_is_let_go_once_nobody_can_call_it():
    text = kernel._written(prepared(RULES["sgd"], SURFACES["beale"], steps=3))
    assert text
    code = kernel._compiled(text[1])
    assert code
    gone = weakref.ref(code.library)
    del code
    gc.collect()
    assert gone() is None
