"""A rule's or a surface's own source, written as mathematics: equations are never told a second time."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "eps": "ε",
    "eta": "η",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "psi": "ψ",
    "rho": "ρ",
    "sigma": "σ",
}
LATEX = {"eps": r"\varepsilon"}
SPELLING = {"l2": "L2"}
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def symbol(name: str) -> str:
    """A name as it is written in running text: beta1 → β₁, weight_decay → weight decay."""
    stem, digits = _split(name)
    if stem in GREEK:
        return GREEK[stem] + digits.translate(SUBSCRIPTS)
    return SPELLING.get(name, name.replace("_", " "))


def equations(function: Callable[..., Any]) -> list[str]:
    """The function's statements in LaTeX, one a line, the returned value as Δ (a rule's direction)."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    lines = []
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            lines.append(rf"{_latex(statement.targets[0])} \leftarrow {_latex(statement.value)}")
        elif isinstance(statement, ast.Return) and statement.value is not None:
            value = statement.value.elts[0] if isinstance(statement.value, ast.Tuple) else statement.value
            lines.append(rf"\Delta = {_latex(value)}")
    return lines


def formula(function: Callable[..., Any]) -> str:
    """A surface's f(x, y) in LaTeX; intermediate names come first."""
    *steps, result = equations(function)
    return r",\quad ".join([result.replace(r"\Delta", "f(x, y)", 1), *(s.replace(r"\leftarrow", "=") for s in steps)])


def _split(name: str) -> tuple[str, str]:
    stem = name.rstrip("0123456789")
    return stem, name[len(stem) :]


def _name(name: str) -> str:
    base, _, mark = name.partition("_")
    stem, digits = _split(base)
    text = LATEX.get(stem, "\\" + stem if stem in GREEK else stem if len(stem) == 1 else rf"\mathrm{{{stem}}}")
    if mark == "hat":
        text = rf"\hat {text}"
        mark = ""
    below = digits or {"": "", "inf": r"\infty"}.get(mark, rf"\mathrm{{{mark}}}")
    return f"{text}_{{{below}}}" if below else text


_BINDING = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 4, ast.Pow: 3, ast.USub: 2}


def _latex(node: ast.expr) -> str:
    match node:
        case ast.Name(name):
            return _name(name)
        case ast.Attribute(ast.Name("math"), name):
            return {"pi": r"\pi"}.get(name, name)
        case ast.Constant(value):
            return f"{value:g}" if isinstance(value, float) else str(value)
        case ast.UnaryOp(ast.USub(), inner):
            return f"-{_within(inner, 2)}"
        case ast.BinOp(left, ast.Add(), right):
            return f"{_latex(left)} + {_latex(right)}"
        case ast.BinOp(left, ast.Sub(), right):
            return f"{_latex(left)} - {_within(right, 2)}"
        case ast.BinOp(left, ast.Mult(), right):
            if ast.dump(left) == ast.dump(right):
                return f"{_within(left, 4)}^2"
            first, second = _within(left, 2), _within(right, 2)
            return first + (r" \cdot " if second[0].isdigit() else r"\,") + second
        case ast.BinOp(left, ast.Div(), right):
            return rf"\frac{{{_latex(left)}}}{{{_latex(right)}}}"
        case ast.BinOp(left, ast.Pow(), right):
            return f"{_within(left, 4)}^{{{_latex(right)}}}"
        case ast.Compare(left, [ast.Gt()], [right]):
            return f"{_latex(left)} > {_latex(right)}"
        case ast.Compare(left, [ast.Lt()], [right]):
            return f"{_latex(left)} < {_latex(right)}"
        case ast.Call(ast.Name("sqrt"), [inner]):
            return rf"\sqrt{{{_latex(inner)}}}"
        case ast.Call(ast.Name("abs"), [inner]):
            return rf"\lvert {_latex(inner)} \rvert"
        case ast.Call(ast.Name("power"), [base, exponent]):
            return f"{_within(base, 4)}^{{{_latex(exponent)}}}"
        case ast.Call(ast.Name("where"), [condition, yes, no]):
            return rf"\begin{{cases}} {_latex(yes)} & {_latex(condition)} \\ {_latex(no)} & \text{{otherwise}} \end{{cases}}"
        case ast.Call(ast.Name(name), arguments):
            known = {"maximum": r"\max", "exp": r"\exp", "log": r"\log", "sin": r"\sin", "cos": r"\cos", "tanh": r"\tanh"}
            head = known.get(name, rf"\operatorname{{{name.replace('_', ' ')}}}")
            return rf"{head}\left({', '.join(_latex(a) for a in arguments)}\right)"
    raise ValueError(f"no notation for {ast.unparse(node)!r}")


def _within(node: ast.expr, binding: int) -> str:
    """The expression, in parentheses where it binds less tightly than its surroundings."""
    operation = node.op if isinstance(node, ast.BinOp | ast.UnaryOp) else None
    if operation is None or _BINDING[type(operation)] >= binding:
        return _latex(node)
    return rf"\left({_latex(node)}\right)"
