"""A training that goes on beside the page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from core.hosting.jobs import Work
from experiments.budget import Way, counted, fewer, refusal
from experiments.job import Job
from experiments.training.spec import Lesson
from networks import NetworkTask, Training, train
from networks.training.cost import Cost, cost_of
from networks.training.train import continued

BATCHES = (1024, 256, 64, 16, 1)
"""Smaller ones that are offered where nothing else would fit."""


@dataclass
class Ongoing(Job[Training]):
    """What there is of a training so far, and how to end it and to go on with it; a fork has a title and a colour.

    `task` is what the `work`, which can travel, is about; `price` what it costs, `what` it is in words, and `ways` in which
    less of it might be done.
    """

    lesson: Lesson
    task: NetworkTask
    work: Work
    price: Callable[[], Cost]
    what: str
    ways: Callable[[], Iterator[Way]] = lambda: iter(())
    title: str = ""
    colour: str = ""
    paused: bool = False
    looks: int = 0

    def ordered(self) -> Work:
        return self.work

    def shared(self) -> Sequence[Any]:
        return (self.task,)

    def cost(self) -> Cost:
        return self.price()

    def refused(self) -> str:
        return refusal(self.what, self.price(), self.ways())

    def pause(self) -> None:
        self.paused = True
        self.stop()

    def go_on(self) -> None:
        """Continue from where it was stopped, as if it had never been."""
        self.wait()
        before = self.so_far
        if before is not None and self.unfinished:
            self.paused = False
            if before.whole:  # else the same is done again
                self.work = partial(continued, before)
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


def lesson_of(lesson: Lesson) -> Ongoing:
    """The training of a lesson, not yet begun."""
    task = lesson.work.fitted(lesson.seeds[0])
    many = f"{counted(len(lesson.rules), 'rule')} × {counted(len(lesson.seeds), 'seed')}"
    return Ongoing(
        lesson,
        task,
        partial(train, task, entrants=lesson.entrants, **lesson.regime),
        partial(cost_of, task, lesson.entrants, **lesson.regime),
        f"{many} of this network with {task.model.parameters:,} parameters",
        partial(_ways, lesson, task),
    )


def _ways(lesson: Lesson, task: NetworkTask) -> Iterator[Way]:
    """What might be done instead: fewer steps, fewer rules and seeds, smaller batches."""
    entrants, rules, seeds = lesson.entrants, len(lesson.rules), len(lesson.seeds)
    regime: dict[str, Any] = lesson.regime
    whole = cost_of(task, entrants, **regime)
    for steps in fewer(regime["steps"], whole):
        yield f"{steps} steps", cost_of(task, entrants, **{**regime, "steps": steps})
    every = [(rule, seed) for rule in range(1, rules + 1) for seed in (1, 3, 5) if seed <= seeds]
    for rule, seed in sorted(every, key=lambda pair: (-pair[0] * pair[1], -pair[0])):
        words = f"{counted(rule, 'rule')} with {counted(seed, 'seed')}"
        yield words, cost_of(task, entrants[:rule], **{**regime, "seed": lesson.seeds[:seed]})
    for batch in BATCHES:
        if batch < regime["batch_size"]:
            alone = {**regime, "seed": lesson.seeds[:1], "batch_size": batch}
            yield f"1 rule with 1 seed and a batch of {batch}", cost_of(task, entrants[:1], **alone)
