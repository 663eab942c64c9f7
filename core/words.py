"""Others' words in our sentences: from a link, a file, a script. They may be long, and hold what cannot be seen or sent."""

from collections.abc import Mapping
from reprlib import Repr
from typing import Any

MOST = 40
"""Characters of others' words that a sentence holds."""

_SHORT = Repr()
_SHORT.maxlevel = 3


def legible(text: str) -> str:
    """On one line, with a mark for each character that prints nothing, turns the writing round or is half of one."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def cut(value: Any) -> str:
    """The first of what a value reads, legible; the words of a list one after another."""
    if isinstance(value, list | tuple):
        value = ", ".join(map(cut, value[:MOST]))
    text = value if isinstance(value, str) else brief(value)
    return legible(text[:MOST]) + ("…" if len(text) > MOST else "")


def quoted(value: Any) -> str:
    """Between quotation marks."""
    return f"“{cut(value)}”"


def brief(value: Any) -> str:
    """The first of a value as Python writes it."""
    if isinstance(value, str | bytes):
        value = value[: MOST + 1]
    many = isinstance(value, list | tuple | Mapping)
    try:
        text = _SHORT.repr(dict(value) if isinstance(value, Mapping) else value) if many else repr(value)
    except ValueError:  # a whole number of thousands of digits
        text = f"{value:#x}"
    return text if len(text) <= MOST else f"{text[:MOST]}…"
