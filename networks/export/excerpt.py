"""The parts of the project's own source that a script names, put before it, so that it runs alone."""

import ast
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from itertools import pairwise
from types import ModuleType

OURS = {"core", "networks"}
"""The packages whose source is taken along; from others is imported."""

_Part = tuple[ModuleType, ast.stmt]
"""A statement at the top level of a module."""


def completed(script: str, homes: Sequence[ModuleType]) -> str:
    """Imports, then the classes, functions and constants of ours that a script needs, then the script.

    A name that it uses and does not assign is that of the first module of `homes` which has it at its top level.
    """
    names = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Name)]
    assigned = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    parts: dict[tuple[str, str], _Part] = {}
    for name in dict.fromkeys(node.id for node in names if node.id not in assigned):
        if home := next((home for home in homes if name in _statements(home)), None):
            _gather(name, home, parts)
    imports = [(name, part) for (_, name), (_, part) in parts.items() if isinstance(part, ast.Import | ast.ImportFrom)]
    ours = [part for part in parts.values() if not isinstance(part[1], ast.Import | ast.ImportFrom)]
    return "\n\n".join([_header(imports), *([_written(ours)] if ours else []), script])


def inlined(function: Callable, **values: str) -> str:
    """The expression of a lambda, the only one on its line, with other text for some of its arguments."""
    module, line = sys.modules[function.__module__], function.__code__.co_firstlineno
    tree = ast.parse(inspect.getsource(module))
    (found,) = (node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and node.lineno == line)
    for node in ast.walk(found.body):
        if isinstance(node, ast.Name):
            node.id = values.get(node.id, node.id)
    return ast.unparse(found.body)


def body_of(function: Callable) -> str:
    """The lines of a function below its signature."""
    source = inspect.getsource(function)
    (found,) = ast.parse(source).body
    assert isinstance(found, ast.FunctionDef)
    return "\n".join(source.splitlines()[found.body[0].lineno - 1 :])


@lru_cache(maxsize=64)
def _text(module: ModuleType) -> str:
    """A module's source, in which `Annotated` is the kind alone: what is offered to people is nothing to a script."""
    source = text = inspect.getsource(module)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
            text = text.replace(ast.get_source_segment(source, node) or "", ast.unparse(node.slice.elts[0]))
    return text


@lru_cache(maxsize=64)
def _statements(module: ModuleType) -> dict[str, ast.stmt]:
    """What gives each name of a module's top level."""
    found: dict[str, ast.stmt] = {}
    for part in ast.parse(_text(module)).body:
        if isinstance(part, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name: part for alias in part.names}
        elif isinstance(part, ast.FunctionDef | ast.ClassDef):
            found[part.name] = part
        elif isinstance(part, ast.Assign | ast.AnnAssign):
            found |= {
                node.id: part for node in ast.walk(part) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
    return found


def _gather(name: str, home: ModuleType, parts: dict[tuple[str, str], _Part]) -> None:
    """Put what gives a name behind all that it needs in turn."""
    part, key = _statements(home)[name], (home.__name__, name)
    if isinstance(part, ast.ImportFrom) and part.module and part.module.partition(".")[0] in OURS:
        _gather(name, import_module(part.module), parts)
    elif key not in parts:
        parts[key] = home, part
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and node.id in _statements(home):
                _gather(node.id, home, parts)
        parts[key] = parts.pop(key)


def _header(imports: Iterable[tuple[str, ast.Import | ast.ImportFrom]]) -> str:
    """Import statements in order, the standard library's before a blank line."""
    plain = {ast.unparse(part): part.names[0].name for _, part in imports if isinstance(part, ast.Import)}
    some: dict[str, list[str]] = {}
    for name, part in imports:
        if isinstance(part, ast.ImportFrom):
            some.setdefault(part.module or "", []).append(name)
    lines = sorted(plain.items()) + [(f"from {m} import {', '.join(sorted(set(some[m])))}", m) for m in sorted(some)]
    standard = [line for line, module in lines if module.partition(".")[0] in sys.stdlib_module_names]
    others = [line for line, module in lines if line not in standard]
    return "\n\n".join("\n".join(group) for group in (standard, others) if group) + "\n"


def _written(parts: Sequence[_Part]) -> str:
    """Their source as it stands, two lines between, none between constants."""
    text = ""
    for (_, last), (module, part) in pairwise([parts[0], *parts]):
        lines = _text(module).splitlines()
        decorators = part.decorator_list if isinstance(part, ast.FunctionDef | ast.ClassDef) else []
        first = min([part.lineno, *(node.lineno for node in decorators)])
        constants = all(isinstance(one, ast.Assign | ast.AnnAssign) for one in (last, part))
        text += ("\n" if constants else "\n\n\n") * bool(text) + "\n".join(lines[first - 1 : part.end_lineno])
    return text + "\n"
