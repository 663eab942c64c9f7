"""A training that goes on in a thread of its own while the page lives."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from networks import Training, train
from networks.train import Progress, ShouldStop, Watch, continued
from ui.lesson import Lesson

Work = Callable[[Watch, Progress, ShouldStop], Training]

UNSEEN = 20.0
"""Seconds without a look after which a training ends: whoever began it is on another page, or gone."""

SOON = 0.2
"""Seconds that a page waits for a training to end."""


@dataclass
class Ongoing:
    """What there is of a training so far, and how to end it and to go on with it; a fork has a title and a colour."""

    lesson: Lesson
    work: Work
    title: str = ""
    colour: str = ""
    so_far: Training | None = None
    share: float = 0.0
    problem: str = ""
    seconds: float = 0.0
    paused: bool = False
    looks: int = 0
    _looked: float = 0.0
    _wish: threading.Event = field(default_factory=threading.Event, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    def start(self) -> "Ongoing":
        self._looked = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask it to end, which it does within a step, and see it end if that is soon."""
        self._wish.set()
        if self._thread:
            self._thread.join(SOON)

    def pause(self) -> None:
        self.paused = True
        self.stop()

    def go_on(self) -> None:
        """Continue from where it was stopped, as if it had never been."""
        before = self.so_far
        if self.running and self._thread:
            self._thread.join()
            before = self.so_far
        if before is not None and before.steps < before.regime.steps:
            self._wish, self.paused = threading.Event(), False
            self.work = lambda watch, progress, should_stop: continued(before, watch, progress, should_stop)
            self.start()

    def look(self) -> None:
        """Somebody watches."""
        self.looks += 1
        self._looked = time.monotonic()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        return self._wish.is_set()

    @property
    def unfinished(self) -> bool:
        """Whether there is something to go on with."""
        training = self.so_far
        return training is not None and training.steps < training.regime.steps and self._can_go_on(training)

    def _can_go_on(self, training: Training) -> bool:
        return bool(((training.stopped > training.steps) & (training.finished > training.steps)).any())

    def wait(self, seconds: float) -> None:
        assert self._thread  # it was started
        self._thread.join(seconds)

    def _run(self) -> None:
        begin, before = time.perf_counter(), self.seconds
        wish = self._wish

        def watch(training: Training) -> None:
            self.so_far = training

        def tell(share: float) -> None:
            self.share, self.seconds = share, before + time.perf_counter() - begin

        def ended() -> bool:
            if time.monotonic() - self._looked > UNSEEN:
                wish.set()
            return wish.is_set()

        try:
            done = self.work(watch, tell, ended)
        except ValueError as error:
            self.problem = f"{error}."
        else:
            self.so_far = done
            self.seconds = before + time.perf_counter() - begin


def lesson_of(lesson: Lesson) -> Ongoing:
    """The training of a lesson."""

    def work(watch: Watch, progress: Progress, should_stop: ShouldStop) -> Training:
        arguments = {"watch": watch, "progress": progress, "should_stop": should_stop}
        return train(lesson.work, entrants=lesson.entrants, **lesson.regime, **arguments)

    return Ongoing(lesson, work)
