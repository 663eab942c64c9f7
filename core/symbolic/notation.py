"""A rule's or a surface's own source, written as mathematics: equations are never told a second time.

What cannot be written is refused where it is declared, so that no statement is lost on the way.
"""

import ast
import inspect
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from core import maths
from core.symbolic.source import definition, is_number, names_in, scope

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
    """The function's statements in order; what it returns first, a rule's direction, comes last.

    A slot that is returned under another name than its own has a statement too. Raises ValueError, naming the function, the
    line and what is allowed, for a function that is more than lines of the form name = expression and one return, or that uses
    what has no notation.
    """
    found = []
    for target, value in _settings(function):
        try:
            found.append(Equation(target, value, _tree(value)))
        except ValueError as error:
            raise _refusal(function, value, str(error)) from None
    return found


def _settings(function: Callable[..., Any]) -> Iterator[tuple[str, ast.expr]]:
    """What the function sets, name and expression, in order, what it returns first last under no name."""
    whole = definition(function)
    *body, last = whole.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]  # a docstring
    for statement in body:
        match statement:
            case ast.Assign([ast.Name(target)], value):
                yield target, value
            case _:
                raise _refusal(function, statement, f"{_first_line(statement)!r} is no equation")
    match last:
        case ast.Return(ast.Tuple([result, *kept])):
            slots = zip((argument.arg for argument in whole.args.args[1:]), kept, strict=False)
            anew = [(slot, value) for slot, value in slots if not (isinstance(value, ast.Name) and value.id == slot)]
            for i, (slot, value) in enumerate(anew):
                if any(slot in names_in(later) for later in (result, *(later for _, later in anew[i + 1 :]))):
                    raise _refusal(
                        function, value, f"{slot} is set where it is still needed as it was: give that a line before"
                    )
                yield slot, value
            yield "", result
        case ast.Return(ast.expr() as result):
            yield "", result
        case _:
            raise _refusal(function, last, f"{_first_line(last)!r} stands where it should return")


def lawful(function: Callable[..., Any], called: Collection[str] = ()) -> None:
    """Raise ValueError, naming the function, the line and what is allowed, where a rule or a formula is more than equations.

    It may name its arguments, what it has set, numbers, and call the functions of core.maths and those of its arguments that
    are `called`: others, such as numpy's, cannot be recorded, and whatever they are called with would run several times slower
    without a word.
    """
    settings, whole, meanings = list(_settings(function)), definition(function), scope(function)
    if len(whole.decorator_list) > 1:
        raise _refusal(function, whole.decorator_list[1], "a second decorator may change what the source says")
    known = set(inspect.signature(function).parameters)
    own = known | {target for target, _ in settings}
    for call in (node for _, value in settings for node in ast.walk(value) if isinstance(node, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name in called and name in known:
            continue
        if name in own or name not in maths.__all__ or meanings.get(name) is not getattr(maths, name):
            wrong = ast.unparse(call.func)
            last = wrong.rpartition(".")[2]
            right = next((theirs for theirs in (last, ALIKE.get(last)) if theirs in maths.__all__), None)
            told = f"write {right}, imported from core.maths" if right else "it is none of core.maths’s functions"
            raise _refusal(function, call, f"{wrong} cannot be recorded: {told}")
    statements(function)
    for target, value in settings:
        functions = {id(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
        for node in (node for node in ast.walk(value) if isinstance(node, ast.Name) and id(node) not in functions):
            meant = meanings.get(node.id)
            if node.id in called:
                raise _refusal(function, node, f"{node.id} is a function, to be called")
            if node.id not in known and not is_number(meant) and meant is not math:
                raise _refusal(function, node, f"{node.id} is neither an argument, nor set before, nor a number")
        known.add(target)


_ALLOWED = (
    "allowed are lines of the form name = expression and one return, branches as where(condition, yes, no), "
    "made of + − × ÷ ** > < and core.maths’s " + ", ".join(maths.__all__)
)
ALIKE = {"absolute": "abs", "fabs": "abs", "pow": "power", "max": "maximum", "fmax": "maximum", "clamp": "clip"}
"""Names that others have for what core.maths has."""


def _refusal(function: Callable[..., Any], node: ast.AST, told: str) -> ValueError:
    """What a function must not hold, with its line in its file."""
    line = inspect.unwrap(function).__code__.co_firstlineno + getattr(node, "lineno", 1) - 1
    return ValueError(f"{function.__name__}, line {line}: {told}; {_ALLOWED}")


def _first_line(statement: ast.stmt) -> str:
    return ast.unparse(statement).splitlines()[0]


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
        case ast.Constant(value) if is_number(value):
            return ["number", f"{value:g}" if float(f"{value:g}") == value else repr(value)]
        case ast.UnaryOp(ast.USub(), inner):
            return ["neg", _within(inner, 2)]
        case ast.BinOp(left, ast.Add(), right):
            return ["+", _tree(left), _tree(right)]
        case ast.BinOp(left, ast.Sub(), right):
            return ["-", _tree(left), _within(right, 2)]
        case ast.BinOp(left, ast.Mult(), right):
            if ast.dump(left) == ast.dump(right):
                return ["to", _within(left, 4), ["number", "2"]]
            return ["times", _within(left, 2), _within(right, 3 if isinstance(right, ast.UnaryOp) else 2)]
        case ast.BinOp(left, ast.Div(), right):
            return ["over", _tree(left), _tree(right)]
        case ast.BinOp(left, ast.Pow(), right) | ast.Call(ast.Name("power"), [left, right], []):
            return ["to", _within(left, 4), _tree(right)]
        case ast.Compare(left, [ast.Gt()], [right]):
            return [">", _tree(left), _tree(right)]
        case ast.Compare(left, [ast.Lt()], [right]):
            return ["<", _tree(left), _tree(right)]
        case ast.Call(ast.Name("sqrt" | "abs" as function), [inner], []):
            return [function, _tree(inner)]
        case ast.Call(ast.Name("where"), [condition, yes, no], []):
            return ["cases", _tree(yes), _tree(condition), _tree(no)]
        case ast.Call(ast.Name(function), arguments, []):
            return ["call", {"maximum": "max"}.get(function, function), *(_tree(a) for a in arguments)]
    raise ValueError(f"no notation for {ast.unparse(node)!r}")


def _within(node: ast.expr, binding: int) -> Tree:
    """The expression, in parentheses where it binds less tightly than its surroundings."""
    loose = isinstance(node, ast.Compare)
    operation = node.op if isinstance(node, ast.BinOp | ast.UnaryOp) else None
    if not loose and (operation is None or _BINDING.get(type(operation), 0) >= binding):
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
