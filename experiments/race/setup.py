"""What an entrant of a race runs with, told once for all that runs it: `simulate`, `sweep`, `along`, `dissect`, `find_lr`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core import DRIVER, Schedule, Surface
from core.rule import Rule
from core.surface import Point


@dataclass(frozen=True)
class Setup:
    """A rule on a surface from a start; `numbers` are the rule's hyperparameters and the settings of the loop.

    It is hashable, and what comes of it is kept by it: a rule or surface edited while the app runs is a new object and so
    another setup.
    """

    rule: Rule
    surface: Surface
    start: Point
    schedule: Schedule
    numbers: tuple[tuple[str, float], ...]

    def __getitem__(self, name: str) -> float:
        return dict(self.numbers)[name]

    def having(self, numbers: Mapping[str, float]) -> "Setup":
        """With other values of some numbers."""
        return replace(self, numbers=tuple({**dict(self.numbers), **numbers}.items()))

    def without(self, *names: str) -> "Setup":
        """Some numbers left to whoever runs it."""
        return replace(self, numbers=tuple((name, value) for name, value in self.numbers if name not in names))

    @property
    def hypers(self) -> dict[str, float]:
        """The rule's own."""
        return {name: value for name, value in self.numbers if name in self.rule.hypers}

    @property
    def arguments(self) -> dict[str, Any]:
        """As `simulate` takes them after the rule and the surface."""
        driver = {name: value for name, value in self.numbers if name in DRIVER}
        return {"start": self.start, "schedule": self.schedule, "hypers": self.hypers, **driver}
