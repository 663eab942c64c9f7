"""What becomes of the columns of a table by its training rows alone: which are of use, and words as ones and zeros."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from core.words import brief, cut

RARE = 0.01
"""Words of a smaller share of the training rows are taken together."""

MOST_LEVELS = 20
"""Ones and zeros that a column of words becomes at most, the rare words together among them."""

MOST_NUMBERS = 25_000_000
"""Numbers that the rows of a table may become."""

IDENTIFIER = re.compile(r"(?i:unnamed.*|index|no\.?|nr\.?|row.?(?:id|names?|numbers?|nr)|id|uuid|.*[_\W]id)|.*[a-z]I[dD]")
"""Names of columns that name rows, if all their whole numbers are different."""


@dataclass(frozen=True)
class Column:
    """What a column of a table's x holds, as a file has it.

    read     what its cells are, in words
    levels   the words that its whole numbers stand for; empty where it holds numbers
    counter  whether it counts the rows of the file
    """

    name: str
    read: str = "numbers"
    levels: tuple[str, ...] = ()
    counter: bool = False


def parted(columns: Sequence[Column], train: np.ndarray) -> tuple[dict[int, str], list[int], list[int]]:
    """Which columns say nothing over the training rows (rows, columns), and why; which hold numbers; and which hold words.

    A counter is kept where nothing else would be left. Raises ValueError where nothing is left.
    """
    useless = {i: why for i, column in enumerate(columns) if (why := _why(column, train[:, i]))}
    if len(useless) == len(columns):
        useless = {i: why for i, why in useless.items() if not columns[i].counter}
    if len(useless) == len(columns):
        told = "; ".join(f"{brief(columns[i].name)} {why}" for i, why in list(useless.items())[:5])
        raise ValueError(f"no column beside the target says anything: {told}")
    kept = [i for i in range(len(columns)) if i not in useless]
    return useless, [i for i in kept if not columns[i].levels], [i for i in kept if columns[i].levels]


def _why(column: Column, values: np.ndarray) -> str:
    known = values[~np.isnan(values)]
    different = len(np.unique(known))
    if not different:
        return "has no value in the training rows"
    if column.counter:
        return "counts the rows, which in a sorted table would give the target away"
    if different == 1 and (len(known) == len(values) or not column.levels):
        value = column.levels[int(known[0])] if column.levels else f"{known[0]:g}"
        return f"has one value in the training rows, {cut(value)}"
    if column.levels and different > max(len(known) / 2, MOST_LEVELS / 2):
        return f"has {different} different words in {len(known)} training rows: it names rows"
    whole = not column.levels and different == len(known) > MOST_LEVELS and (known == known.round()).all()
    return (
        "has another whole number in every training row: it names rows" if whole and IDENTIFIER.fullmatch(column.name) else ""
    )


def encoder_of(train: np.ndarray) -> OneHotEncoder:
    """What makes ones and zeros of words (rows, columns), told by numbers: the rare ones, and those never seen, together.

    A missing word is one of its own.
    """
    encoder = OneHotEncoder(
        min_frequency=RARE, max_categories=MOST_LEVELS, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    return encoder.fit(coded(train))


def coded(words: np.ndarray) -> np.ndarray:
    """Words told by numbers, a missing one by −1."""
    return np.where(np.isnan(words), -1, words)


def one_hot(columns: Sequence[Column], parts: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[str]]:
    """Columns of words (rows, columns) as ones and zeros, by the first part, and what became of each.

    Raises ValueError where they become too many numbers.
    """
    if not columns:
        return [np.empty((len(part), 0)) for part in parts], []
    encoder, rows = encoder_of(parts[0]), sum(map(len, parts))
    rare: list[np.ndarray | None] = encoder.infrequent_categories_
    places = [len(kept) - (0 if few is None else len(few) - 1) for kept, few in zip(encoder.categories_, rare, strict=True)]
    check_size(rows, sum(places))
    told = []
    for column, kept, few in zip(columns, encoder.categories_, rare, strict=True):
        names = {code: column.levels[int(code)] if code >= 0 else "no value" for code in kept.tolist()}
        lone = [name for code, name in names.items() if few is None or code not in few]
        together = "" if few is None else f"{len(few)} rare ones together" if len(few) > 1 else "a rare one"
        told.append(f"one-hot: {some_of(lone)}{', and ' if lone and together else ''}{together}")
    return [np.asarray(encoder.transform(coded(part))) for part in parts], told


def check_size(rows: int, features: int) -> None:
    """Raises ValueError for more numbers than a table may become."""
    if rows * features > MOST_NUMBERS:
        raise ValueError(
            f"{rows} rows of {features} features or classes are {rows * features} numbers: allowed are at most {MOST_NUMBERS}"
        )


def some_of(names: Sequence[str], most: int = 6) -> str:
    """The first of them, long ones cut short, and how many more there are."""
    shown = [cut(name) for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
