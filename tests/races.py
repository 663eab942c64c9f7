"""Races that several tests run."""

from experiments.race.controls import SHARED
from experiments.race.spec import Race


def leaving(key: str, *more: str) -> Race:
    """A race on a surface of UNDERCUT: momentum, with a rate at which it leaves below the minimum, and further rules."""
    return Race(key, ("momentum", *more), SHARED).having({"lr": 0.1, "steps": 300.0})
