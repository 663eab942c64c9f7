"""What is wrong, said on the page: the one place where sentences that may hold others' words are shown."""

import re
from collections.abc import Iterable
from typing import Any

import streamlit as st

from core.words import legible

MANY = 12
"""Sentences that are shown; a link may deserve thousands."""

MARKUP = re.compile(r"[\\`*\[\]<>$~|&]|(?<!\w)_|_(?!\w)|^[#+-]|(?<=^\d)[.)]")
"""Emphasis, links, pictures, tags, formulas, entities, lists; the line in a name_with_parts is none of them."""

TURNED = re.compile(r"\S*(?:\w@\w|:\S|www\.|-[->]|<-)\S*", re.IGNORECASE)
"""Words that are made into addresses, symbols or arrows whatever is escaped in them."""


def plain(text: str) -> str:
    """Text for a place where markup would be obeyed, to be read there as it is."""
    text, at, parts = legible(text).strip(), 0, []
    for found in TURNED.finditer(text):
        parts += [MARKUP.sub(r"\\\g<0>", text[at : found.start()]), _verbatim(found[0])]
        at = found.end()
    return "".join([*parts, MARKUP.sub(r"\\\g<0>", text[at:])])


def _verbatim(word: str) -> str:
    fence = "`" * (max(map(len, re.findall("`+", word)), default=0) + 1)
    return f"{fence} {word} {fence}" if "`" in word else f"{fence}{word}{fence}"


def few(sentences: Iterable[str]) -> list[str]:
    """The first of them, and how many more there are."""
    every = list(sentences)
    left = len(every) - MANY
    return [*every[:MANY], *([f"And {left} more of this kind."] if left > 0 else [])]


def complain(sentences: Iterable[str], place: Any = st) -> None:
    """Say each of them, as plain text whatever it holds."""
    for sentence in few(sentences):
        place.warning(plain(sentence))
