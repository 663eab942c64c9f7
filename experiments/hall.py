"""The one line of all visitors: trainings, and whatever else is long, begin in their turn."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.hosting.admission import Hall, Ticket
from core.hosting.machine import memory, set_by_host
from experiments.host import Visitor

GB = 1_000_000_000
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
PLACES = max(int(set_by_host("RAVINE_JOBS", _CORES)), 1)

HALL = Hall(PLACES, max(PLACES - 1, 1), GB * set_by_host("RAVINE_MEMORY", memory() / 4 / GB))
"""Of all visitors; whoever has most at work leaves a place to the others."""

_LOOK = 0.25
"""Seconds between looks at whether it is its turn."""


@contextmanager
def admitted(
    bytes: float, visitor: Visitor, ended: Callable[[], bool], tell: Callable[[Ticket], object] = lambda ticket: None
) -> Iterator[Ticket | None]:
    """The time in which work may be done, once it is its turn; None where it has `ended` before.

    `tell` is called meanwhile, the first time at once and the last time when it begins.
    """
    ticket = HALL.enter(visitor.owner, bytes, lambda: visitor.here, lambda: visitor.gone)
    try:
        tell(ticket)
        while not HALL.admitted(ticket, _LOOK):
            if ended():
                yield None
                return
            tell(ticket)
        tell(ticket)
        yield ticket
    finally:
        HALL.forget(ticket, kept=True)


def place_of(ticket: Ticket) -> str:
    """Where in the line it is, in words; empty where it does not wait."""
    place = HALL.place(ticket)
    return f"Waiting, {in_line(place)} in line." if place else ""


def in_line(place: int) -> str:
    """1st, 2nd, 3rd, 4th …"""
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"
