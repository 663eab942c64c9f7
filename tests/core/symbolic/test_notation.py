"""Equations are read off the source, so every rule and every surface must have them."""

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from core import maths, rule, simulate, surface
from core.maths import sqrt
from core.study.anatomy import dissect
from core.symbolic import derivative
from core.symbolic.derivative import Formula
from core.symbolic.notation import equations, formula, symbol
from optimizers import RULES
from surfaces import SURFACES


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_has_equations_ending_in_its_direction(rule):
    *_, last = equations(rule.update)
    assert last.startswith(r"\Delta = ")
    assert not any("_hat" in line or "beta1" in line for line in equations(rule.update))


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_every_surface_has_a_formula(surface):
    assert formula(surface.formula.function).startswith("f(x, y) = ")


def test_adam_reads_like_its_paper():
    assert equations(RULES["adam"].update) == [
        r"m \leftarrow \beta_{1}\,m + \left(1 - \beta_{1}\right)\,g",
        r"v \leftarrow \beta_{2}\,v + \left(1 - \beta_{2}\right)\,g^{2}",
        r"\hat m \leftarrow \frac{m}{1 - \beta_{1}^{t}}",
        r"\hat v \leftarrow \frac{v}{1 - \beta_{2}^{t}}",
        r"\Delta = \frac{\hat m}{\sqrt{\hat v} + \varepsilon}",
    ]


def test_rosenbrock_reads_like_its_paper():
    assert formula(SURFACES["rosenbrock"].formula.function) == (
        r"f(x, y) = \left(a - x\right)^{2} + b\,\left(y - x^{2}\right)^{2}"
    )


@pytest.mark.parametrize(
    ("source", "latex"),
    [
        ("g - (m - v)", r"g - \left(m - v\right)"),
        ("g - m * v", r"g - m\,v"),
        ("(g + m) * v", r"\left(g + m\right)\,v"),
        ("-(g + m)", r"-\left(g + m\right)"),
        ("(g / m) ** 2", r"\frac{g}{m}^{2}"),
        ("0.5 * 0.96 ** t", r"0.5 \cdot 0.96^{t}"),
        ("abs(g)", r"\lvert g \rvert"),
        ("0.1234567890123 * g", r"0.1234567890123\,g"),
        ("2.0 * g + 1234567 * m", r"2\,g + 1234567\,m"),
        ("m * -g", r"m\,\left(-g\right)"),
        ("-m * g", r"-m\,g"),
        ("(g > m) * v", r"\left(g > m\right)\,v"),
        ("v - (g < m)", r"v - \left(g < m\right)"),
    ],
)
def test_parentheses_stand_where_they_must(source, latex, tmp_path, monkeypatch):
    (tmp_path / "written.py").write_text(f"def written(g, m, v, t):\n    return {source}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "written", raising=False)
    written = importlib.import_module("written")
    assert equations(written.written) == [rf"\Delta = {latex}"]


@pytest.mark.parametrize(
    ("name", "text"), [("beta1", "β₁"), ("mu", "μ"), ("eps", "ε"), ("weight_decay", "weight decay"), ("lr", "lr"), ("l2", "L2")]
)
def test_symbols_in_running_text(name, text):
    assert symbol(name) == text


def test_unknown_notation_is_loud():
    def strange(g):
        return g @ g

    with pytest.raises(ValueError, match="no notation for 'g @ g'"):
        equations(strange)


# What cannot be told is refused where it is declared

HEAD = """import math

import numpy as np
from numpy import sqrt as root
from numpy import tanh

from core import rule, surface
from core import maths
from core.hyper import Momentum
from core.maths import abs, clip, cos, exp, log, maximum, power, sign, sin, sqrt, where
from core.maths import sqrt as rooted

TINY = 1e-12
SEVERAL = (1.0, 2.0)


def helper(x):
    return x * x


def through(function):
    return function


"""
RULE = (
    HEAD
    + """@rule(title="T", family="gradient", year=2000, source="S", lr=0.01, conventions="C.")
def steep(g, v=0.0, *, mu: Momentum = 0.9):
"""
)
FORMULA = (
    HEAD
    + """@surface(title="T", kind="k", source="S", lesson="L.", domain=((-1.0, 1.0), (-1.0, 1.0)), start=(0.5, 0.5))
def steep(x, y):
"""
)

Written = Callable[[str], ModuleType]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Writes a module and imports it."""

    def write(source: str) -> ModuleType:
        (tmp_path / "declared.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "declared", raising=False)
        return importlib.import_module("declared")

    return write


def body(*lines: str) -> str:
    return "".join(f"    {line}\n" for line in lines)


def refused(written: Written, head: str, lines: tuple[str, ...], at: int, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        written(head + body(*lines))
    assert f"steep, line {head.count(chr(10)) + at}: " in str(caught.value)
    assert "allowed are lines of the form name = expression and one return" in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "at", "told"),
    [
        (("v, d = mu * v + g, g", "return d, v"), 1, "'v, d = (mu * v + g, g)' is no equation"),
        (("(v, d) = mu * v + g, g", "return d, v"), 1, "is no equation"),
        (("v, *d = mu * v, g", "return g, v"), 1, "is no equation"),
        (("[v] = [g]", "return g, v"), 1, "is no equation"),
        (("v = d = mu * v + g", "return d, v"), 1, "is no equation"),
        (("d = g", "v += g", "return d, v"), 2, "'v += g' is no equation"),
        (("v *= mu", "return g, v"), 1, "'v *= mu' is no equation"),
        (("v: float = mu * v + g", "return v, v"), 1, "is no equation"),
        (("if mu > 0.5:", "    v = mu * v + g", "return v, v"), 1, "'if mu > 0.5:' is no equation"),
        (("for _ in range(2):", "    v = mu * v + g", "return v, v"), 1, "is no equation"),
        (("while mu > 1:", "    v = g", "return v, v"), 1, "is no equation"),
        (("with np.errstate(all='ignore'):", "    v = mu * v + g", "return v, v"), 1, "is no equation"),
        (("try:", "    v = g / v", "except ZeroDivisionError:", "    v = g", "return v, v"), 1, "is no equation"),
        (("def inner(x):", "    return mu * x + g", "v = inner(v)", "return v, v"), 1, "is no equation"),
        (("import math as m", "return g, v"), 1, "is no equation"),
        (("global TINY", "return g, v"), 1, "is no equation"),
        (("assert mu", "return g, v"), 1, "is no equation"),
        (("print(g)", "return g, v"), 1, "is no equation"),
        (("del g", "return v, v"), 1, "is no equation"),
        (("pass", "return g, v"), 1, "is no equation"),
        (("return g, v", "v = mu * v + g", "return v, v"), 1, "is no equation"),
        (("v[...] = mu * v + g", "return v, v"), 1, "is no equation"),
        (("v.real = g", "return v, v"), 1, "is no equation"),
        (("v = (d := mu * v + g)", "return d, v"), 1, "no notation for"),
        (("v = mu * v + g if mu else g", "return v, v"), 1, "no notation for"),
        (("v = [mu * v + g for _ in (1, 2)][0]", "return v, v"), 1, "no notation for"),
        (("v = mu * v + g @ g", "return v, v"), 1, "no notation for 'g @ g'"),
        (("v = mu * v + g % 2", "return v, v"), 1, "no notation for 'g % 2'"),
        (("v = g // 2", "return v, v"), 1, "no notation for 'g // 2'"),
        (("v = g >= 0", "return v, v"), 1, "no notation for 'g >= 0'"),
        (("v = mu < g < v", "return v, v"), 1, "no notation for"),
        (("v = not g", "return v, v"), 1, "no notation for"),
        (("v = g and v", "return v, v"), 1, "no notation for"),
        (("v = +g", "return v, v"), 1, "no notation for '+g'"),
        (("v = v * True", "return v, v"), 1, "no notation for 'True'"),
        (("v = v * 1j", "return v, v"), 1, "no notation for '1j'"),
        (("v = 'g'", "return v, v"), 1, "no notation for"),
        (("v = SEVERAL[0] * g", "return v, v"), 1, "no notation for 'SEVERAL[0]'"),
        (("v = lambda: g", "return g, v"), 1, "no notation for"),
        (("v = f'{g}'", "return g, v"), 1, "no notation for"),
        (("v = clip(v + g, low=-1.0, high=1.0)", "return v, v"), 1, "no notation for"),
        (("v = maximum(*(g, v))", "return v, v"), 1, "no notation for"),
        (("v = mu * v + g",), 1, "'v = mu * v + g' stands where it should return"),
        (("v = mu * v + g", "return"), 2, "'return' stands where it should return"),
        (("v = mu * v + SEVERAL", "return v, v"), 1, "SEVERAL is neither an argument, nor set before, nor a number"),
        (("v = mu * v + unheard", "return v, v"), 1, "unheard is neither an argument"),
        (("d = v + e", "e = g", "return d, e"), 1, "e is neither an argument"),
        (("return g - v, g",), 1, "v is set where it is still needed as it was"),
        (("v = np.sign(g)", "return v, v"), 1, "np.sign cannot be recorded: write sign, imported from core.maths"),
        (("return np.sqrt(g), v",), 1, "np.sqrt cannot be recorded: write sqrt, imported from core.maths"),
        (("v = np.abs(g)", "return v, v"), 1, "write abs, imported from core.maths"),
        (("v = np.absolute(g)", "return v, v"), 1, "write abs, imported from core.maths"),
        (("v = np.maximum(g, v)", "return v, v"), 1, "write maximum, imported from core.maths"),
        (("v = math.exp(g)", "return v, v"), 1, "math.exp cannot be recorded: write exp, imported from core.maths"),
        (("v = math.fabs(g)", "return v, v"), 1, "write abs, imported from core.maths"),
        (("v = math.pow(g, 2.0)", "return v, v"), 1, "write power, imported from core.maths"),
        (("v = torch.sign(g)", "return v, v"), 1, "write sign, imported from core.maths"),
        (("v = maths.sign(g)", "return v, v"), 1, "write sign, imported from core.maths"),
        (("v = max(g, v)", "return v, v"), 1, "max cannot be recorded: write maximum, imported from core.maths"),
        (("v = min(g, v)", "return v, v"), 1, "min cannot be recorded: it is none of core.maths’s functions"),
        (("v = g.sign()", "return v, v"), 1, "g.sign cannot be recorded: write sign, imported from core.maths"),
        (("v = g.mean()", "return v, v"), 1, "g.mean cannot be recorded: it is none of"),
        (("v = np.linalg.norm(g)", "return v, v"), 1, "it is none of core.maths’s functions"),
        (("v = tanh(g)", "return v, v"), 1, "write tanh, imported from core.maths"),
        (("v = root(g)", "return v, v"), 1, "root cannot be recorded"),
        (("v = rooted(g)", "return v, v"), 1, "rooted cannot be recorded"),
        (("v = helper(g)", "return v, v"), 1, "helper cannot be recorded"),
        (("v = float(g)", "return v, v"), 1, "float cannot be recorded"),
        (("sqrt = g", "v = sqrt(g)", "return v, v"), 2, "sqrt cannot be recorded"),
        (("v = np.pi * g", "return v, v"), 1, "no notation for 'np.pi'"),
    ],
)
def test_a_rule_that_is_more_than_equations_is_refused(written, lines, at, told):
    refused(written, RULE, lines, at, told)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("v = mu * v + g", "return v"), "returns 1 values: it must return its direction, v"),
        (("return v, v, v",), "steep returns 3 values: it must return its direction, v"),
        (("return g * sqrt(v, v), v",), "steep cannot be recorded"),
        (("return g, v**0.5",), "powers 1, 2, 3, …, not 0.5"),
        (("return g * math, v",), "steep cannot be recorded"),
    ],
)
def test_a_rule_that_cannot_be_recorded_is_refused(written, lines, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        written(RULE + body(*lines))


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        ("(v=0.0)", "the first argument must be g"),
        ("()", "the first argument must be g"),
        ("(g, v)", "the slot 'v' has no number to begin with"),
        ("(g, v=None)", "the slot 'v' has no number to begin with"),
        ("(g, *v)", "*v is neither a slot"),
        ("(g, **v)", "**v is neither a slot"),
    ],
)
def test_a_signature_that_declares_no_rule_is_refused(written, signature, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        written(RULE.replace("(g, v=0.0, *, mu: Momentum = 0.9)", signature) + body("return g, v"))


def test_another_decorator_is_refused(written):
    head = RULE.replace("def steep(", "@through\ndef steep(")
    with pytest.raises(ValueError, match="a second decorator may change what the source says"):
        written(head + body("return g, v"))


@pytest.mark.parametrize(
    ("lines", "at", "told"),
    [
        (("a, b = x * x, y * y", "return a + b"), 1, "is no equation"),
        (("x += y", "return x * x"), 1, "is no equation"),
        (("if TINY:", "    x = y", "return x * x"), 1, "is no equation"),
        (("return x * x if TINY else y",), 1, "no notation for"),
        (("r = np.sqrt(x * x + y * y)", "return r"), 1, "np.sqrt cannot be recorded: write sqrt, imported from core.maths"),
        (("return math.exp(x) + y",), 1, "math.exp cannot be recorded: write exp, imported from core.maths"),
        (("return tanh(x) + y",), 1, "write tanh, imported from core.maths"),
        (("return helper(x) + y",), 1, "helper cannot be recorded"),
        (("return x * unheard",), 1, "unheard is neither an argument"),
    ],
)
def test_a_formula_that_is_more_than_equations_is_refused(written, lines, at, told):
    refused(written, FORMULA, lines, at, told)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("abs(x) + y", "abs has no derivative here: a formula takes +, -, *, /, neg, sqrt, exp, log, sin, cos, tanh"),
        ("x * sign(y)", "sign has no derivative here"),
        ("maximum(x, y)", "maximum has no derivative here"),
        ("clip(x, -1.0, 1.0) + y", "clip has no derivative here"),
        ("where(x > 0, x * x, x) + y", "> has no derivative here"),
        ("power(x, y)", "power has no derivative here"),
        ("2.0 ** x + y", "power has no derivative here"),
        ("x**0.5 + y", "powers 1, 2, 3, …, not 0.5"),
        ("x + y, y", "steep is no formula of x and y"),
        ("x * math", "steep is no formula of x and y"),
    ],
)
def test_a_formula_without_a_derivative_is_refused(written, result, told):
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        written(FORMULA + body(f"return {result}"))
    assert "steep is no formula of x and y" in str(caught.value)


def test_what_has_no_derivative_may_be_made_of_parameters():
    made = Formula(lambda x, y, a: maths.where(a > 0, a, maths.abs(2 * a)) * x * x + y)
    assert made.gradient(3.0, 0.0, -2.0) == (24.0, 1.0)
    assert made.hessian(3.0, 0.0, -2.0) == (8.0, 0.0, 0.0)
    assert 0 < made.rounding(3.0, 0.0, -2.0) < 1e-12


def test_a_formula_without_a_second_derivative_is_refused(written, monkeypatch):
    """Today's operations have both or none; one whose slope has none is not found out by whoever asks for a Hessian."""
    monkeypatch.setitem(derivative._PARTIALS, "abs", lambda e, a: (a.sign(),))
    with pytest.raises(ValueError, match="steep is no formula of x and y: sign has no derivative here"):
        written(FORMULA + body("return abs(x) + y"))


ABOUT: dict[str, Any] = {"title": "T", "family": "gradient", "year": 2000, "source": "S", "lr": 0.01, "conventions": "C."}
PLACE: dict[str, Any] = {
    "title": "T",
    "kind": "k",
    "source": "S",
    "lesson": "L.",
    "domain": ((-1, 1), (-1, 1)),
    "start": (0, 0),
}


def executed(source: str) -> Any:
    scope: dict[str, Any] = {}
    exec(source, scope)
    return scope["steep"]


@pytest.mark.parametrize(
    "declare",
    [
        lambda: rule(**ABOUT)(lambda g: g),
        lambda: rule(**ABOUT)(executed("def steep(g):\n    return g\n")),
        lambda: rule(**ABOUT)(executed("steep = lambda g, v=0.0: (g, v)")),
        lambda: surface(**PLACE)(lambda x, y: x + y),
        lambda: surface(**PLACE)(executed("def steep(x, y):\n    return x + y\n")),
    ],
)
def test_what_has_no_source_to_read_is_refused(declare):
    with pytest.raises(ValueError, match="has no source that can be read, so no equations: declare it with def, in a file"):
        declare()


LIMIT = 0.25


@rule(**ABOUT)
def plainly(g, v=0.0, last=0.0, *, t):
    """What is allowed: a docstring, numbers by name, and slots that are returned as expressions or under other names."""
    old = last
    d = sqrt(v + LIMIT) * (g - old) / t
    return d + g, v + (g > 0) * (g * g), g


def test_what_is_allowed_is_told_whole():
    assert equations(plainly.update) == [
        r"\mathrm{old} \leftarrow \mathrm{last}",
        r"d \leftarrow \frac{\sqrt{v + \mathrm{LIMIT}}\,\left(g - \mathrm{old}\right)}{t}",
        r"v \leftarrow v + \left(g > 0\right)\,g^{2}",
        r"\mathrm{last} \leftarrow g",
        r"\Delta = d + g",
    ]
    arguments: dict[str, Any] = {"hypers": {"lr": 0.002}, "steps": 20}
    found, run = dissect(plainly, SURFACES["ravine"], **arguments), simulate(plainly, SURFACES["ravine"], **arguments)
    np.testing.assert_allclose(found.moved, -0.002 * found.direction, rtol=1e-9)
    last = {line.equation.target: line.value for line in found.lines}
    for name in plainly.slots:
        np.testing.assert_allclose(last[name], run.state[name][1:, 0], rtol=1e-12)


@pytest.mark.parametrize("made", RULES.values(), ids=RULES)
def test_every_slot_has_its_equation(made):
    lines = dissect(made, SURFACES["ravine"], steps=5).lines
    run = simulate(made, SURFACES["ravine"], steps=5)
    told = {line.equation.target: line.value for line in lines}
    assert set(made.slots) <= set(told)
    for name in made.slots:
        np.testing.assert_allclose(told[name], run.state[name][1:, 0], rtol=1e-9)
