"""A training that goes on in a thread of its own while the page lives."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from networks import Training, train
from networks.train import Progress, ShouldStop, Watch, continued
from ui.background import Background
from ui.lesson import Lesson

Work = Callable[[Watch, Progress, ShouldStop], Training]

UNSEEN = 20.0
"""Seconds without a look after which a training ends."""


@dataclass
class Ongoing(Background):
    """What there is of a training so far, and how to end it and to go on with it; a fork has a title and a colour."""

    lesson: Lesson
    work: Work
    title: str = ""
    colour: str = ""
    so_far: Training | None = None
    share: float = 0.0
    seconds: float = 0.0
    paused: bool = False
    looks: int = 0

    def pause(self) -> None:
        self.paused = True
        self.stop()

    def go_on(self) -> None:
        """Continue from where it was stopped, as if it had never been."""
        self.wait()
        before = self.so_far
        if before is not None and self.unfinished:
            self.paused = False
            self.work = lambda watch, progress, should_stop: continued(before, watch, progress, should_stop)
            self.start()

    def look(self) -> None:
        super().look()
        self.looks += 1

    @property
    def unfinished(self) -> bool:
        """Whether there is something to go on with."""
        training = self.so_far
        if training is None or self.problem:
            return False
        return training.steps < training.regime.steps and self._can_go_on(training)

    def _can_go_on(self, training: Training) -> bool:
        return bool(((training.stopped > training.steps) & (training.finished > training.steps)).any())

    def _run(self) -> None:
        begin, before = time.perf_counter(), self.seconds
        wish = self.wish

        def watch(training: Training) -> None:
            self.so_far = training

        def tell(share: float) -> None:
            self.share, self.seconds = share, before + time.perf_counter() - begin

        def ended() -> bool:
            if self.unseen(UNSEEN):
                wish.set()
            return wish.is_set()

        self.so_far = self.work(watch, tell, ended)
        self.seconds = before + time.perf_counter() - begin


def lesson_of(lesson: Lesson) -> Ongoing:
    """The training of a lesson."""

    def work(watch: Watch, progress: Progress, should_stop: ShouldStop) -> Training:
        arguments = {"watch": watch, "progress": progress, "should_stop": should_stop}
        return train(lesson.work, entrants=lesson.entrants, **lesson.regime, **arguments)

    return Ongoing(lesson, work)
