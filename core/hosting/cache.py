"""Results that are kept between calls: all of them together within so many bytes, whoever asked for them."""

import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from threading import Event, RLock
from types import CellType, FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np

from core.hosting.machine import MB, memory, set_by_host

LARGEST_SHARE = 0.5
"""What takes more than this share of the budget is not kept."""

_PATIENCE = 0.02
"""Seconds between looks at whether a result that another thread computes is still wanted."""

_P = ParamSpec("_P")
_R = TypeVar("_R")
Key = tuple[Any, ...]
"""A function, its arguments by place, and those by name."""


@dataclass
class Entry:
    """A result under the key it was computed for, the bytes that both take, and those of its parts that may grow."""

    key: Key
    result: Any
    bytes: int = 0
    parts: list[tuple[Any, int]] = field(default_factory=list)

    def count(self) -> None:
        self.bytes, self.parts = _weight(self.key), []
        for one, own, whole in _reached(self.result, beside=self.key[1]):
            self.bytes += own
            if not whole and not isinstance(one, _SETTLED):
                self.parts.append((one, _contents(one)))

    @property
    def grown(self) -> bool:
        """Whether it has worked out more for itself since it was counted."""
        return any(_contents(one) != before for one, before in self.parts)


@dataclass
class Underway:
    """A result that some thread is computing; `result` is empty where it came to none."""

    ended: Event = field(default_factory=Event)
    result: list[Any] = field(default_factory=list)


class Cache:
    """The results of several functions, `budget` bytes of them; what was used longest ago goes first."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.bytes = 0
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._underway: dict[Key, Underway] = {}
        self._lock = RLock()
        # A child that is forked while another thread holds the lock, or computes something, would wait for ever.
        os.register_at_fork(before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._forked)

    def keep(self, function: Callable[_P, _R], *, asked: Callable[[], object] = lambda: None) -> "Kept[_P, _R]":
        """The function, whose results are kept. Its arguments are hashable; nobody writes to its results.

        Each is computed once, also where several threads want it at a time: the others wait for it. `asked` is called while
        they do, and ends the waiting by what it raises. What is raised instead of a result is not kept.
        """
        return Kept(self, function, asked)

    def __contains__(self, key: Key) -> bool:
        with self._lock:
            return key in self._entries

    def forget(self, function: Callable[..., Any]) -> None:
        """Give up all that is kept of one function."""
        with self._lock:
            for key in [key for key in self._entries if key[0] is function]:
                self._drop(key)

    def result(self, key: Key, compute: Callable[[], _R], asked: Callable[[], object]) -> _R:
        """What is kept under a key, or else what is computed."""
        while True:
            with self._lock:
                if (entry := self._entries.get(key)) is not None:
                    self._entries.move_to_end(key)
                    if entry.grown:
                        self._count(entry)
                    return entry.result
                underway = self._underway.get(key)
                if underway is None:
                    mine = self._underway[key] = Underway()
                    break
            while not underway.ended.wait(_PATIENCE):
                asked()
            if underway.result:
                return underway.result[0]
        try:
            found = compute()
            mine.result.append(found)
            with self._lock:
                self._entries[key] = entry = Entry(key, found)
                self._count(entry)
        finally:
            with self._lock:
                self._underway.pop(key, None)
            mine.ended.set()
        return found

    def _count(self, entry: Entry) -> None:
        """Count the entry that was used last, and give up what is too much."""
        self.bytes -= entry.bytes
        entry.count()
        self.bytes += entry.bytes
        if entry.bytes > LARGEST_SHARE * self.budget:
            self._drop(entry.key)
        while self.bytes > self.budget:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        self.bytes -= self._entries.pop(key).bytes

    def _forked(self) -> None:
        self._underway.clear()
        self._lock.release()


class Kept(Generic[_P, _R]):
    """A function whose results a cache keeps."""

    def __init__(self, cache: Cache, function: Callable[_P, _R], asked: Callable[[], object]) -> None:
        self._cache, self._function, self._asked = cache, function, asked
        update_wrapper(self, function)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return self._cache.result(self._key(args, kwargs), lambda: self._function(*args, **kwargs), self._asked)

    def has(self, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """Whether this result is kept."""
        return self._key(args, kwargs) in self._cache

    def _key(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Key:
        return self._function, args, tuple(kwargs.items())

    def cache_clear(self) -> None:
        self._cache.forget(self._function)


_PLAIN = float, int, str

_SETTLED = *_PLAIN, bytes, tuple, frozenset
"""What never comes to hold more than it does; an array neither."""


def _size(what: Any, beside: Iterable[Any] = ()) -> int:
    """Bytes of all that can be reached from something, but not by way of what is `beside` it; arrays whole, and once."""
    return sum(own for _, own, _ in _reached(what, beside))


def _reached(what: Any, beside: Iterable[Any]) -> Iterator[tuple[Any, int, bool]]:
    """All that `_size` counts, each once, with its own bytes, and whether it says itself how many it takes with all in it."""
    seen, waiting = {id(one) for one in beside}, [what]
    while waiting:
        one = waiting.pop()
        while isinstance(one, np.ndarray) and isinstance(one.base, np.ndarray):  # a view keeps the whole
            one = one.base
        if one is None or id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        own = getattr(one, "nbytes", None)
        if isinstance(own, int):
            yield one, own, True
        else:
            yield one, sys.getsizeof(one, 0), False
            waiting.extend(_within(one))


def _contents(one: Any) -> int:
    """What tells whether something holds anything else than it did."""
    return hash(tuple(map(id, _within(one))))


def _weight(key: Any) -> int:
    """Bytes of the tuples of a key and their numbers; what else is in it, rules and surfaces, is there anyway."""
    if isinstance(key, tuple):
        return sys.getsizeof(key) + sum(map(_weight, key))
    return sys.getsizeof(key) if isinstance(key, _PLAIN) else 0


def _within(one: Any) -> Iterable[Any]:
    if isinstance(one, _PLAIN):
        return ()
    if isinstance(one, (dict, Mapping)):  # a dict first: it is quickly told
        return [*one.keys(), *one.values()]
    if isinstance(one, (tuple, list, set, frozenset)):
        return one
    if isinstance(one, partial):
        return one.func, one.args, one.keywords
    if isinstance(one, FunctionType):
        return [_held(cell) for cell in one.__closure__ or ()]
    return list(getattr(one, "__dict__", {}).values())


def _held(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing yet
        return None


CACHE = Cache(MB * set_by_host("RAVINE_CACHE_MB", min(max(memory() / 256 / MB, 64), 256)))
"""What all visitors' pages have in common."""
