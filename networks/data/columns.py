"""What the cells of a column are, numbers, yes or no, dates or words, and the numbers that they become."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isqrt
from typing import Literal

import numpy as np
import pandas as pd

from core.words import brief, cut
from networks.data.delimited import COMMA, INFINITE, MISSING, PLAIN, THOUSANDS, Form
from networks.data.encoding import Column
from networks.data.prepare import FileTable

STRAY = 0.1
"""At most this share of a column of numbers may be words, which count as missing, if it has more than LEVELS numbers."""

LEVELS = 20

PAIRS = (("no", "yes"), ("n", "y"), ("false", "true"), ("f", "t"), ("off", "on"))

NUMBERS = {".": "numbers", ",": "numbers with decimal commas", ",.": "numbers with commas between thousands"}

DAYS = {
    "%Y-%m-%d": "year-month-day",
    "%Y/%m/%d": "year/month/day",
    "%d.%m.%Y": "day.month.year",
    "%d/%m/%Y": "day/month/year",
    "%m/%d/%Y": "month/day/year",
    "%d-%m-%Y": "day-month-year",
    "%m-%d-%Y": "month-day-year",
    "%d.%m.%y": "day.month.year",
    "%d/%m/%y": "day/month/year",
    "%m/%d/%y": "month/day/year",
    "%d-%b-%Y": "day-month-year",
    "%d-%b-%y": "day-month-year",
    "%d %b %Y": "day month year",
    "%d %B %Y": "day month year",
    "%b %d, %Y": "month day, year",
    "%B %d, %Y": "month day, year",
    "%Y-%m": "year-month",
}
MOST_CLASSES = 100

_FEW, FEWEST, _OFTEN = 20, 3, 5
"""Whole numbers in a target are classes where they are at most FEW, in FEWEST rows or more each, and also where they are labels
from 0 or 1 on without a gap, in OFTEN rows or more each, the most frequent in at most three times as many as the rarest.
"""

HOURS = ("%H:%M", "%H:%M:%S", "%H.%M.%S", "%H:%M:%S.%f", "%I:%M %p")


@dataclass(frozen=True)
class Reading:
    """How the cells of a column are read: what they are, and with which marks, format or word for yes."""

    kind: Literal["numbers", "yes or no", "dates", "times", "words"]
    mark: str = ""

    @property
    def words(self) -> str:
        """In words, for people."""
        if self.kind == "numbers":
            return NUMBERS[self.mark]
        if self.kind == "yes or no":
            return f"{self.mark} is 1, the other 0"
        return f"dates, {DAYS[self.mark.split(' %H')[0].split('T%H')[0]]}" if self.kind == "dates" else self.kind


@dataclass(frozen=True)
class Written:
    """A table in a text file, as far as it is understood: its form, how each column is read, and which one is the target."""

    encoding: str
    form: Form
    readings: tuple[Reading, ...]
    target: int


def table_of(columns: Sequence[pd.Series], written: Written) -> FileTable:
    """The table of the cells of each column. Raises ValueError for too many classes."""
    names, place = written.form.names, written.target
    y, classes, remarks = _targets(names[place], columns[place], written.readings[place])
    if written.form.wide:
        pixels, side = np.stack([cells for i, cells in enumerate(columns) if i != place], axis=1), isqrt(len(names) - 1)
        x, told = pixels.astype(np.float32) / np.float32(255), f"{side * side} columns are the pixels of images, {side}×{side}."
        return FileTable(x, y, classes, (1, side, side), "none", (), (), names[place], (told, *remarks), written)
    every = [i for i in range(len(names)) if i != place]
    found = [pair for i in every for pair in _values_of(names[i], columns[i], written.readings[i])]
    kept = tuple(replace(column, counter=_counts_rows(column, values)) for column, values in found)
    x = np.stack([values for _, values in found], axis=1)
    return FileTable(x, y, classes, (len(found),), "standard", (), kept, names[place], remarks, written)


def words_of(cells: pd.Series) -> pd.Series:
    """Cells as they stand, without spaces around them; NaN where there is no value."""
    text = cells.astype("str").str.strip()
    return text.mask(text.str.lower().isin(MISSING))


def understood(cells: pd.Series, separator: str) -> Reading:
    """What the cells are, judged by their different values. Where commas stand between cells, one within is for thousands."""
    if cells.dtype.kind in "iuf":
        return Reading("numbers", ".")
    counts = words_of(cells).value_counts()
    words, many = [str(word) for word in counts.index], counts.to_numpy()
    if not words:
        return Reading("numbers", ".")
    marks = [".", ",.", ","] if separator == "," else [".", ",", ",."]
    found = {mark: np.array([not np.isnan(_number(word, mark)) for word in words]) for mark in marks}
    mark = max(marks, key=lambda mark: many[found[mark]].sum())
    strays = many[~found[mark]].sum() / many.sum()
    if strays == 0 or (strays <= STRAY and found[mark].sum() > LEVELS):
        return Reading("numbers", mark)
    small = {word.lower() for word in words}
    for pair in PAIRS:
        if small <= set(pair):
            return Reading("yes or no", pair[1])
    if (format := _format(words, _formats())) is not None:
        return Reading("dates", format)
    if (format := _format(words, iter(HOURS))) is not None:
        return Reading("times", format)
    return Reading("words")


def _values_of(name: str, cells: pd.Series, reading: Reading) -> list[tuple[Column, np.ndarray]]:
    """The columns of a table, one or several of a date, that the cells become: numbers (rows,) float64, NaN where missing."""
    if reading.kind == "numbers":
        return [(Column(name, reading.words), numbers(cells, reading.mark))]
    words, codes = _different(cells)
    if reading.kind == "words":
        levels = sorted(words)
        place = {word: float(i) for i, word in enumerate(levels)}
        return [(Column(name, reading.words, tuple(levels)), _each([place[word] for word in words], codes))]
    if reading.kind == "yes or no":
        return [(Column(name, reading.words), _each([float(word.lower() == reading.mark) for word in words], codes))]
    times = pd.Series(pd.to_datetime(pd.Series(words), format=reading.mark, errors="coerce", utc=True))
    hours = times.dt.hour + times.dt.minute / 60 + times.dt.second / 3600
    if reading.kind == "times":
        return [(Column(f"{name}: hour", reading.words), _each(hours, codes))]
    parts = {
        "days since 1970": (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1),
        "month": times.dt.month,
        "weekday": times.dt.day_of_week,
        **({"hour": hours} if hours.any() else {}),
    }
    return [(Column(f"{name}: {part}", reading.words), _each(values, codes)) for part, values in parts.items()]


def numbers(cells: pd.Series, mark: str = ".") -> np.ndarray:
    """(rows,) float64, NaN where a cell holds none."""
    if cells.dtype.kind in "iuf":
        return cells.to_numpy(np.float64)
    words, codes = _different(cells)
    return _each([_number(word, mark) for word in words], codes)


def _number(word: str, mark: str) -> float:
    """What a word says with a decimal point, a decimal comma, or commas between thousands; NaN where that is no number."""
    if (PLAIN.fullmatch(word) and (mark != "," or "." not in word)) or INFINITE.fullmatch(word):
        return float(word)
    if mark == "," and COMMA.fullmatch(word):
        return float(word.replace(".", "").replace(",", "."))
    return float(word.replace(",", "")) if mark == ",." and THOUSANDS.fullmatch(word) else np.nan


def _targets(name: str, cells: pd.Series, reading: Reading) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Class numbers (rows,) and the classes' names, or numbers (rows, 1) and no names; and what is to be said of them."""
    if reading.kind not in ("numbers", "dates", "times"):
        words, codes = _different(cells)
        _check_classes(name, len(words), len(cells))
        place = np.argsort(np.argsort(np.array(words)))
        return place[codes], tuple(sorted(words)), ()
    _, numbers = _values_of(name, cells, reading)[0]
    values, y, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    whole, rarest = bool((values == values.round()).all()), int(counts.min())
    few = len(values) <= min(_FEW, len(cells) / 3)
    labels = values[0] in (0, 1) and np.ptp(values) == len(values) - 1 and rarest >= _OFTEN and counts.max() <= 3 * rarest
    if whole and (labels or (few and (rarest >= FEWEST or len(values) == 2))):
        _check_classes(name, len(values), len(cells))
        return y, tuple(f"{value:.0f}" for value in values), ()
    rare = f"Few rows have {cut(name)} = {values[counts.argmin()]:.0f}, so it is a number to predict and no class."
    return numbers[:, None], (), (rare,) if whole and few else ()


def _check_classes(name: str, classes: int, rows: int) -> None:
    if classes > MOST_CLASSES:
        raise ValueError(
            f"the target column {brief(name)} has {classes} classes in {rows} rows: allowed are at most {MOST_CLASSES}"
        )


def _counts_rows(column: Column, values: np.ndarray) -> bool:
    """Whether a column only counts the rows from 0 or 1 on, or has the name of an index and only different whole numbers."""
    if column.levels or np.isnan(values).any():
        return False
    steps = np.arange(len(values))
    named = bool(re.fullmatch(r"(?i)unnamed.*|index", column.name))
    different = named and len(np.unique(values)) == len(values) and bool((values == values.round()).all())
    return different or any(np.array_equal(values, steps + first) for first in (0, 1))


def _different(cells: pd.Series) -> tuple[list[str], np.ndarray]:
    """Different words, and which of them each cell holds; -1 where it is missing."""
    codes, words = pd.factorize(words_of(cells))
    return [str(word) for word in words], codes


def _each(values: "list[float] | pd.Series", codes: np.ndarray) -> np.ndarray:
    return np.append(np.asarray(values, np.float64), np.nan)[codes]


def _formats() -> Iterator[str]:
    for days in DAYS:
        yield days
        for gap in (" ", "T") if days.startswith("%Y") else (" ",):
            yield from (f"{days}{gap}{hours}" for hours in ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%SZ"))


def _format(words: list[str], formats: Iterator[str]) -> str | None:
    """The first that all words have."""
    if not re.search(r"\d", words[0]) or len(words[0]) > 40:
        return None
    for format in formats:
        try:
            datetime.strptime(words[0], format)
        except ValueError:
            continue
        if pd.to_datetime(pd.Series(words), format=format, errors="coerce", utc=True).notna().all():
            return format
    return None
