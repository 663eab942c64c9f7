"""A rule's or a surface's own source, written as mathematics: equations are never told a second time."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
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
SPELLING = {"l1": "L1", "l2": "L2"}
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def symbol(name: str) -> str:
    """A name as it is written in running text: beta1 → β₁, weight_decay → weight decay."""
    stem, digits = _split(name)
    if stem in GREEK:
        return GREEK[stem] + digits.translate(SUBSCRIPTS)
    return SPELLING.get(name, name.replace("_", " "))


Tree = list[Any]
"""An expression laid out: [kind, *parts], the parts trees or texts; plain data, to be written as LaTeX or drawn elsewhere.

["name", identifier], ["number", text], ["neg", a], ["+", a, b], ["-", a, b], ["times", a, b], ["over", a, b], ["to", base,
exponent], [">", a, b], ["<", a, b], ["sqrt", a], ["abs", a], ["in", a] (in parentheses), ["cases", yes, condition, no] and
["call", function, *arguments].
"""


@dataclass(frozen=True)
class Equation:
    """One statement of a function: what is set, "" for what is returned first, and to what."""

    target: str
    source: ast.expr
    tree: Tree

    @property
    def latex(self) -> str:
        left = rf"{_name(self.target)} \leftarrow" if self.target else r"\Delta ="
        return f"{left} {_latex(self.tree)}"


def statements(function: Callable[..., Any]) -> list[Equation]:
    """The function's statements in order; a rule's direction comes last."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    found = []
    for statement in tree.body:
        match statement:
            case ast.Assign([ast.Name(target)], value):
                found.append(Equation(target, value, _tree(value)))
            case ast.Return(ast.Tuple([value, *_])) | ast.Return(ast.expr() as value):
                found.append(Equation("", value, _tree(value)))
    return found


def equations(function: Callable[..., Any]) -> list[str]:
    """The function's statements in LaTeX, one a line, the returned value as Δ (a rule's direction)."""
    return [statement.latex for statement in statements(function)]


def formula(function: Callable[..., Any]) -> str:
    """A surface's f(x, y) in LaTeX; intermediate names come first."""
    *steps, result = equations(function)
    return r",\quad ".join([result.replace(r"\Delta", "f(x, y)", 1), *(s.replace(r"\leftarrow", "=") for s in steps)])


def written(name: str) -> tuple[str, str, bool]:
    """An identifier as it is written: letter, subscript, and whether it wears a hat."""
    base, _, mark = name.partition("_")
    stem, digits = _split(base)
    below = digits or {"inf": "∞", "hat": ""}.get(mark, mark)
    return GREEK.get(stem, stem), below, mark == "hat"


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


def _tree(node: ast.expr) -> Tree:
    match node:
        case ast.Name(name):
            return ["name", name]
        case ast.Attribute(ast.Name("math"), name):
            return ["number", {"pi": "π"}.get(name, name)]
        case ast.Constant(value):
            return ["number", f"{value:g}" if isinstance(value, float) else str(value)]
        case ast.UnaryOp(ast.USub(), inner):
            return ["neg", _within(inner, 2)]
        case ast.BinOp(left, ast.Add(), right):
            return ["+", _tree(left), _tree(right)]
        case ast.BinOp(left, ast.Sub(), right):
            return ["-", _tree(left), _within(right, 2)]
        case ast.BinOp(left, ast.Mult(), right):
            if ast.dump(left) == ast.dump(right):
                return ["to", _within(left, 4), ["number", "2"]]
            return ["times", _within(left, 2), _within(right, 2)]
        case ast.BinOp(left, ast.Div(), right):
            return ["over", _tree(left), _tree(right)]
        case ast.BinOp(left, ast.Pow(), right) | ast.Call(ast.Name("power"), [left, right]):
            return ["to", _within(left, 4), _tree(right)]
        case ast.Compare(left, [ast.Gt()], [right]):
            return [">", _tree(left), _tree(right)]
        case ast.Compare(left, [ast.Lt()], [right]):
            return ["<", _tree(left), _tree(right)]
        case ast.Call(ast.Name("sqrt" | "abs" as function), [inner]):
            return [function, _tree(inner)]
        case ast.Call(ast.Name("where"), [condition, yes, no]):
            return ["cases", _tree(yes), _tree(condition), _tree(no)]
        case ast.Call(ast.Name(function), arguments):
            return ["call", {"maximum": "max"}.get(function, function), *(_tree(a) for a in arguments)]
    raise ValueError(f"no notation for {ast.unparse(node)!r}")


def _within(node: ast.expr, binding: int) -> Tree:
    """The expression, in parentheses where it binds less tightly than its surroundings."""
    operation = node.op if isinstance(node, ast.BinOp | ast.UnaryOp) else None
    if operation is None or _BINDING[type(operation)] >= binding:
        return _tree(node)
    return ["in", _tree(node)]


def _latex(tree: Tree) -> str:
    kind, *parts = tree
    if kind == "name":
        return _name(parts[0])
    if kind == "number":
        return r"\pi" if parts[0] == "π" else parts[0]
    if kind == "call":
        known = {name: "\\" + name for name in ("max", "exp", "log", "sin", "cos", "tanh")}
        head = known.get(parts[0], rf"\operatorname{{{parts[0].replace('_', ' ')}}}")
        return rf"{head}\left({', '.join(_latex(part) for part in parts[1:])}\right)"
    inner = [_latex(part) for part in parts]
    if kind == "times":
        return inner[0] + (r" \cdot " if inner[1][0].isdigit() else r"\,") + inner[1]
    return _LAYOUTS[kind] % tuple(inner)


_LAYOUTS = {
    "neg": "-%s",
    "+": "%s + %s",
    "-": "%s - %s",
    ">": "%s > %s",
    "<": "%s < %s",
    "to": "%s^{%s}",
    "over": r"\frac{%s}{%s}",
    "sqrt": r"\sqrt{%s}",
    "abs": r"\lvert %s \rvert",
    "in": r"\left(%s\right)",
    "cases": r"\begin{cases} %s & %s \\ %s & \text{otherwise} \end{cases}",
}
