"""What one visitor may cost: how much memory and time work may take, and what is said of work that would take more."""

import math
from collections.abc import Iterator

from core.hosting.machine import set_by_host
from experiments.hall import GB, HALL
from networks.training.cost import Cost

LONGEST = 60 * set_by_host("RAVINE_MINUTES", 60)
"""Seconds that work may be expected to take."""

Way = tuple[str, Cost]
"""How it might be done instead, in words, and what that would cost."""


def affordable(cost: Cost) -> bool:
    return cost.bytes <= HALL.room and cost.seconds <= LONGEST


def refusal(what: str, cost: Cost, ways: Iterator[Way]) -> str:
    """Why it cannot be, and the first way in which it could, in one sentence; empty where it can."""
    if affordable(cost):
        return ""
    if cost.bytes > HALL.room:
        need, allowed = f"about {_gigabytes(cost.bytes)} of memory", f"{_gigabytes(HALL.room)} are allowed"
    else:
        need, allowed = f"about {duration(cost.seconds)}", f"{duration(LONGEST)} are allowed"
    fitting = next((words for words, other in ways if affordable(other)), None)
    return f"{what} would take {need}; {allowed}: {f'{fitting} would fit' if fitting else 'a smaller network may fit'}."


def duration(seconds: float) -> str:
    """A time in words."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.0f} hours"


def fewer(steps: int, cost: Cost) -> Iterator[int]:
    """As many steps, in two digits, as may take no longer than is allowed, and then less; none where all do, or hardly any."""
    fitting = int(steps * LONGEST / cost.seconds) if cost.seconds > LONGEST else 0
    while fitting >= 10:
        scale = 10 ** max(len(str(fitting)) - 2, 0)
        yield fitting // scale * scale
        fitting = fitting * 2 // 3


def counted(many: int, what: str) -> str:
    return f"{many} {what}" if many == 1 else f"{many} {what}s"


def _gigabytes(bytes: float) -> str:
    return f"{bytes / GB:.2g} GB" if bytes < 100 * GB else f"{bytes / GB:,.0f} GB"
