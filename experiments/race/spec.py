"""What a race is: a frozen, hashable spec that is also the link to it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from core import DRIVER, SCHEDULES, Schedule, Surface
from core.surface import ANGLE, Point
from experiments.able import rules_asked
from experiments.control import Control, Numbered
from experiments.link import SEPARATOR, Asked, parts
from experiments.race.controls import (
    AGE,
    EACH,
    LOOKS,
    OF_GRADIENT,
    OF_RUN,
    PROTOCOLS,
    SHARED,
    SHARED_LR,
    TRIED,
    TRIED_TIMES,
    TRIES,
    TUNED,
    TUNINGS,
    checked_place,
    checked_step,
    entrant_controls,
    every_control,
    schedule_controls,
    surface_controls,
)
from experiments.race.setup import Setup
from optimizers import ENTRANTS, Entrant
from surfaces import SURFACES

MOST_ENTRANTS = 12

View = tuple[float, float, float, float]


@dataclass(frozen=True)
class Race(Numbered):
    """Which rules run where and how, and what is shown of it.

    `numbers` holds what differs from its default; `start` is in the unrotated frame; `look` is any of LOOKS; `step` is where
    the playing was paused, if it was.
    """

    surface: str
    entrants: tuple[str, ...]
    lrs: str = SHARED
    schedule: str = next(iter(SCHEDULES))
    numbers: tuple[tuple[str, float], ...] = ()
    start: Point | None = None
    view: View | None = None
    look: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    tuning: str = next(iter(TUNINGS))
    step: int | None = None
    _values: Mapping[str, float] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_values", dict(self.numbers))

    def __getitem__(self, name: str) -> float:
        """The number of a control, chosen or default."""
        value = self._values.get(name)
        return every_control()[name].hyper.default if value is None else value

    @property
    def known(self) -> Mapping[str, Control]:
        """Every number of any race: what this one does not show is kept for another choice."""
        return every_control()

    def choosing(self, surface: str, entrants: tuple[str, ...], lrs: str, schedule: str) -> "Race":
        """The same race with other choices; on another surface it starts and looks where that surface says."""
        moved: dict[str, Any] = {} if surface == self.surface else {"start": None, "view": None}
        if (surface, entrants, lrs, schedule) != (self.surface, self.entrants, self.lrs, self.schedule):
            moved["step"] = None
        hidden = tuple(key for key in self.hidden if key in entrants)
        return replace(self, surface=surface, entrants=entrants, lrs=lrs, schedule=schedule, hidden=hidden, **moved)

    @property
    def controls(self) -> dict[str, Control]:
        """The controls that matter to this race, in the order they are shown."""
        entrants = [ENTRANTS[key] for key in self.entrants]
        shared = {SHARED: [SHARED_LR], TUNED: [TRIED_TIMES]}.get(self.lrs, [])
        surface, schedule = SURFACES[self.surface], SCHEDULES[self.schedule]
        every = [
            *shared,
            *surface_controls(surface),
            *OF_RUN,
            *schedule_controls(schedule),
            *(c for e in entrants for c in entrant_controls(e) if c.hyper.name not in self._set_otherwise(e)),
            *OF_GRADIENT,
            *([AGE] if any("t" in entrant.rule.needs for entrant in entrants) else []),
        ]
        return {control.id: control for control in every}

    def tuned(self, entrant: Entrant) -> list[str]:
        """The hyperparameters that are tuned, the learning rate first."""
        if self.lrs != TUNED:
            return []
        return list(entrant.rule.hypers)[: 2 if TUNINGS[self.tuning].pairs else 1]

    def _set_otherwise(self, entrant: Entrant) -> list[str]:
        return self.tuned(entrant) or ([] if self.lrs == EACH else ["lr"])

    @cached_property
    def landscape(self) -> Surface:
        """The surface at the chosen parameters and rotation."""
        surface = SURFACES[self.surface]
        own = {c.hyper.name: self[c.id] for c in surface_controls(surface) if c.hyper is not ANGLE}
        return surface.with_(**own).rotated(self[ANGLE.name])

    @cached_property
    def origin(self) -> Point:
        """Where the runs start, turned with the surface: rotation alone never changes what a rotation-blind rule does."""
        surface = self.landscape
        return surface.start if self.start is None else surface.turned((self.start,))[0]

    @property
    def window(self) -> View:
        """What the map shows: (x from, x to, y from, y to)."""
        return self.view or self.domain

    @property
    def domain(self) -> View:
        """Where the surface is usually looked at."""
        (x0, x1), (y0, y1) = SURFACES[self.surface].domain
        return x0, x1, y0, y1

    @cached_property
    def setups(self) -> Mapping[str, Setup]:
        """What each entrant runs with, its own number before the loop's; of those that are tuned, the default."""
        common, found = {name: self[name] for name in DRIVER}, {}
        for key in self.entrants:
            entrant = ENTRANTS[key]
            numbers = common | {control.hyper.name: self[control.id] for control in entrant_controls(entrant)}
            if self.lrs != EACH:
                numbers["lr"] = self["lr"] if self.lrs == SHARED else entrant.hypers["lr"].default
            found[key] = Setup(entrant.rule, self.landscape, self.origin, self.decline, tuple(numbers.items()))
        return found

    @property
    def terms(self) -> str:
        """Where the learning rates come from, in words."""
        low, high = TRIED
        tried = TUNINGS[self.tuning].words.format(tries=self[TRIES.name], low=f"{low:.0e}".replace("e-0", "e−"), high=high)
        return PROTOCOLS[self.lrs].format(tried=tried)

    @cached_property
    def decline(self) -> Schedule:
        """The learning-rate schedule with its chosen parameters."""
        schedule = SCHEDULES[self.schedule]
        return schedule.with_(**{c.hyper.name: self[c.id] for c in schedule_controls(schedule)})

    def link(self) -> dict[str, str]:
        """The query parameters that restore this race."""
        shown = self.controls
        link = {"surface": self.surface, "rules": SEPARATOR.join(self.entrants), "lrs": self.lrs}
        for name, chosen, usual in (
            ("schedule", self.schedule, next(iter(SCHEDULES))),
            ("tuning", self.tuning, next(iter(TUNINGS))),
        ):
            if chosen != usual:
                link[name] = chosen
        if self.step is not None:
            link["step"] = str(self.step)
        for name, place in (("start", self.start), ("view", self.view)):
            if place is not None:
                link[name] = SEPARATOR.join(f"{v:.9g}" for v in place)
        for name, words in (("look", self.look), ("hidden", self.hidden)):
            if words:
                link[name] = SEPARATOR.join(words)
        return link | {name: shown[name].write(value) for name, value in self.numbers if name in shown}


def read_race(link: Mapping[str, str], default: Race) -> tuple[Race, list[str]]:
    """The race a link asks for, and a sentence for each thing in it that could not be granted; the default where it is silent.

    A link that names its rules is a whole race: the numbers it leaves out have their plain defaults, not the default race's.
    """
    if not link:
        return default, []
    asked = Asked(link)
    surface = asked.choice("surface", SURFACES, default.surface)
    entrants = rules_asked(asked, SURFACES[surface])
    if len(entrants) > MOST_ENTRANTS:
        asked.problems.append(f"The link asks for {len(entrants)} rules: the first {MOST_ENTRANTS} are shown.")
    if link.get("rules") and not entrants:
        asked.problems.append("The link names no rule that can run: the usual ones are shown instead.")
    base = Race(surface, entrants[:MOST_ENTRANTS]) if entrants else default

    def place(name: str, length: int) -> Any:
        own = "the surface's own is used instead"
        return asked.granted(name, lambda text: checked_place(name, parts(text), length), None, own)

    def known(name: str, words: Collection[str]) -> tuple[str, ...]:
        return asked.words(name, lambda word: "" if word in words else "is unknown: it is left out.")

    race = Race(
        surface=surface,
        entrants=base.entrants,
        lrs=asked.choice("lrs", PROTOCOLS, base.lrs),
        schedule=asked.choice("schedule", SCHEDULES, base.schedule),
        numbers=base.numbers,
        start=place("start", 2),
        view=place("view", 4),
        look=known("look", LOOKS),
        hidden=known("hidden", base.entrants),
        tuning=asked.choice("tuning", TUNINGS, base.tuning),
        step=asked.granted("step", checked_step, None, "it plays from the start instead"),
    )
    return race.reading(asked), asked.problems
