"""Finding what a package declares: one file dropped into the folder is enough, and a broken one is loud."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, TypeVar

_T = TypeVar("_T")


def discover(package: ModuleType, kind: type[_T]) -> Iterator[tuple[str, _T]]:
    """Every object of `kind` defined in the package's modules, with its module's name, in file and then source order.

    Raises ValueError for a module that declares none.
    """
    for info in (one for one in pkgutil.iter_modules(package.__path__) if not one.ispkg):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found = [value for value in vars(module).values() if isinstance(value, kind)]
        if not found:
            raise ValueError(f"{module.__name__} declares no {kind.__name__}")
        for value in found:
            yield info.name, value


def keyed(entries: Iterator[_T]) -> dict[str, _T]:
    """Entries by their `key`; ValueError when two share one, or their `title`."""
    registry: dict[str, Any] = {}
    titles: dict[str, str] = {}
    for entry in entries:
        key, title = entry.key, entry.title  # type: ignore[attr-defined]
        if key in registry:
            raise ValueError(f"two entries are called {key!r}")
        if title in titles:
            raise ValueError(f"{titles[title]!r} and {key!r} have the same title, {title!r}")
        registry[key], titles[title] = entry, key
    return registry
