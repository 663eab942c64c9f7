"""Links at random: for every page settings that a person may come to, at corners too, and now and then nonsense."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core import SCHEDULES, Hyper
from experiments.axis import options_of
from experiments.backprop.spec import FLAT_TASKS
from experiments.backprop.spec import LOOK_CHOICES as OF_LOOKS
from experiments.backprop.spec import OF_LOOKS as OF_LOOK
from experiments.effects.spec import SHOWS
from experiments.link import SEPARATOR
from experiments.map.spec import COLOURS
from experiments.network_sweep.spec import HOW_MANY, LR, beside
from experiments.network_sweep.spec import swept_options as of_sweep
from experiments.race.controls import LOOKS, PROTOCOLS, TUNINGS
from experiments.race.spec import Race
from experiments.training.spec import HIDDEN, Lesson
from networks import TASKS
from networks.training.sweep import MEASURES
from optimizers import ENTRANTS, RULES
from surfaces import SURFACES

Link = dict[str, str]

NONSENSE = ("", "nan", "inf", "-1", "1e999", "0,5", "1_0", "off", "½", "<b>", "None", "0x10", "~", "1~2", "a" * 300, "\0")
"""What is no number, or none that is allowed."""


def some(rng: random.Random, options: Sequence[Any] | Mapping[str, Any], most: int) -> list[Any]:
    """One or more of some things, most often few."""
    every = list(options)
    return rng.sample(every, min(rng.choice((1, 1, 2, 2, 3, most)), len(every)))


def number(rng: random.Random, hyper: Hyper) -> str:
    """A number that is allowed: an end of its range, off, or a stop of its slider."""
    ends = [hyper.low, hyper.high, *([hyper.off] if hyper.off is not None else [])]
    return f"{rng.choice(ends) if rng.random() < 0.3 else rng.choice(hyper.stops):.12g}"


def numbers(rng: random.Random, hypers: Mapping[str, Hyper], share: float) -> Link:
    """About a share of the numbers that there are."""
    return {name: number(rng, hyper) for name, hyper in hypers.items() if rng.random() < share}


def spoilt(rng: random.Random, link: Link) -> Link:
    """One link in four with something in it that cannot be granted."""
    if rng.random() < 0.75:
        return link
    name = rng.choice([*link, "unknown", "lr", "steps"])
    return {**link, name: rng.choice(NONSENSE)}


def of_race(rng: random.Random, *, most: int = 12, steps: int = 1000) -> Link:
    """A race."""
    race = Race(rng.choice(list(SURFACES)), tuple(some(rng, ENTRANTS, most)), rng.choice(list(PROTOCOLS)))
    link = {"surface": race.surface, "rules": SEPARATOR.join(race.entrants), "lrs": race.lrs}
    link |= chosen(rng, schedule=SCHEDULES, tuning=TUNINGS)
    race = Race(race.surface, race.entrants, race.lrs, link.get("schedule", "constant"))
    link |= numbers(rng, {control.id: control.hyper for control in race.controls.values()}, rng.choice((0.05, 0.3)))
    link["steps"] = f"{rng.randint(1, steps)}"
    (xlo, xhi), (ylo, yhi) = SURFACES[race.surface].domain
    x, y = rng.uniform(xlo, xhi), rng.uniform(ylo, yhi)
    more = {
        "start": rng.choice((f"{x:.6g}~{y:.6g}", f"{xlo}~{yhi}", "0~0", "1e6~-1e6")),
        "view": f"{xlo}~{x + 1e-3}~{ylo}~{y + 1e-3}",
        "look": rng.choice(LOOKS),
        "hidden": rng.choice(race.entrants),
        "step": str(rng.randint(0, steps)),
    }
    return link | {name: text for name, text in more.items() if rng.random() < 0.2}


def chosen(rng: random.Random, **options: Mapping[str, Any]) -> Link:
    """A word of some of the choices."""
    return {name: rng.choice(list(words)) for name, words in options.items() if rng.random() < 0.4}


def ends(rng: random.Random, name: str, hyper: Hyper) -> str:
    """An axis: all of the number's range, or a part of it."""
    low, high = sorted(float(f"{rng.choice(hyper.stops):.6g}") for _ in range(2))
    whole = rng.random() < 0.3 or not low < high
    return name if whole else SEPARATOR.join((name, f"{low:.6g}", f"{high:.6g}"))


def of_map(rng: random.Random) -> Link:
    """A map of few steps."""
    link = of_race(rng, most=3, steps=150)
    race = Race(link["surface"], tuple(link["rules"].split(SEPARATOR)), schedule=link.get("schedule", "constant"))
    options = options_of(race)
    across, up = (ends(rng, name, options[name]) for name in rng.sample(list(options), 2))
    return link | {"across": across, "up": up, "colour": rng.choice(list(COLOURS))}


def of_effect(rng: random.Random) -> Link:
    """What one number does."""
    link = of_race(rng, most=4, steps=300)
    race = Race(link["surface"], tuple(link["rules"].split(SEPARATOR)), schedule=link.get("schedule", "constant"))
    options = options_of(race)
    name = rng.choice(list(options))
    found = {"number": ends(rng, name, options[name]), "rule": rng.choice(race.entrants), "at": number(rng, options[name])}
    return link | found | chosen(rng, shows=SHOWS)


def of_lesson(rng: random.Random, *, most: int = 12, steps: int = 60, share: float = 0.0) -> Link:
    """A training; few steps, and batches that the training set has. About a share of what can be set is set."""
    lesson = Lesson(rng.choice(list(TASKS)), tuple(some(rng, ENTRANTS, most)))
    link = {"task": lesson.task, "rules": SEPARATOR.join(lesson.rules)}
    share = share or rng.choice((0.1, 0.4))
    for choice in lesson.offered:
        if rng.random() < share:
            link[choice.name] = rng.choice(list(choice.options(lesson.origin)))
    if lesson.deep and rng.random() < 0.4:
        link[HIDDEN] = "-".join(str(rng.choice((1, 2, 3, 5, 8, 16, 32))) for _ in range(rng.choice((0, 1, 1, 2, 3, 5))))
    lesson = lesson.choosing({name: text for name, text in link.items() if name not in ("task", "rules")})
    link |= numbers(rng, {name: control.hyper for name, control in lesson.controls.items()}, share)
    return link | {"steps": str(rng.randint(10, steps)), "batch": str(rng.choice((1, 2, 3, 7, 16, 32, 64, 90)))}


def of_sweep_link(rng: random.Random) -> Link:
    """A sweep of small trainings."""
    link = of_lesson(rng, most=2, steps=20)
    lesson = Lesson(link["task"], tuple(link["rules"].split(SEPARATOR)))
    options = of_sweep(lesson)
    link |= {"axis": ends(rng, LR.name, options[LR.name]), "shows": rng.choice(list(MEASURES))}
    if rng.random() < 0.4 and (others := beside(options)):
        name = rng.choice(list(others))
        link["other"] = ends(rng, name, others[name])
    return link | {"values": str(HOW_MANY["other" in link][0])}


def of_backprop(rng: random.Random) -> Link:
    """A look at the chain rule."""
    link = {name: rng.choice(list(options)) for name, options in OF_LOOKS.items()}
    link["task"] = rng.choice(list(FLAT_TASKS))
    link["hidden"] = "-".join(str(rng.choice((1, 2, 5, 8, 33, 64))) for _ in range(rng.choice((1, 2, 3, 10))))
    rule = RULES[link["rule"]]
    hypers = {name: control.hyper for name, control in OF_LOOK.items()} | {f"{rule.key}.lr": rule.hypers["lr"]}
    return link | numbers(rng, hypers, 0.4) | {"steps": str(rng.choice((0, 0, 1, 5, 40)))}


def of_anatomy(rng: random.Random) -> Link:
    """A rule taken apart."""
    return of_race(rng, most=1)


PAGES: Mapping[str, Callable[[random.Random], Link]] = {
    "race": of_race,
    "anatomy": of_anatomy,
    "effects": of_effect,
    "map": of_map,
    "training": of_lesson,
    "network_sweep": of_sweep_link,
    "backprop": of_backprop,
}
"""For every page its links."""
