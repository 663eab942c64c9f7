"""What messages may hold: kinds of values, and of lists and records made of them."""

import math
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]
"""Whether a value is of a kind."""

_LARGEST = 2**53
"""The largest whole number that a browser counts to."""


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def nothing(value: Any) -> bool:
    return value is None


def any_number(value: Any) -> bool:
    """A finite one."""
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST
    return whole or (isinstance(value, float) and math.isfinite(value))


def whole(low: int = 0, high: int = _LARGEST) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def text(most: int) -> Check:
    return lambda value: isinstance(value, str) and len(value) <= most


def either(*kinds: Check) -> Check:
    return lambda value: any(kind(value) for kind in kinds)


def several(kind: Check, most: int, least: int = 0) -> Check:
    return lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(kind, value))


def row(*kinds: Check) -> Check:
    """A list of one value of each kind, in their order."""
    return lambda value: (
        isinstance(value, list) and len(value) == len(kinds) and all(k(v) for k, v in zip(kinds, value, strict=True))
    )


def shaped(needed: Mapping[str, Check], more: Mapping[str, Check] | None = None, *, open: bool = False) -> Check:
    """A mapping with what is `needed` and perhaps `more`; an `open` one may hold what nobody reads."""
    known = {**needed, **(more or {})}

    def check(value: Any) -> bool:
        if not isinstance(value, Mapping) or len(value) > 100 or not needed.keys() <= value.keys():
            return False
        return all(known[name](part) if name in known else open for name, part in value.items())

    return check
