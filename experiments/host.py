"""Whoever waits for some work: whether it is still wanted, how far it is, and the results that are kept for all.

Work is done the same for a page, the command line and a script; what differs is who listens.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from core.hosting.cache import CACHE, Kept

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")


class Visitor:
    """Who has begun something. This one is a script, which is there as long as it runs."""

    @property
    def here(self) -> bool:
        """Whether somebody looks on."""
        return True

    @property
    def gone(self) -> bool:
        """Whether nobody will come back."""
        return False

    @property
    def owner(self) -> object:
        """What all that one visitor has begun has in common."""
        return self


class Host:
    """Where work is asked for. This one is a script, which wants what it has asked for, and hears nothing."""

    def visitor(self) -> Visitor:
        """Who asks now."""
        return Visitor()

    def superseded(self) -> bool:
        """Whether who has asked has moved on; to be asked as often as one likes. It may raise what ends the work."""
        return False

    @contextmanager
    def note(self) -> Iterator[Callable[[str], object]]:
        """Shows the words it is called with while the work lasts."""
        yield lambda words: None


_HOSTS = [Host()]


def serve(host: Host) -> None:
    """From now on work is asked for there."""
    _HOSTS[:] = [host]


def host() -> Host:
    return _HOSTS[0]


def superseded() -> bool:
    """Whether the work that goes on is wanted no longer."""
    return host().superseded()


def kept(function: Callable[_P, _R]) -> Kept[_P, _R]:
    """A function whose results are kept for all; who waits for one moves on when its person does."""
    return CACHE.keep(function, asked=superseded)


def _unheard(share: float) -> None:
    """Nobody waits."""


_HEARD: ContextVar[Callable[[float], None]] = ContextVar("heard", default=_unheard)


@contextmanager
def heard(listener: Callable[[float], None]) -> Iterator[None]:
    """The time in which somebody is told how far the work is, as a share of the whole."""
    token = _HEARD.set(listener)
    try:
        yield
    finally:
        _HEARD.reset(token)


def progress(share: float) -> None:
    """For long loops, to tell whoever waits how far they are."""
    _HEARD.get()(share)


def through(parts: Collection[_T]) -> Iterator[_T]:
    """The parts of some work, one after another; what `progress` is told meanwhile is of the one that is at work."""
    outer = _HEARD.get()
    for i, part in enumerate(parts):
        if outer is not _unheard:

            def inner(share: float, done: int = i) -> None:
                outer((done + share) / len(parts))

            _HEARD.set(inner)
            inner(0.0)
        yield part
    _HEARD.set(outer)
