"""The cells of a table in a text file: how it is written is found out within bounds, then pandas reads it."""

import codecs
import csv
import io
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from math import isqrt

import pandas as pd

from core.words import brief

MOST_COLUMNS = 200
MOST_PIXELS = 32 * 32
"""Only the pixels of square images may be more than MOST_COLUMNS, up to so many, and a label beside them."""

SAMPLE = 1 << 16
"""Characters by which it is judged how a table is written; no line of names may be longer."""

SAMPLED = 100
"""Rows by which it is judged."""

SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}

MISSING = frozenset(
    ("", "?", "-", "--", ".", "na", "n/a", "#n/a", "#na", "nan", "-nan", "null", "none", "nil", "nat", "<na>", "#null!")
)
"""Cells without a value, in small letters."""

PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
COMMA = re.compile(r"[+-]?(?:(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d*)?|,\d+)(?:[eE][+-]?\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?", re.ASCII)
INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
"""Numbers: with a point, with a decimal comma, with commas between thousands, without an end."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Form:
    """How a table is written.

    separator  stands between two cells
    skipped    lines before the first row: empty ones, "sep=;", the names
    names      of the columns, each another; counted where the file has none
    headed     whether the file has them
    """

    separator: str
    skipped: int
    names: tuple[str, ...]
    headed: bool

    @property
    def wide(self) -> bool:
        """Whether all columns but one are pixels."""
        return len(self.names) > MOST_COLUMNS


def encoding_of(content: bytes) -> str:
    """What turns bytes into letters: what the byte order mark says, else UTF-8, or UTF-16 or Windows-1252 where it is not."""
    for mark, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return name
    even, odd = content[:1000:2], content[1:1000:2]
    if max(even.count(0), odd.count(0)) > len(odd) / 2:
        return "utf-16-be" if even.count(0) > odd.count(0) else "utf-16-le"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def decoded(content: bytes, encoding: str) -> str:
    """The text, every line ended by a line feed. Raises ValueError for bytes that are none."""
    try:
        text = content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a")
    except UnicodeDecodeError:
        text = "\0"
    if re.search("[\0-\x08\x0e-\x1f]", text):
        raise ValueError("the file is not text: a spreadsheet must be saved as CSV first")
    return text


def form_of(text: str) -> Form:
    """How the table is written, judged by its beginning.

    The separator is what cuts the lines most alike into the plainest cells, unless a first line "sep=;" names it. The first
    line holds names where words stand over numbers, or over words that come again when they do not. Raises ValueError for a
    table without rows, of one column or of too many, and for names that are not all different.
    """
    lead = re.match(r"(?:[ ,;|\t]*\n)*", text)
    start = lead.end() if lead else 0
    told = re.compile(r'"?sep=([^\w\n])"?[ \t]*(?:\n|$)', re.IGNORECASE).match(text, start)
    start = told.end() if told else start
    skipped, end = text.count("\n", 0, start), text.find("\n", start)
    head = text[start : end if end >= 0 else None]
    if not head.strip():
        raise ValueError("the file is empty: it must have a line for each row")
    check_width(1 + max(head.count(mark) for mark in (told[1] if told else SEPARATORS)))
    if len(head) > SAMPLE:
        raise ValueError(f"line {skipped + 1} has {len(head)} letters: allowed are at most {SAMPLE}")
    sample = text[start : start + SAMPLE]
    cut = {mark: _cut(sample, mark, whole=len(text) <= start + SAMPLE) for mark in ([told[1]] if told else SEPARATORS)}
    separator = max(cut, key=lambda mark: _plainness(cut[mark], mark))
    rows = cut[separator]
    width = _width(rows)
    if width < 2:
        raise ValueError("the file has one column: it must have two or more, with a comma, semicolon or tab between them")
    check_width(width)
    first, below = rows[0], [row for row in rows[1:] if len(row) == width]
    if len(first) == width - 1 and not any(row[-1] for row in below):  # a separator at the end of each but the first
        width, below = width - 1, [row[:-1] for row in below]
    if len(first) == width + 1 and not first[-1]:
        first = first[:-1]
    headed = _headed(first, below)
    if headed and len(first) == width - 1:  # R writes no name over those of the rows
        first = ["", *first]
    if len(first) != width:
        raise ValueError(f"line {skipped + 1} has {len(first)} cells: it must have {width}, like those below")
    names = tuple(cell or f"unnamed {i}" for i, cell in enumerate(first, 1))
    if not headed:
        return Form(separator, skipped, tuple(f"column {i}" for i in range(1, width + 1)), headed)
    twice, many = Counter(names).most_common(1)[0]
    if many > 1:
        raise ValueError(f"two columns are called {brief(twice)}: every column must have its own name")
    return Form(separator, skipped + _lines_of_first_row(sample, separator), names, headed)


def lines_of(text: str, form: Form) -> Sequence[int]:
    """The line on which each row ends, empty rows too. Raises ValueError, naming the line, for a row of another length."""
    reader = csv.reader(io.StringIO(_body(text, form)), delimiter=form.separator, skipinitialspace=True)
    lines, width = array("l"), len(form.names)
    try:
        for row in reader:
            if len(row) != width and any(map(str.strip, row)) and (len(row) != width + 1 or row[-1].strip()):
                line = form.skipped + reader.line_num
                raise ValueError(f"line {line} has {len(row)} cells: it must have {width}, like the first")
            lines.append(form.skipped + reader.line_num)
    except csv.Error as error:
        raise ValueError(f"line {form.skipped + reader.line_num} is not CSV: {error}") from None
    return lines


def cells_of(text: str, form: Form) -> list[pd.Series]:
    """The cells of each column: numbers as such and others as they stand, NaN where there is no value.

    Empty rows are left out; the index tells the place of a row among all.
    """
    missing = sorted(
        {change(cell) for cell in MISSING for change in (str, str.upper, str.capitalize, str.title)} | {"NaN", "-NaN"}
    )
    columns = range(len(form.names))
    try:
        frame = pd.read_csv(
            io.StringIO(_body(text, form)),
            sep=form.separator,
            header=None,
            names=columns,
            usecols=columns,
            index_col=False,
            skipinitialspace=True,
            skip_blank_lines=False,
            keep_default_na=False,
            na_values=missing,
            low_memory=False,
        )
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame(columns=columns)
    except pd.errors.ParserError as error:  # all else is told by `lines_of`
        raise ValueError("the file is not CSV: a quotation mark opens and does not close") from error
    return [cells for _, cells in frame.dropna(how="all").items()]


def cell_of(text: str, form: Form, row: int, column: int) -> str:
    """A cell as it stands, of a row counted as `lines_of` does."""
    reader = csv.reader(io.StringIO(_body(text, form)), delimiter=form.separator, skipinitialspace=True)
    return next(islice(reader, row, None))[column].strip()


def _body(text: str, form: Form) -> str:
    """What follows the names."""
    return (text + "\n").split("\n", form.skipped)[form.skipped].removesuffix("\n") if form.skipped else text


def check_width(width: int, pixels: Sequence[pd.Series] | None = None) -> None:
    """Raises ValueError for too many columns, unless they may be pixels, or are such."""
    square = isqrt(width - 1) ** 2 == width - 1 <= MOST_PIXELS
    if pixels is not None and square:
        square = all(cells.dtype.kind in "iu" and cells.between(0, 255).all() for cells in pixels)
    if width > MOST_COLUMNS and not square:
        side = isqrt(MOST_PIXELS)
        raise ValueError(
            f"the table has {width} columns: allowed are at most {MOST_COLUMNS}, or a label and the pixels, from 0 to 255, of "
            f"images of up to {side}×{side}"
        )


def _cut(sample: str, mark: str, *, whole: bool) -> list[list[str]]:
    """The first rows, empty ones left out; the last of a sample that is not the whole may be cut off in its middle."""
    rows: list[list[str]] = []
    try:
        for row in islice(csv.reader(io.StringIO(sample), delimiter=mark, skipinitialspace=True), SAMPLED):
            rows.append([cell.strip() for cell in row])
    except csv.Error:
        whole = True  # the line that is none is told later
    rows = rows if whole or len(rows) in (1, SAMPLED) else rows[:-1]
    return [row for row in rows if any(row)]


def _width(rows: list[list[str]]) -> int:
    return Counter(map(len, rows)).most_common(1)[0][0] if rows else 0


def _plainness(rows: list[list[str]], mark: str) -> tuple[float, int]:
    """How well the mark cuts: the share of rows of the usual length, times that of their cells in which no other mark is left.

    A comma in a number is none. Among equals the one with more cells.
    """
    width = _width(rows)
    if width < 2:
        return 0.0, 0
    usual = [row for row in rows if len(row) == width]
    others = set(SEPARATORS) - {mark}
    cells = [cell for row in usual[1:] or usual for cell in row]
    plain = sum(others.isdisjoint(cell) or bool(mark != "," and COMMA.fullmatch(cell)) for cell in cells)
    return len(usual) / len(rows) * plain / len(cells), width


def _headed(first: list[str], below: list[list[str]]) -> bool:
    """Whether the first line holds names: what stands over a column speaks for that, against it, or neither."""
    numbered = any(map(_is_number, first))
    if not below:
        return not numbered
    if len(first) != len(below[0]) or (_counts(first) and not _counts(below[0])):
        return True
    votes = sum(map(_vote, first, zip(*below, strict=True)))
    return votes > 0 or (votes == 0 and not numbered)


def _counts(row: list[str]) -> bool:
    """Whether its numbers, three or more, count columns or years: 0, 1, 2 …; 1, 2, 3 …; 1990, 2000, 2010 …"""
    numbers = [int(cell) for cell in row if cell.isascii() and cell.isdigit()]
    if len(numbers) < 3 or len(numbers) < sum(map(_is_number, row)):
        return False
    steps = {after - before for before, after in pairwise(numbers)}
    return len(steps) == 1 and (steps == {1} if numbers[0] < 1800 else steps > {0} or min(steps) > 0)


def _vote(name: str, cells: Sequence[str]) -> int:
    """For (positive) or against (negative) that a cell is the name of those below."""
    cells = [cell for cell in cells if cell.lower() not in MISSING]
    if not cells or name.lower() in MISSING:
        return 0
    numbers = [_value(cell) for cell in cells if _is_number(cell)]
    if len(numbers) > 0.8 * len(cells):
        if not _is_number(name):
            return 2
        value = _value(name)
        if _is_year(value) and 2 * sum(map(_is_year, numbers)) < len(numbers):
            return 0
        return -1 if not value.is_integer() or min(numbers) <= value <= max(numbers) else 0
    if name in cells:
        return -2
    shapes = [re.sub(r"\d", "9", cell) for cell in cells]
    if any(map(str.isdigit, name)) and 2 * shapes.count(re.sub(r"\d", "9", name)) > len(cells):
        return -2  # a date over dates, number 17 over other numbers of its kind
    return 1 if _is_number(name) or 2 * len(set(cells)) <= len(cells) or all("9" in shape for shape in shapes) else 0


def _is_number(cell: str) -> bool:
    return any(kind.fullmatch(cell) for kind in (PLAIN, COMMA, INFINITE))


def _value(cell: str) -> float:
    return float(cell if PLAIN.fullmatch(cell) or INFINITE.fullmatch(cell) else cell.replace(".", "").replace(",", "."))


def _is_year(value: float) -> bool:
    return value.is_integer() and 1800 <= value <= 2100


def _lines_of_first_row(sample: str, separator: str) -> int:
    reader = csv.reader(io.StringIO(sample), delimiter=separator, skipinitialspace=True)
    next(reader)
    return reader.line_num
