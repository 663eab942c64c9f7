"""A small grammar of opinions, in which no word decides alone: negation turns a clause round, one of two decides."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

LENGTH = 12
"""Tokens of a sentence, padding included."""

PADDING = "·"
ARTICLES = ("the", "this")
NOUNS = ("film", "book", "song", "play", "story", "show", "novel", "concert")
VERBS = ("was", "is")
NEGATIONS = ("not", "never", "hardly")
INTENSIFIERS = ("very", "really", "truly")
PEOPLE = ("I", "we", "they", "everybody")
ADJECTIVES = (
    ("boring", "awful", "dull", "clumsy", "tedious", "dreadful", "silly", "weak", "bland", "tired"),
    ("wonderful", "brilliant", "charming", "funny", "clever", "touching", "lovely", "exciting", "superb", "fresh"),
)
FEELINGS = (("hated", "disliked", "despised", "resented"), ("loved", "liked", "enjoyed", "admired"))
"""Negative words, positive words."""

OTHERS = ("nobody", "it", "but", "although", "at", "first", "later")
VOCABULARY = (
    PADDING,
    *chain(ARTICLES, NOUNS, VERBS, NEGATIONS, INTENSIFIERS, PEOPLE, *ADJECTIVES, *FEELINGS, OTHERS),
)


def labelled_sentences(many: int, rng: np.random.Generator) -> list[tuple[tuple[str, ...], int]]:
    """So many different sentences of at most 12 words, each with 1 if it is positive, 0 if negative, in turn."""
    found: dict[tuple[str, ...], int] = {}
    while len(found) < many:
        label = len(found) % 2
        found.setdefault(tuple(_sentence(label, rng)), label)
    return list(found.items())


def tokens(words: Sequence[str]) -> list[int]:
    """The words' numbers in the vocabulary, padded at the front to 12; ValueError for an unknown word or too many."""
    for word in words:
        if word not in VOCABULARY:
            raise ValueError(f"the word {word!r} is unknown: allowed are {' '.join(VOCABULARY[1:])}")
    if len(words) > LENGTH:
        raise ValueError(f"a sentence of {len(words)} words is too long: allowed are {LENGTH}")
    return [0] * (LENGTH - len(words)) + [VOCABULARY.index(word) for word in words]


def _sentence(label: int, rng: np.random.Generator) -> list[str]:
    """One clause, or two of opposite labels, of which the one after "but" or without "although" decides."""
    noun = [_one(ARTICLES, rng), _one(NOUNS, rng)]
    form = rng.random()
    if form < 0.5:
        return _clause(noun, label, rng)
    if form < 0.65:
        return [*_clause(noun, 1 - label, rng), "but", *_clause(["it"], label, rng)]
    if form < 0.75:
        first, later = _judgement(1 - label, rng), _judgement(label, rng)
        return [*noun, _one(VERBS, rng), *first, "at", "first", "but", *later, "later"]
    if form < 0.9:
        return ["although", *_clause(noun, 1 - label, rng), *_clause(["it"], label, rng)]
    return [*_clause(noun, label, rng), "although", *_clause(["it"], 1 - label, rng)]


def _clause(thing: list[str], label: int, rng: np.random.Generator) -> list[str]:
    """Somebody has a feeling about the thing, or the thing is something."""
    if rng.random() < 0.3:
        negated = rng.random() < 0.4
        feeling = _one(FEELINGS[label ^ negated], rng)
        if negated and rng.random() < 0.3:
            return ["nobody", feeling, *thing]
        return [_one(PEOPLE, rng), *([_one(NEGATIONS[1:], rng)] if negated else []), feeling, *thing]
    judgement = _judgement(label, rng)
    if rng.random() < 0.4:
        judgement.insert(-1, _one(INTENSIFIERS, rng))
    return [*thing, _one(VERBS, rng), *judgement]


def _judgement(label: int, rng: np.random.Generator) -> list[str]:
    """An adjective, or the negation of one of the other kind."""
    negated = rng.random() < 0.4
    return [*([_one(NEGATIONS, rng)] if negated else []), _one(ADJECTIVES[label ^ negated], rng)]


def _one(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
