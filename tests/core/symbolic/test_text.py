"""A rule or a surface that is made from text alone is one like any other: no file of it is looked for, here or elsewhere."""

import ast
import importlib
import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import pytest

from core import Hyper, Rule, Surface, rule, simulate, surface, sweep
from core.study.anatomy import dissect
from core.symbolic.notation import equations, formula
from core.symbolic.source import made, parsed
from networks import TASKS, train
from networks.export import script as exported
from networks.training import entrants
from optimizers import ENTRANTS
from surfaces import SURFACES
from tests.problems import same

GROUNDS = ("rosenbrock", "ravine", "plane")
RATES = np.geomspace(1e-4, 1e-1, 6)


def bare(text: str, numbers: tuple[tuple[str, float], ...], hypers: Mapping[str, Hyper]) -> Any:
    """The function that a text defines, once more: without what stands in its file around it."""
    tree = ast.parse(ast.unparse(parsed(text))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list = []
    own = [argument for argument in tree.args.kwonlyargs if argument.arg in hypers]
    for argument in own:
        argument.annotation = ast.Name(f"The_{argument.arg}")
    hints = {f"The_{argument.arg}": Annotated[float, hypers[argument.arg]] for argument in own}
    return made(ast.unparse(tree), hints, dict(numbers))


def rule_of_text(one: Rule) -> Rule:
    function = bare(one.text, one.numbers, one.hypers)
    about: dict[str, Any] = {name: getattr(one, name) for name in ("title", "family", "year", "source", "conventions", "twin")}
    return rule(lr=one.hypers["lr"].default, **about)(function)


def surface_of_text(one: Surface) -> Surface:
    about: dict[str, Any] = {name: getattr(one, name) for name in ("title", "kind", "source", "lesson", "domain", "everywhere")}
    about |= {name: getattr(one, f"own_{name}") for name in ("start", "minima", "local_minima", "saddles")}
    return surface(**about)(bare(one.text, one.numbers, one.hypers))


TOLD = {key: rule_of_text(entrant.rule) for key, entrant in ENTRANTS.items()}
PLACES = {key: surface_of_text(one) for key, one in SURFACES.items()}
PAIRS = [(key, name) for key in ENTRANTS for name in SURFACES if name in GROUNDS or key == "momentum"]


@pytest.mark.parametrize(("key", "name"), PAIRS)
def test_it_runs_and_is_taken_apart_as_what_stands_in_a_file(key, name):
    angle = 20.0 if name == "ravine" else 0.0
    given: dict[str, Any] = {"steps": 30}
    ours = TOLD[key], PLACES[name].rotated(angle)
    theirs = ENTRANTS[key].rule, SURFACES[name].rotated(angle)
    for hypers in ({}, {"lr": RATES}):
        found, known = (simulate(*pair, hypers=hypers, **given) for pair in (ours, theirs))
        assert same(found.x, known.x)
        assert same(found.value, known.value)
        assert all(same(found.state[slot], known.state[slot]) for slot in known.state)
    inside, known = (dissect(*pair, **given) for pair in (ours, theirs))
    assert [line.equation.latex for line in inside.lines] == [line.equation.latex for line in known.lines]
    assert all(same(mine.value, line.value) for mine, line in zip(inside.lines, known.lines, strict=True))


@pytest.mark.parametrize(("key", "name"), PAIRS)
def test_it_is_swept_by_workers(key, name, monkeypatch):
    monkeypatch.setattr(importlib.import_module("core.sweep"), "RUNS", 3)
    place = PLACES[name]
    own = {one.name: [one.low, one.high] for one in place.hypers.values()}
    axes: dict[str, Any] = {"lr": RATES[:3], "angle": [0.0, 20.0], **own}
    alone, shared = (sweep(TOLD[key], place, axes=axes, steps=10, processes=processes) for processes in (1, 2))
    for part in ("final", "best", "stopped", "x"):
        assert same(getattr(alone, part), getattr(shared, part))


@pytest.mark.parametrize("key", ENTRANTS)
def test_its_equations_are_those_of_the_file(key):
    assert equations(TOLD[key].update) == equations(ENTRANTS[key].rule.update)


@pytest.mark.parametrize("name", SURFACES)
def test_its_formula_is_that_of_the_file(name):
    assert formula(PLACES[name].formula.function) == formula(SURFACES[name].formula.function)


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_that_travels_is_the_same_there(name):
    one = PLACES[name].rotated(30.0)
    there = pickle.loads(pickle.dumps(one))
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    for what in ("value", "grad", "hessian"):
        assert same(getattr(there, what)(points), getattr(one, what)(points))
    assert (there.key, there.hypers, there.start, there.parameters) == (one.key, one.hypers, one.start, one.parameters)
    assert there.with_().rotated(15.0).start == one.rotated(15.0).start
    assert pickle.loads(pickle.dumps(there)) == there


def test_minima_that_a_function_gives_are_asked_for_in_vain_where_they_are_not():
    for name, one in SURFACES.items():
        there = pickle.loads(pickle.dumps(one))
        if name in ("rosenbrock", "hyperbola"):  # by a function, and on a curve
            with pytest.raises(RuntimeError, match="known only where it was declared"):
                assert there.minima
        else:
            assert there.minima == one.minima


@pytest.mark.parametrize("key", [key for key, entrant in ENTRANTS.items() if entrant.rule.twin])
def test_it_is_exported(key, monkeypatch):
    """A training by it has the script that one by the file's rule has."""

    def script() -> str:
        return exported.script(train(TASKS["blobs_softmax"], entrants=[(key, {})], steps=5, batch_size=16), 0)

    known = script()
    told = {**ENTRANTS, key: replace(ENTRANTS[key], rule=TOLD[key])}
    for module in (entrants, exported):
        monkeypatch.setattr(module, "ENTRANTS", told)
    assert script() == known
