"""What goes on beside the pages for as long as the server lives, and how it ends."""

import ctypes
import gc
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event, Thread, Timer
from types import FrameType

_GRACE = 1.0
"""Seconds that the server has to end by itself once it is told to; then it is ended."""

VISITS, _OFTEN, SELDOM = 20, 2.0, 15.0
"""After so many page runs is tidied up, or so many seconds after any; but not twice within this many."""

ARENAS = -8, 2
"""glibc's M_ARENA_MAX, and in how many places the threads' memory may lie; what is freed in each is kept in each."""


@asynccontextmanager
async def lifespan(_: object) -> AsyncIterator[None]:
    """As `st.App` takes it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        _bound(number)
    Thread(target=HOUSE.live, daemon=True).start()
    yield


def _bound(number: int) -> None:
    """What ends the server at a signal waits for browsers to answer, which they need not do; so it does not wait for ever."""
    before = signal.getsignal(number)

    def heard(number: int, frame: FrameType | None) -> None:
        last = Timer(_GRACE, os._exit, (128 + number,))
        last.daemon = True
        last.start()
        if callable(before):
            before(number, frame)

    signal.signal(number, heard)


class House:
    """Gives back the memory of what visitors leave behind, which holds itself in circles: figures, sessions, trainings.

    Python's collector is off after reruns, since it takes longer than they do, and by itself it looks at old things seldom.
    """

    def __init__(self) -> None:
        self._runs, self._enough = 0, Event()
        self._system = ctypes.CDLL(None)

    def entered(self) -> None:
        """A page is run."""
        self._runs += 1
        if self._runs >= VISITS:
            self._enough.set()

    def live(self) -> None:
        """Tidy up again and again."""
        if hasattr(self._system, "mallopt"):
            self._system.mallopt(*ARENAS)
        while True:
            self._enough.wait(SELDOM)
            self._enough.clear()
            if self._runs:
                self._runs = 0
                self.tidied()
            time.sleep(_OFTEN)

    def tidied(self) -> None:
        gc.collect()
        if hasattr(self._system, "malloc_trim"):
            self._system.malloc_trim(0)


HOUSE = House()
