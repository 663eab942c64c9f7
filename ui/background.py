"""Work in a thread of its own that goes on while the page lives."""

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Self

SOON = 0.2
"""Seconds that a page waits for work to end."""


@dataclass
class Background:
    """How to begin, to end and to watch what `_run` does; it looks at `wish` to know when it shall end.

    `problem` is one sentence that says why it came to no end, or empty.
    """

    problem: str = field(default="", init=False)
    wish: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _looked: float = field(default=0.0, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def _run(self) -> None:
        raise NotImplementedError

    def start(self) -> Self:
        """Begin, or go on after an end."""
        self.wait()
        self.wish, self._looked, self.problem = threading.Event(), time.monotonic(), ""
        self._thread = threading.Thread(target=self._heard, daemon=True)
        self._thread.start()
        return self

    def _heard(self) -> None:
        """Do it; whatever goes wrong is told, for nobody sees an exception of a thread."""
        try:
            self._run()
        except Exception as error:
            words = " ".join(str(error).split())
            if not isinstance(error, ValueError):  # which says what is not allowed
                logging.getLogger(__name__).exception("Work in the background has failed")
                words = f"This could not be computed ({type(error).__name__}: {words[:200]})"
            self.problem = f"{words}."

    def stop(self) -> None:
        """Ask it to end, which it does within a step, and see it end if that is soon."""
        self.wish.set()
        self.wait(SOON)

    def look(self) -> None:
        """Somebody watches."""
        self._looked = time.monotonic()

    def unseen(self, seconds: float) -> bool:
        """Whether nobody has watched for so long: whoever began it is on another page, or gone."""
        return time.monotonic() - self._looked > seconds

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        return self.wish.is_set()

    def wait(self, seconds: float | None = None) -> None:
        """Until it has ended, or for so long."""
        if self._thread:
            self._thread.join(seconds)
