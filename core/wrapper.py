"""What takes a rule and gives a rule: told once, around any rule, and the result is a rule like any other.

A wrapper is written as a rule is, and calls `step(g)`, the rule that it is around, once. Its own text and the rule's are made
one: so the result has equations, an anatomy and a record, whichever rule it is around.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from core.hyper import Hyper
from core.knowledge import KNOWLEDGE
from core.rule import Rule, Twin, signature
from core.symbolic.notation import lawful
from core.symbolic.source import WORDS, again, constants, definition, names_in, remembered

STEP = "step"
"""What a wrapper calls the rule that it is around."""


@dataclass(frozen=True)
class Named:
    """What a wrapper is called around one rule, where that has a name and a source of its own."""

    key: str
    title: str
    source: str
    twin: Twin | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Wrapper:
    """A wrapper; called with a rule it gives the rule that the two make.

    `around` are the rules that it is offered with, by their keys, each with the name that the two have if that is their own.
    """

    key: str
    title: str
    year: int
    source: str
    conventions: str
    function: Callable[..., Any] = field(repr=False, compare=False)
    hypers: Mapping[str, Hyper] = field(repr=False, hash=False)
    slots: Mapping[str, float] = field(repr=False, hash=False)
    needs: tuple[str, ...]
    settings: Mapping[str, float] = field(repr=False, hash=False)
    around: Mapping[str, Named | None] = field(repr=False, hash=False)

    def __call__(self, rule: Rule) -> Rule:
        name = self.around.get(rule.key) or Named(
            f"{self.key}-{rule.key}", f"{self.title} {rule.title}", f"{self.source}, around {rule.title}: {rule.source}"
        )
        made = replace(
            rule,
            key=name.key,
            title=name.title,
            source=name.source,
            twin=name.twin,
            settings=MappingProxyType({**rule.settings, **self.settings}),
        )
        if self._plain:  # the driver's settings are all that it adds
            return made
        taken = {*rule.slots, *rule.hypers, *rule.needs, *names_in(definition(rule.update))}
        ours = _Renamed(self.key, taken - {"g", *KNOWLEDGE, *WORDS})
        text = ast.unparse(_joined(ours.visit(_copied(self.function)), _copied(rule.update), name.key))
        numbers = tuple({**dict(rule.numbers), **constants(self.function)}.items())
        needs = {*self.needs, *rule.needs}
        own = {ours.of(name): replace(hyper, name=ours.of(name)) for name, hyper in self.hypers.items()}
        return replace(
            made,
            year=max(self.year, rule.year),
            conventions=f"{self.conventions} {rule.conventions}",
            update=again(text, numbers),
            text=text,
            numbers=numbers,
            hypers=MappingProxyType({**rule.hypers, **own}),
            slots=MappingProxyType({**{ours.of(name): value for name, value in self.slots.items()}, **rule.slots}),
            needs=tuple(need for need in KNOWLEDGE if need in needs),
        )

    @property
    def _plain(self) -> bool:
        """Whether it does nothing to the rule's own equations."""
        *_, last = definition(self.function).body
        return isinstance(last, ast.Return) and last.value is not None and ast.unparse(last.value) == f"{STEP}(g)"


def wrapper(
    *,
    title: str,
    year: int,
    source: str,
    conventions: str,
    around: Mapping[str, Named | None],
    settings: Mapping[str, float] = MappingProxyType({}),
) -> Callable[[Callable[..., Any]], Wrapper]:
    """Declare a wrapper from its function: see `Wrapper`. `settings` are numbers of the driver that it brings along.

    Raises ValueError at import as `core.rule.rule` does, and where `step` is not called exactly once, by itself on a line or
    returned.
    """

    def declare(function: Callable[..., Any]) -> Wrapper:
        slots, hypers, needs = signature(function, [STEP, *KNOWLEDGE])
        lawful(remembered(function), [STEP, *(name for name in needs if name in KNOWLEDGE and KNOWLEDGE[name].called)])
        *_, kept = _split(definition(function))
        if len(kept) != len(slots):
            wanted = f"its direction{''.join(f', {slot}' for slot in slots)}"
            raise ValueError(f"{function.__name__} returns {1 + len(kept)} values: it must return {wanted}")
        return Wrapper(
            key=function.__name__,
            title=title,
            year=year,
            source=source,
            conventions=conventions,
            function=function,
            hypers=hypers,
            slots=MappingProxyType(slots),
            needs=tuple(name for name in needs if name != STEP),
            settings=settings,
            around=around,
        )

    return declare


def _copied(function: Callable[..., Any]) -> ast.FunctionDef:
    (tree,) = ast.parse(ast.unparse(definition(function))).body
    assert isinstance(tree, ast.FunctionDef)  # the definition is one
    return tree


class _Renamed(ast.NodeTransformer):
    """A wrapper's own names, told apart from those that the rule has."""

    def __init__(self, key: str, taken: set[str]) -> None:
        self._key, self._taken = key, taken

    def of(self, name: str) -> str:
        while name in self._taken:
            name = f"{self._key}_{name}"
        return name

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self.of(node.id), node.ctx), node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.copy_location(ast.arg(self.of(node.arg)), node)


def _split(tree: ast.FunctionDef) -> tuple[list[ast.stmt], str, ast.expr, list[ast.stmt], ast.expr, list[ast.expr]]:
    """A wrapper's lines before its step, what it calls the step's direction and what it gives it, the lines after, and what
    it returns: its direction and its slots. ValueError where it is not so made."""
    body = [line for line in tree.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))]
    calls = [node for line in body for node in ast.walk(line) if _is_step(node)]
    if len(calls) == 1:
        (call,) = calls
        assert isinstance(call, ast.Call)  # or it would be no step
        *lines, last = body
        assert isinstance(last, ast.Return)  # it is lawful
        assert last.value is not None
        returned, *kept = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
        for i, line in enumerate(lines):
            if isinstance(line, ast.Assign) and line.value is call and isinstance(line.targets[0], ast.Name):
                return lines[:i], line.targets[0].id, call.args[0], lines[i + 1 :], returned, kept
        if returned is call:
            return lines, "", call.args[0], [], returned, kept
    raise ValueError(f"{tree.name} must have exactly one line direction = {STEP}(…), or return {STEP}(…)")


def _is_step(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == STEP and len(node.args) == 1


def _joined(ours: ast.FunctionDef, theirs: ast.FunctionDef, key: str) -> ast.FunctionDef:
    """One function of both: the wrapper's lines with the rule's in place of its step."""
    before, direction, given, after, returned, kept = _split(ours)
    *lines, last = [line for line in theirs.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))]
    assert isinstance(last, ast.Return)  # it is lawful
    assert last.value is not None
    moved, *slots = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
    entry = [] if isinstance(given, ast.Name) and given.id == "g" else [_line("g", given)]
    exit = [_line(direction, moved)] if direction else []
    result = returned if direction else moved
    whole = ast.Tuple([result, *kept, *slots], ast.Load()) if kept or slots else result
    arguments = ours.args
    arguments.args += theirs.args.args[1:]
    arguments.defaults += theirs.args.defaults
    both = {a.arg: (a, d) for part in (ours, theirs) for a, d in zip(part.args.kwonlyargs, part.args.kw_defaults, strict=True)}
    both.pop(STEP, None)
    arguments.kwonlyargs, arguments.kw_defaults = [a for a, _ in both.values()], [d for _, d in both.values()]
    for argument in (*arguments.args, *arguments.kwonlyargs):
        argument.annotation = None
    body = [*before, *entry, *lines, *exit, *after, ast.Return(whole)]
    made = ast.FunctionDef(key.replace("-", "_"), arguments, body, [], None, None)
    return ast.fix_missing_locations(made)


def _line(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)
