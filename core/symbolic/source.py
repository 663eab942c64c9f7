"""A function's own text: read once where it is declared, and a function again wherever it is needed."""

import ast
import builtins
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from core import maths

_Function = Callable[..., Any]

WORDS: Mapping[str, Any] = {name: getattr(maths, name) for name in maths.__all__} | {"math": math}
"""What a text may call by name."""


def text_of(function: _Function) -> str:
    """Its text from the left margin, decorators and all; ValueError where it has none to read."""
    plain = inspect.unwrap(function)
    try:
        return getattr(plain, "text", None) or textwrap.dedent(inspect.getsource(plain))
    except (OSError, TypeError):
        name = getattr(function, "__name__", repr(function))
        raise ValueError(f"{name} has no source that can be read, so no equations: declare it with def, in a file") from None


def remembered(function: _Function) -> _Function:
    """The same function, which carries its text along from here: its file may change, or be gone, later."""
    plain: Any = inspect.unwrap(function)
    plain.text = text_of(function)
    return function


def definition(function: _Function) -> ast.FunctionDef:
    """The function's text, parsed; ValueError where it has none to read."""
    name = getattr(function, "__name__", repr(function))
    found = parsed(text_of(function), name)
    if found.name != inspect.unwrap(function).__name__:
        raise ValueError(f"{name} has no source that can be read, so no equations: declare it with def, in a file")
    return found


@lru_cache(maxsize=1024)
def parsed(text: str, name: str = "the text") -> ast.FunctionDef:
    """The one function that a text defines; ValueError for any other text."""
    try:
        (tree,) = ast.parse(text).body
    except (SyntaxError, ValueError):
        tree = None
    if not isinstance(tree, ast.FunctionDef):
        raise ValueError(f"{name} has no source that can be read, so no equations: declare it with def, in a file")
    return tree


def scope(function: _Function) -> Mapping[str, Any]:
    """What a function's free names stand for."""
    plain = inspect.unwrap(function)
    cells = zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True)
    return {**vars(builtins), **plain.__globals__, **{name: cell.cell_contents for name, cell in cells}}


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def constants(function: _Function) -> dict[str, float]:
    """The numbers of its module that a function uses by name."""
    known = scope(function)
    return {name: float(known[name]) for name in sorted(names_in(definition(function))) if is_number(known.get(name))}


def made(
    text: str, hints: Mapping[str, Any] = MappingProxyType({}), numbers: Mapping[str, float] = MappingProxyType({})
) -> _Function:
    """The function that a text defines, of core.maths’s functions, `numbers`, and `hints` for its annotations alone.

    What it may do is for whoever declares it to check (`core.symbolic.notation.lawful`); before that nothing of it is run but
    its defaults, which must be numbers. Raises ValueError for any other text.
    """
    tree = parsed(text)
    arguments = tree.args
    for default in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
        bare = default.operand if isinstance(default, ast.UnaryOp) else default
        if not (isinstance(bare, ast.Constant) and is_number(bare.value)):
            raise ValueError(f"{tree.name}: the default {ast.unparse(default)} is not a number")
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        note = argument.annotation
        if note is not None and not (isinstance(note, ast.Name) and note.id in hints):
            raise ValueError(f"{tree.name}: {ast.unparse(note)} is unknown: allowed is one of {', '.join(hints) or 'none'}")
    if tree.decorator_list or tree.returns:
        raise ValueError(f"{tree.name}: a text is a function alone, without decorators and a kind of result")
    known = {"__builtins__": {}, **WORDS, **hints, **numbers}
    exec(compile(ast.Module([tree], []), f"<{tree.name}>", "exec"), known)
    function = known[tree.name]
    function.text = text
    return function


@lru_cache(maxsize=1024)
def again(text: str, numbers: tuple[tuple[str, float], ...]) -> _Function:
    """The function of a text that was declared before, elsewhere: without decorators and annotations, which said all there."""
    tree = ast.parse(text)
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)  # it was declared
    function.decorator_list = []
    for argument in (*function.args.args, *function.args.kwonlyargs):
        argument.annotation = None
    bare: Any = made(ast.unparse(function), numbers=dict(numbers))
    bare.text = text
    return bare
