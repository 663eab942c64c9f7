"""A sweep over a network: a lesson's rules along lr, and one more number. A frozen, hashable spec that is also its link."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core import Hyper
from core.words import cut, quoted
from networks import TASKS, NetworkTask
from networks.sweep import MEASURES, Measure, Sweep, measures_of, numbers_of, sweep
from ui.background import Background
from ui.grid import Axis, checked_axis, values_of
from ui.lesson import COMMON as OF_LESSONS
from ui.lesson import STEPS, Lesson, read_lesson

MOST_RULES = 6
MOST_STEPS = 1000
COMMON = {**OF_LESSONS, STEPS.name: replace(OF_LESSONS[STEPS.name], hyper=replace(STEPS, high=MOST_STEPS))}
"""The numbers that all rules have in common, with steps few enough for a sweep."""

LR = Axis("lr", 1e-4, 10.0)
VALUES = {False: (8, 16, 32), True: (8, 16)}
"""Values along each axis that may be chosen: of one axis, and of two."""

UNSEEN = 5.0
"""Seconds without a look after which a sweep rests: whoever began it is on another page, or gone."""


@dataclass(frozen=True)
class NetworkSweep:
    """A lesson whose rules are trained at `many` learning rates, and as many values of another number, if there is one.

    `shows` is one of MEASURES.
    """

    lesson: Lesson
    lr: Axis = LR
    other: Axis | None = None
    many: int = VALUES[False][1]
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
        return [key for key in self.lesson.rules if self.names <= numbers_of(key).keys()]

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
        options = options_of(self.lesson)
        every = {axis.name: values_of(axis, options[axis.name], self.many) for axis in self.axes}
        return {name: np.array([float(f"{value:.6g}") for value in values]) for name, values in every.items()}

    @property
    def arguments(self) -> dict[str, Any]:
        """As `networks.sweep.sweep` takes them, beside the task."""
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


def options_of(lesson: Lesson) -> dict[str, Hyper]:
    """Every number of the lesson's rules that can be an axis."""
    return {name: hyper for key in lesson.rules for name, hyper in numbers_of(key).items()}


def read_sweep(
    link: Mapping[str, str], default: NetworkSweep, tasks: Mapping[str, NetworkTask] = TASKS
) -> tuple[NetworkSweep, list[str]]:
    """The sweep a link asks for, of one of the `tasks`, and a sentence for each thing in it that could not be granted."""
    own = ("axis", "other", "values", "shows")
    lesson, problems = read_lesson({name: text for name, text in link.items() if name not in own}, default.lesson, tasks)
    if len(lesson.rules) > MOST_RULES:
        problems.append(f"The link asks for {len(lesson.rules)} rules: the first {MOST_RULES} are swept.")
        lesson = replace(lesson, rules=lesson.rules[:MOST_RULES]).having({})
    if lesson[STEPS.name] > MOST_STEPS:
        problems.append(f"The link's steps = {lesson[STEPS.name]:g} are too many for a sweep: {MOST_STEPS} are used instead.")
        lesson = lesson.having({STEPS.name: MOST_STEPS})
    options = options_of(lesson)
    axes: dict[str, Axis | None] = {"axis": default.lr, "other": default.other if not link else None}
    for side, offered in (("axis", {LR.name: options[LR.name]}), ("other", beside(options))):
        if side in link:
            try:
                axes[side] = checked_axis(side, link[side], offered)
            except ValueError as error:
                problems.append(f"The link's {error}; it is left out.")
    lr, other = axes["axis"] or LR, axes["other"]
    allowed = VALUES[other is not None]
    many = default.many if default.many in allowed else allowed[0]
    if "values" in link:
        if link["values"] in map(str, allowed):
            many = int(link["values"])
        else:
            said = f"it must be one of {', '.join(map(str, allowed))}; {many} is used instead"
            problems.append(f"The link's values = {cut(link['values'])} is not allowed: {said}.")
    shows = link.get("shows", default.shows)
    if shows not in measures_of(lesson.work):
        if "shows" in link:
            problems.append(f"The link's shows {quoted(shows)} is unknown here: {default.shows} is shown instead.")
        shows = next(iter(MEASURES))
    return NetworkSweep(lesson, lr, other, many, shows), problems


def beside(options: Mapping[str, Hyper]) -> dict[str, Hyper]:
    """The numbers that can be the other axis."""
    return {name: hyper for name, hyper in options.items() if name != LR.name}


@dataclass
class Ongoing(Background):
    """A sweep in a thread of its own: what there is of it so far, and how to end it and to go on with it."""

    work: NetworkSweep
    so_far: Sweep | None = None
    share: float = 0.0
    left: float = math.nan
    seconds: float = 0.0
    _rests: bool = False

    def start(self) -> "Ongoing":
        self._rests = False
        return super().start()

    def go_on(self) -> None:
        self.start()

    def look(self) -> None:
        """Somebody watches: what rested because nobody did goes on."""
        super().look()
        if self._rests and not self.stopped:
            self.start()

    @property
    def complete(self) -> bool:
        return self.so_far is not None and self.so_far.complete

    @property
    def words(self) -> str:
        """How far it is."""
        if self.complete:
            return f"{self.work.runs} runs, trained in {_told(self.seconds)}. Every change of a number trains anew."
        known = self.share > 0.02 and math.isfinite(self.left) and not self.stopped
        left = f", about {_told(self.left)} left" if known else ""
        return f"{self.share:.0%} of {self.work.runs} runs are trained{left}."

    def _run(self) -> None:
        wish, began, share, before = self.wish, time.monotonic(), self.share, self.seconds

        def watch(so_far: Sweep) -> None:
            self.so_far = so_far

        def tell(now: float) -> None:
            gained, taken = now - share, time.monotonic() - began
            self.share, self.seconds = now, before + taken
            self.left = taken * (1 - now) / gained if gained > 0 else math.nan

        def ended() -> bool:
            self._rests = self.unseen(UNSEEN)
            return self._rests or wish.is_set()

        task: NetworkTask = self.work.lesson.work
        hear = {"watch": watch, "progress": tell, "should_stop": ended}
        sweep(task, after=self.so_far, **self.work.arguments, **hear)


def _told(seconds: float) -> str:
    return f"{math.ceil(seconds)} s" if seconds < 90 else f"{seconds / 60:.0f} min"
