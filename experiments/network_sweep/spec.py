"""A sweep over a network: a lesson's rules along lr, and one more number. A frozen, hashable spec that is also its link."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from core import Hyper
from core.hosting.jobs import Work
from core.words import cut
from experiments.axis import Axis, checked_axis, values_of
from experiments.budget import Way, counted, duration, fewer, refusal
from experiments.job import Job
from experiments.link import Asked, split_link
from experiments.training.spec import OF_LESSONS, STEPS, Lesson, read_lesson
from networks import TASKS, NetworkTask
from networks.training.cost import Cost, sweep_cost
from networks.training.sweep import MEASURES, Measure, TrainedGrid, hypers_of, measures_of, train_grid

MOST_SWEPT = 6
MOST_STEPS = 1000
OF_SWEEPS = {**OF_LESSONS, STEPS.name: replace(OF_LESSONS[STEPS.name], hyper=replace(STEPS, high=MOST_STEPS))}
"""The numbers that all rules have in common, with steps few enough for a sweep."""

LR = Axis("lr", 1e-4, 10.0)
HOW_MANY = {False: (8, 16, 32), True: (8, 16)}
"""Values along each axis that may be chosen: of one axis, and of two."""


@dataclass(frozen=True)
class NetworkSweep:
    """A lesson whose rules are trained at `many` learning rates, and as many values of another number, if there is one.

    `shows` is one of MEASURES.
    """

    lesson: Lesson
    lr: Axis = LR
    other: Axis | None = None
    many: int = HOW_MANY[False][1]
    shows: str = next(iter(MEASURES))

    @property
    def axes(self) -> tuple[Axis, ...]:
        return (self.lr,) if self.other is None else (self.lr, self.other)

    @property
    def names(self) -> set[str]:
        return {axis.name for axis in self.axes}

    @property
    def shown(self) -> list[str]:
        """The rules that have all numbers that are axes."""
        return [key for key in self.lesson.rules if self.names <= hypers_of(key).keys()]

    @property
    def measure(self) -> Measure:
        return MEASURES[self.shows]

    @property
    def work(self) -> "NetworkSweep":
        """What is to be trained, whatever is shown of it."""
        return replace(self, shows=next(iter(MEASURES)))

    @property
    def runs(self) -> int:
        return math.prod(map(len, self.values.values())) * len(self.shown) * len(self.lesson.seeds)

    @property
    def values(self) -> dict[str, np.ndarray]:
        """What is tried along each axis, in as many digits as a link has."""
        options = swept_options(self.lesson)
        every = {axis.name: values_of(axis, options[axis.name], self.many) for axis in self.axes}
        return {name: np.array([float(f"{value:.6g}") for value in values]) for name, values in every.items()}

    @property
    def arguments(self) -> dict[str, Any]:
        """As `networks.training.sweep.sweep` takes them, beside the task."""
        entrants = [(key, numbers) for key, numbers in self.lesson.entrants if key in self.shown]
        return {"entrants": entrants, "axes": self.values, **self.lesson.regime}

    def link(self) -> dict[str, str]:
        link = {**self.lesson.link(), "axis": self.lr.link, "values": str(self.many), "shows": self.shows}
        return link if self.other is None else link | {"other": self.other.link}

    def trained_at(self, best: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
        """The link of a lesson in which each of some rules has the numbers that are given."""
        lesson = replace(self.lesson, rules=tuple(best))
        controls = lesson.controls
        numbers = {}
        for key, own in best.items():
            for name, value in own.items():
                numbers[f"{key}.{name}" if f"{key}.{name}" in controls else name] = value
        return lesson.having(numbers).link()


def swept_options(lesson: Lesson) -> dict[str, Hyper]:
    """Every number of the lesson's rules that can be an axis."""
    return {name: hyper for key in lesson.rules for name, hyper in hypers_of(key).items()}


def read_sweep(
    link: Mapping[str, str], default: NetworkSweep, tasks: Mapping[str, NetworkTask] = TASKS
) -> tuple[NetworkSweep, list[str]]:
    """The sweep a link asks for, of one of the `tasks`, and a sentence for each thing in it that could not be granted."""
    own, rest = split_link(link, ("axis", "other", "values", "shows"))
    lesson, problems = read_lesson(rest, default.lesson, tasks)
    asked = Asked(own, problems)
    if len(lesson.rules) > MOST_SWEPT:
        asked.problems.append(f"The link asks for {len(lesson.rules)} rules: the first {MOST_SWEPT} are swept.")
        lesson = replace(lesson, rules=lesson.rules[:MOST_SWEPT]).having({})
    if (steps := lesson[STEPS.name]) > MOST_STEPS:
        asked.problems.append(f"The link's steps = {steps:g} are too many for a sweep: {MOST_STEPS} are used instead.")
        lesson = lesson.having({STEPS.name: MOST_STEPS})
    options, left_out = swept_options(lesson), "it is left out"
    lr = asked.granted("axis", partial(checked_axis, "axis", options={LR.name: options[LR.name]}), default.lr, left_out)
    other = asked.granted(
        "other", partial(checked_axis, "other", options=beside(options)), None if link else default.other, left_out
    )
    allowed = HOW_MANY[other is not None]
    many = default.many if default.many in allowed else allowed[0]
    many = asked.granted("values", partial(_checked_many, allowed=allowed), many, f"{many} is used instead")
    offered = measures_of(lesson.work)
    shows = default.shows if default.shows in offered else next(iter(MEASURES))
    return NetworkSweep(lesson, lr, other, many, asked.choice("shows", offered, shows, "is unknown here")), asked.problems


def _checked_many(text: str, allowed: Collection[int]) -> int:
    if text not in (words := [str(many) for many in allowed]):
        raise ValueError(f"values = {cut(text)} is not allowed: it must be one of {', '.join(words)}")
    return int(text)


def beside(options: Mapping[str, Hyper]) -> dict[str, Hyper]:
    """The numbers that can be the other axis."""
    return {name: hyper for name, hyper in options.items() if name != LR.name}


@dataclass
class OngoingSweep(Job[TrainedGrid]):
    """A sweep beside the page: what there is of it so far, and how to end it and to go on with it."""

    work: NetworkSweep
    task: NetworkTask = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.task = self.work.lesson.work.fitted(self.work.lesson.seeds[0])

    def ordered(self) -> Work:
        return partial(train_grid, self.task, after=self.so_far, **self.work.arguments)

    def shared(self) -> Sequence[Any]:
        return (self.task,)

    def cost(self) -> Cost:
        return sweep_cost(self.task, **self.work.arguments)

    def refused(self) -> str:
        what = f"{counted(self.work.runs, 'run')} of this network with {self.task.model.parameters:,} parameters"
        return refusal(what, self.cost(), _ways(self.work, self.task))

    def go_on(self) -> None:
        self.start()

    @property
    def complete(self) -> bool:
        return self.so_far is not None and self.so_far.complete

    @property
    def words(self) -> str:
        """How far it is."""
        if self.complete:
            return f"{self.work.runs} runs, trained in {duration(self.seconds)}. Every change of a number trains anew."
        if self.waiting:
            return self.waiting
        known = self.share > 0.02 and not self.stopped
        left = f", about {duration(self.seconds * (1 - self.share) / self.share)} left" if known else ""
        return f"{self.share:.0%} of {self.work.runs} runs are trained{left}."


def _ways(work: NetworkSweep, task: NetworkTask) -> Iterator[Way]:
    """What might be swept instead: fewer steps, values, rules, seeds."""
    arguments: dict[str, Any] = work.arguments
    for steps in fewer(arguments["steps"], sweep_cost(task, **arguments)):
        yield f"{steps} steps", sweep_cost(task, **{**arguments, "steps": steps})
    keys = [key for key in work.lesson.rules if key in work.shown]
    for many in reversed([many for many in HOW_MANY[work.other is not None] if many <= work.many]):
        for seeds in [choice for choice in (5, 3, 1) if choice <= len(work.lesson.seeds)]:
            for rules in range(len(keys), 0, -1):
                less = replace(work, many=many).arguments
                less |= {"entrants": less["entrants"][:rules], "seed": work.lesson.seeds[:seeds]}
                words = f"{many} values, {counted(rules, 'rule')} and {counted(seeds, 'seed')}"
                yield words, sweep_cost(task, **less)
