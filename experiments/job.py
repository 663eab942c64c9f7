"""Heavy work beside the page: admitted in its turn, done in a process of its own, and told on the page."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, Self, TypeVar

from core.hosting.admission import Ticket
from core.hosting.jobs import Work, done, nursery
from experiments.hall import HALL, admitted, place_of
from experiments.host import Visitor, host, progress, superseded
from networks.training.cost import Cost
from networks.training.training import small

_SOON = 0.2
"""Seconds that a page waits for work to end."""

_TIDY = 10.0
"""Seconds between looks at whether whoever has a result is still there."""

IMPORTED = ("networks.training.sweep", "networks.training.train")
"""What the work needs."""

_PATIENCE = 0.1
"""Seconds between looks at work that is waited for."""

GIVEN_UP = "Its memory was needed for the work of others: train it again."

_T = TypeVar("_T")


@dataclass
class Background:
    """How to begin, to end and to watch what `_run` does; it looks at `wish` to know when it shall end.

    `problem` is one sentence that says why it came to no end, or empty.
    """

    problem: str = field(default="", init=False)
    wish: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def _run(self) -> None:
        raise NotImplementedError

    def start(self) -> Self:
        """Begin, or go on after an end."""
        self.wait()
        self.wish, self.problem = threading.Event(), ""
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
        HALL.wake()
        self.wait(_SOON)

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


@dataclass
class Job(Background, Generic[_T]):
    """Work that is admitted in its turn; what it comes to, and has come to on the way, is `so_far`."""

    so_far: _T | None = field(default=None, init=False)
    share: float = field(default=0.0, init=False)
    seconds: float = field(default=0.0, init=False)
    visitor: Visitor = field(default_factory=lambda: host().visitor(), init=False, repr=False)
    _ticket: Ticket | None = field(default=None, init=False, repr=False)

    def ordered(self) -> Work:
        """What is to be done: a module's function and its arguments, which can travel."""
        raise NotImplementedError

    def shared(self) -> Sequence[Any]:
        """What of the order need not travel back."""
        return ()

    def cost(self) -> Cost:
        raise NotImplementedError

    def refused(self) -> str:
        """Why this cannot be done here, in one sentence; empty where it can."""
        raise NotImplementedError

    @property
    def refusal(self) -> str:
        """The same; trouble of another kind is told once it has begun."""
        try:
            return self.refused()
        except Exception:
            return ""

    def start(self) -> Self:
        self.wait()
        self.forget()
        return super().start()

    def drop(self) -> None:
        """End it; nobody wants to know what it came to."""
        self.stop()
        self.so_far = None
        self.forget()

    def forget(self) -> None:
        """What it came to takes no room any more."""
        if self._ticket:
            HALL.forget(self._ticket)

    def give_up(self) -> None:
        """What it came to is in the way of others."""
        self.so_far, self.problem = None, GIVEN_UP

    def look(self) -> None:
        """Somebody watches."""
        if self._ticket:
            HALL.looked(self._ticket)

    @property
    def waiting(self) -> str:
        """Where in the line it is, in words; empty where it does not wait."""
        return place_of(self._ticket) if self._ticket else ""

    def _run(self) -> None:
        if problem := self.refused():
            raise ValueError(problem.removesuffix("."))
        wish, cost, before, began = self.wish, self.cost(), self.seconds, time.monotonic()

        def watch(so_far: _T) -> None:
            self.so_far = so_far

        def tell(share: float) -> None:
            self.share, self.seconds = share, before + time.monotonic() - began

        def ended() -> bool:
            if self.visitor.gone:
                wish.set()
            return wish.is_set()

        with admitted(cost.bytes, self.visitor, ended, self.entered) as ticket:
            if ticket is None:
                return
            began = time.monotonic()
            hear = {"watch": watch, "progress": tell, "should_stop": ended}
            came = done(nursery(*IMPORTED), self.ordered(), small, **hear, most=HALL.room, shared=self.shared())
            self.so_far = self.so_far if came is None else came
            self.seconds = before + time.monotonic() - began
            HALL.leave(ticket, cost.kept, self.give_up)
            _tidying()

    def entered(self, ticket: Ticket) -> None:
        self._ticket = ticket


def at_once(work: Work, cost: Cost, shared: Sequence[Any] = ()) -> Any:
    """What a page waits for, in its turn: it says so meanwhile, and moves on when its person does."""
    with host().note() as note:

        def waits(ticket: Ticket) -> None:
            note(place_of(ticket) or "Training …")

        with admitted(cost.bytes, host().visitor(), superseded, waits) as ticket:
            if ticket:
                note("")
                silent = {"watch": lambda _: None, "progress": lambda _: None}
                return done(nursery(*IMPORTED), work, small, **silent, should_stop=superseded, most=HALL.room, shared=shared)
    return None


@cache
def _tidying() -> None:
    """From now on, results are given up whose owners have left."""

    def tidy() -> None:
        while True:
            time.sleep(_TIDY)
            HALL.tidy()

    threading.Thread(target=tidy, daemon=True).start()


def finished(job: Job[_T]) -> _T:
    """What a job comes to, waited for; ValueError with its sentence where it may not be or came to no end."""
    if refusal := job.refusal:
        raise ValueError(refusal.removesuffix("."))
    job.start()
    try:
        while job.running:
            progress(job.share)
            job.wait(_PATIENCE)
    finally:
        job.stop()
    if job.problem or job.so_far is None:
        raise ValueError(job.problem.removesuffix(".") or "It came to nothing")
    progress(1.0)
    return job.so_far
