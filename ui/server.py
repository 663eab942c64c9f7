"""What goes on beside the pages for as long as the server lives, and how it ends."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Timer
from types import FrameType

GRACE = 2.0
"""Seconds that the server has to end by itself once it is told to; then it is ended."""


@asynccontextmanager
async def lifespan(_: object) -> AsyncIterator[None]:
    """As `st.App` takes it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        _bound(number)
    yield


def _bound(number: int) -> None:
    """What ends the server at a signal waits for browsers to answer, which they need not do; so it does not wait for ever."""
    before = signal.getsignal(number)

    def heard(number: int, frame: FrameType | None) -> None:
        last = Timer(GRACE, os._exit, (128 + number,))
        last.daemon = True
        last.start()
        if callable(before):
            before(number, frame)

    signal.signal(number, heard)
