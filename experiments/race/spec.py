"""What a race is: a frozen, hashable spec that is also the link to it."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from sys import intern
from typing import Any, Self

from core import DRIVER, SCHEDULES, Hyper, Schedule, Surface
from core.surface import ANGLE, Point
from core.symbolic.notation import symbol
from core.words import brief, cut, quoted
from experiments.schema import Check, either, nothing, number, record, several, text
from optimizers import ENTRANTS, Entrant
from surfaces import SURFACES

MOST_ENTRANTS = 12
SHARED, EACH, DEFAULT, TUNED = "shared", "each", "default", "tuned"
PROTOCOLS = {
    SHARED: "with one learning rate for all",
    EACH: "with the learning rates set here",
    DEFAULT: "each rule with its default learning rate",
    TUNED: "each rule with the best of {tried}",
}
"""Where the learning rates come from, and how the verdict says it."""


@dataclass(frozen=True)
class Tuning:
    """What is tried for each rule: learning rates alone or in `pairs` with its first own number, on a grid or at `random`."""

    title: str
    words: str
    pairs: bool = False
    random: bool = False


TUNINGS = {
    "grid": Tuning("lr, on a grid", "{tries:g} learning rates from {low} to {high:g}"),
    "random": Tuning("lr, at random", "{tries:g} random learning rates from {low} to {high:g}", random=True),
    "pairs": Tuning(
        "lr and one more, on a grid",
        "at most {tries:g} pairs of a learning rate from {low} to {high:g} and its first own number, on a grid",
        pairs=True,
    ),
    "random-pairs": Tuning(
        "lr and one more, at random",
        "{tries:g} random pairs of a learning rate from {low} to {high:g} and its first own number",
        pairs=True,
        random=True,
    ),
}
"""Ways to spend the tries; whatever is random comes from one seed, the same for every rule."""

TRIED = (1e-5, 10.0)
"""The learning rates that tuning tries lie between these, evenly on a logarithmic scale."""

TRIES = Hyper(
    4,
    256,
    "log",
    whole=True,
    name="tries",
    default=64,
    help="How many times each rule is tried, as said beside the surface; the try that ends lowest runs.",
)
THRESHOLD = Hyper(1e-12, 1e3, "log", name="threshold", default=1e-3, help="The table counts the steps to a loss this near.")
SEPARATOR = "~"  # needs no escape in a link, unlike the comma
LOOKS = ("3d", "linear")
View = tuple[float, float, float, float]


@dataclass(frozen=True)
class Control:
    """One number a person may set: its name in links, the heading it stands under, and what it may be."""

    id: str
    group: str
    hyper: Hyper
    folded: bool = False

    @property
    def label(self) -> str:
        return symbol(self.hyper.name)

    def read(self, text: Any, name: str) -> float:
        """The number typed or linked; ValueError says in one sentence what is wrong with what is called `name`."""
        if isinstance(text, str) and text.strip().lower() == "off" and self.hyper.off is not None:
            return self.hyper.off
        if isinstance(text, str) and "," in text:
            raise ValueError(f"{name} = {cut(text)} has a comma: write a point, as in 0.5")
        if isinstance(text, bool) or not isinstance(text, str | int | float):
            raise ValueError(f"{name} = {brief(text)} is not a number: it must be {self.hyper.allowed}")
        return self.hyper.named(name).check(text)

    @property
    def title(self) -> str:
        """Its label, after the rule's name where it is a rule's own."""
        return f"{ENTRANTS[self.group].title}’s {self.label}" if self.group in ENTRANTS else self.label

    def write(self, value: float) -> str:
        # Streamlit keeps the words of every stop of a slider for every session: let them be the same ones.
        return "off" if value == self.hyper.off else intern(f"{value:.12g}")


class Numbered:
    """A frozen dataclass with numbers that a person may set; `numbers` holds what differs from its default."""

    numbers: tuple[tuple[str, float], ...]

    @property
    def controls(self) -> Mapping[str, Control]:
        """Every number, by its name in the link."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> float:
        """A number, chosen or default."""
        return dict(self.numbers).get(name, self.controls[name].hyper.default)

    def having(self, numbers: Mapping[str, float]) -> Self:
        """The same with some numbers changed; those that it has no control for are left out."""
        controls, merged = self.controls, {**dict(self.numbers), **numbers}
        kept = {k: v for k, v in merged.items() if k in controls and v != controls[k].hyper.default}
        return replace(self, numbers=tuple(sorted(kept.items())))  # type: ignore[type-var]

    def reading(self, link: Mapping[str, str]) -> tuple[Self, list[str]]:
        """The same with the numbers of a link that has nothing else, and a sentence for each that could not be granted."""
        controls, numbers, problems = self.controls, {}, []
        for name in sorted(link):
            if name not in controls:
                problems.append(f"The link's setting {quoted(name)} is unknown: it is ignored.")
                continue
            try:
                numbers[name] = controls[name].read(link[name], name)
            except ValueError as error:
                problems.append(f"The link's {error}; {controls[name].write(self[name])} is used instead.")
        return self.having(numbers), problems


@dataclass(frozen=True)
class Race:
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
        return _every_control()[name].hyper.default if value is None else value

    def having(self, numbers: Mapping[str, float]) -> "Race":
        """The same race with some numbers changed."""
        every = _every_control()
        merged = {**self._values, **numbers}
        return replace(self, numbers=tuple(sorted((k, v) for k, v in merged.items() if v != every[k].hyper.default)))

    def choosing(self, surface: str, entrants: tuple[str, ...], lrs: str, schedule: str) -> "Race":
        """The same race with other choices; on another surface it starts and looks where that surface says."""
        moved: dict[str, Any] = {} if surface == self.surface else {"start": None, "view": None}
        if (surface, entrants, lrs, schedule) != (self.surface, self.entrants, self.lrs, self.schedule):
            moved["step"] = None
        hidden = tuple(key for key in self.hidden if key in entrants)
        return replace(self, surface=surface, entrants=entrants, lrs=lrs, schedule=schedule, hidden=hidden, **moved)

    @property
    def controls(self) -> list[Control]:
        """The controls that matter to this race, in the order they are shown."""
        entrants = [ENTRANTS[key] for key in self.entrants]
        shared = {SHARED: [_SHARED_LR], TUNED: [_TRIES]}.get(self.lrs, [])
        surface, schedule = SURFACES[self.surface], SCHEDULES[self.schedule]
        return [
            *shared,
            *_surface_controls(surface),
            *_RUN,
            *_schedule_controls(schedule),
            *(c for e in entrants for c in _entrant_controls(e) if c.hyper.name not in self._set_otherwise(e)),
            *_GRADIENT,
            *([_AGE] if any("t" in entrant.rule.needs for entrant in entrants) else []),
        ]

    def tuned(self, entrant: Entrant) -> list[str]:
        """The hyperparameters that are tuned, the learning rate first."""
        if self.lrs != TUNED:
            return []
        return list(entrant.rule.hypers)[: 2 if TUNINGS[self.tuning].pairs else 1]

    def _set_otherwise(self, entrant: Entrant) -> list[str]:
        return self.tuned(entrant) or ([] if self.lrs == EACH else ["lr"])

    @property
    def landscape(self) -> Surface:
        """The surface at the chosen parameters and rotation."""
        surface = SURFACES[self.surface]
        own = {c.hyper.name: self[c.id] for c in _surface_controls(surface) if c.hyper is not ANGLE}
        return surface.with_(**own).rotated(self[ANGLE.name])

    @property
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

    def settings_of(self, entrant: Entrant) -> dict[str, float]:
        """Every number the entrant runs with: its rule's hyperparameters and the loop's settings, its own where it has them.

        A learning rate that is tuned is still the default here.
        """
        common = {name: self[name] for name in DRIVER}
        own = {c.hyper.name: self[c.id] for c in _entrant_controls(entrant)}
        lr = {SHARED: self["lr"], EACH: own["lr"]}.get(self.lrs, entrant.hypers["lr"].default)
        return {**common, **own, "lr": lr}

    @property
    def terms(self) -> str:
        """Where the learning rates come from, in words."""
        low, high = TRIED
        tried = TUNINGS[self.tuning].words.format(tries=self[TRIES.name], low=f"{low:.0e}".replace("e-0", "e−"), high=high)
        return PROTOCOLS[self.lrs].format(tried=tried)

    @property
    def decline(self) -> Schedule:
        """The learning-rate schedule with its chosen parameters."""
        schedule = SCHEDULES[self.schedule]
        return schedule.with_(**{c.hyper.name: self[c.id] for c in _schedule_controls(schedule)})

    def link(self) -> dict[str, str]:
        """The query parameters that restore this race."""
        shown = {c.id: c for c in self.controls}
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


def read_link(link: Mapping[str, str], default: Race) -> tuple[Race, list[str]]:
    """The race a link asks for, and a sentence for each thing in it that could not be granted; the default where it is silent.

    A link that names its rules is a whole race: the numbers it leaves out have their plain defaults, not the default race's.
    """
    if not link:
        return default, []
    problems: list[str] = []

    def choice(name: str, options: Mapping[str, Any] | tuple[str, ...], fallback: str) -> str:
        asked = link.get(name, fallback)
        if asked in options:
            return asked
        problems.append(f"The link's {name} {quoted(asked)} is unknown: {fallback} is shown instead.")
        return fallback

    def place(name: str, length: int) -> tuple[float, ...] | None:
        if name not in link:
            return None
        try:
            return checked_place(name, link[name].replace(",", SEPARATOR).split(SEPARATOR), length)
        except ValueError as error:
            problems.append(f"The link's {error}; the surface's own is used instead.")
            return None

    def words(name: str, options: Collection[str]) -> tuple[str, ...]:
        asked = tuple(dict.fromkeys(word for word in link.get(name, "").replace(",", SEPARATOR).split(SEPARATOR) if word))
        problems.extend(
            f"The link's {name.removesuffix('s')} {quoted(word)} is unknown: it is left out."
            for word in asked
            if word not in options
        )
        return tuple(word for word in asked if word in options)

    def paused() -> int | None:
        if "step" not in link:
            return None
        try:
            return checked_step(link["step"])
        except ValueError as error:
            problems.append(f"The link's {error}; it plays from the start instead.")
            return None

    surface = choice("surface", SURFACES, default.surface)
    entrants = words("rules", ENTRANTS)
    if len(entrants) > MOST_ENTRANTS:
        problems.append(f"The link asks for {len(entrants)} rules: the first {MOST_ENTRANTS} are shown.")
    if link.get("rules") and not entrants:
        problems.append("The link names no rule that can run: the usual ones are shown instead.")
    base = Race(surface, entrants[:MOST_ENTRANTS]) if entrants else default
    race = Race(
        surface=surface,
        entrants=base.entrants,
        lrs=choice("lrs", PROTOCOLS, base.lrs),
        schedule=choice("schedule", SCHEDULES, base.schedule),
        numbers=base.numbers,
        start=place("start", 2),  # type: ignore[arg-type]
        view=place("view", 4),  # type: ignore[arg-type]
        look=words("look", LOOKS),
        hidden=words("hidden", base.entrants),
        tuning=choice("tuning", TUNINGS, base.tuning),
        step=paused(),
    )
    numbers = {}
    taken = {"surface", "rules", "lrs", "schedule", "start", "view", "look", "hidden", "tuning", "step"}
    for name in sorted(link.keys() - taken):
        control = _every_control().get(name)
        if control is None:
            problems.append(f"The link's setting {quoted(name)} is unknown: it is ignored.")
            continue
        try:
            numbers[name] = control.read(link[name], name)
        except ValueError as error:
            problems.append(f"The link's {error}; {control.write(base[name])} is used instead.")
    return race.having(numbers), problems


def asked_for(race: Race, values: Mapping[str, Any]) -> tuple[Race, list[str]]:
    """The race with the values the stage asks for, and a sentence for each that is no good and was left as it was."""
    numbers, places, problems = {}, {}, []
    every = _every_control()
    for name, value in values.items():
        try:
            if name == "start":
                places[name] = None
                if value is not None:
                    (point,) = race.landscape.unturned((checked_place(name, value, 2),))  # type: ignore[arg-type]
                    places[name] = _as_linked(point)
            elif name == "view":
                places[name] = None if value is None else _as_linked(checked_place(name, value, 4))
            elif name == "step":
                places[name] = None if value is None else checked_step(value)
            elif name in ("look", "hidden"):
                known = LOOKS if name == "look" else race.entrants
                places[name] = tuple(word for word in dict.fromkeys(value) if word in known)
            elif name in every:
                numbers[name] = every[name].read(value, every[name].title)
        except ValueError as error:
            problems.append(f"{error}; the last value is kept.")
    return replace(race.having(numbers), **places), problems


@cache
def wishes() -> Check:
    """The schema of the values that the stage may ask for: a place, a view, a step, words, and any number, as typed or not."""
    typed = either(number, text(400))
    words = several(text(100), 100)
    places = {
        "start": either(nothing, several(typed, 100)),
        "view": either(nothing, several(typed, 4)),
        "step": either(nothing, number),
        "look": words,
        "hidden": words,
    }
    return record({}, {**dict.fromkeys(_every_control(), typed), **places})


def checked_step(value: Any) -> int:
    """The step at which the playing pauses; ValueError in words."""
    return int(Hyper(0, DRIVER["steps"].high, whole=True, name="step").check(value))


def checked_place(name: str, values: Any, length: int) -> tuple[float, ...]:
    """A start (2) or a view (4) as finite floats of a size that can be drawn; ValueError in words otherwise."""
    try:
        numbers = [float(v) for v in values]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != length or not all(math.isfinite(v) and abs(v) <= 1e6 for v in numbers):
        raise ValueError(f"{name} = {quoted(values)} is not allowed: it must be {length} finite numbers up to a million")
    if any(high - low < 1e-9 for low, high in zip(numbers[::2], numbers[1::2], strict=True)) and length == 4:
        raise ValueError(f"{name} = {quoted(values)} is not allowed: it must run from low to high, x then y")
    return tuple(numbers)


def _as_linked(place: tuple[float, ...]) -> tuple[float, ...]:
    """Rounded as a link writes it, so that the link restores exactly what was seen."""
    return tuple(float(f"{v:.9g}") for v in place)


_SHARED_LR = Control("lr", "All rules", next(iter(ENTRANTS.values())).hypers["lr"].with_default(1e-2))
_TRIES = Control(TRIES.name, "All rules", TRIES)
_RUN = [Control("steps", "Run", DRIVER["steps"]), Control(THRESHOLD.name, "Run", THRESHOLD)]
_AGE = Control("age", "Noise, clipping, decay", DRIVER["age"], True)
_GRADIENT = [Control(name, _AGE.group, hyper, True) for name, hyper in DRIVER.items() if name not in ("steps", _AGE.id)]


def _surface_controls(surface: Surface) -> Iterator[Control]:
    yield Control(ANGLE.name, "Surface", ANGLE)
    for name, hyper in surface.hypers.items():
        yield Control(f"{surface.key}.{name}", "Surface", hyper)


def _entrant_controls(entrant: Entrant) -> Iterator[Control]:
    for name, hyper in entrant.hypers.items():
        yield Control(f"{entrant.key}.{name}", entrant.key, hyper)


def _schedule_controls(schedule: Schedule) -> Iterator[Control]:
    for name, hyper in schedule.hypers.items():
        yield Control(f"{schedule.key}.{name}", "Schedule", hyper)


@cache
def _every_control() -> Mapping[str, Control]:
    def every() -> Iterator[Control]:
        yield from (_SHARED_LR, _TRIES, *_RUN, *_GRADIENT, _AGE)
        for schedule in SCHEDULES.values():
            yield from _schedule_controls(schedule)
        for surface in SURFACES.values():
            yield from _surface_controls(surface)
        for entrant in ENTRANTS.values():
            yield from _entrant_controls(entrant)

    return {control.id: control for control in every()}
