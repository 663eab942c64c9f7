"""Equations are read off the source, so every rule and every surface must have them."""

import importlib
import sys

import pytest

from core.notation import equations, formula, symbol
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
