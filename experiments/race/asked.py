"""What the stage asks of a race, checked."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from experiments.race.controls import LOOKS, checked_place, checked_step, every_control
from experiments.race.spec import Race
from experiments.schema import Check, any_number, either, nothing, several, shaped, text


def asked_for(race: Race, values: Mapping[str, Any]) -> tuple[Race, list[str]]:
    """The race with the values the stage asks for, and a sentence for each that is no good and was left as it was."""
    numbers, places, problems = {}, {}, []
    every = every_control()
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
    typed = either(any_number, text(400))
    words = several(text(100), 100)
    places = {
        "start": either(nothing, several(typed, 100)),
        "view": either(nothing, several(typed, 4)),
        "step": either(nothing, any_number),
        "look": words,
        "hidden": words,
    }
    return shaped({}, {**dict.fromkeys(every_control(), typed), **places})


def _as_linked(place: tuple[float, ...]) -> tuple[float, ...]:
    """Rounded as a link writes it, so that the link restores exactly what was seen."""
    return tuple(float(f"{v:.9g}") for v in place)
