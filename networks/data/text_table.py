"""A table of a user's own in a text file: read, understood, checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.words import brief, cut
from networks.data.columns import Written, numbers, table_of, understood, words_of
from networks.data.delimited import SEPARATORS, Form, cell_of, cells_of, check_width, decoded, encoding_of, form_of, lines_of
from networks.data.encoding import check_size, some_of
from networks.data.prepare import FileTable

_LARGEST = 1e30
"""Larger numbers, squared, are beyond what float32 holds."""

FEWEST_ROWS = 10

LABELS = ("label", "class", "target")
"""Names of the target among pixels; where none has one, it is the first column, as in MNIST's and EMNIST's files."""


def csv_table(content: bytes | str, target: str | None = None) -> FileTable:
    """A table of columns and a target, which is the last column unless another is named.

    Encoding, separator (comma, semicolon, tab, bar, or what a first line "sep=;" says) and whether the first line names the
    columns are found out; columns without names are "column 1", "column 2" and so on. Empty cells and the usual marks such as
    "?", "NA" and "null" are missing values. Columns are numbers, also with decimal commas, yes or no, dates, or words. Words
    in the target are classes, and so are few different whole numbers; any other number is to be predicted. More than 200
    columns must be the pixels of square images, beside a label.

    Raises ValueError, naming column or line, for rows of unequal length, fewer than 10 rows, too many columns or classes,
    numbers that no training holds, a target that has a gap or only one value, and a target that is no column.
    """
    content = content.encode() if isinstance(content, str) else content
    encoding = encoding_of(content)
    text = decoded(content, encoding)
    form = form_of(text)
    file = _File(text, form, lines_of(text, form), cells_of(text, form))
    if len(file.rows) < FEWEST_ROWS:
        raise ValueError(f"{len(file.rows)} rows are too few: there must be {FEWEST_ROWS} or more")
    place = _place(file, target)
    check_width(len(form.names), [cells for i, cells in enumerate(file.columns) if i != place])
    readings = tuple(understood(cells, form.separator) for cells in file.columns)
    remarks = [_remark(encoding, form)]
    for i, reading in enumerate(readings):
        if reading.kind == "numbers":
            remarks += _checked_numbers(file, i, numbers(file.columns[i], reading.mark), target=i == place)
    _check_target(file, place)
    table = table_of(file.columns, Written(encoding, form, readings, place))
    check_size(len(file.rows), max(len(table.classes), 1))
    return replace(table, remarks=(*remarks, *table.remarks))


@dataclass(frozen=True)
class _File:
    """What was read of a file, and the line of each of its rows, empty ones too."""

    text: str
    form: Form
    lines: Sequence[int]
    columns: Sequence[pd.Series]

    @property
    def rows(self) -> pd.Index:
        """Which of all rows those of the columns are."""
        return self.columns[0].index

    def cell(self, row: int, column: int) -> str:
        """A cell as it stands in the file."""
        return cell_of(self.text, self.form, int(self.rows[row]), column)

    def line(self, row: int) -> int:
        return self.lines[int(self.rows[row])]


def _place(file: _File, target: str | None) -> int:
    """Which column is the target: the one that is named, else the last that is not empty, or the label of pixels."""
    names = file.form.names
    if target is not None:
        if target not in names:
            raise ValueError(f"target = {brief(target)} is not allowed: it must be one of {some_of(names, 20)}")
        return names.index(target)
    if file.form.wide:
        return next((i for i, name in enumerate(names) if name.lower() in LABELS), 0)
    return max(i for i, cells in enumerate(file.columns) if cells.notna().any())


def _remark(encoding: str, form: Form) -> str:
    parts = SEPARATORS.get(form.separator, repr(form.separator)).capitalize()
    named = "the first line names them" if form.headed else "no line names them"
    letters = "" if encoding.startswith("utf-8") else f"; the letters are read as {encoding.replace('cp', 'Windows-')}"
    return f"{parts} part the columns; {named}{letters}."


def _checked_numbers(file: _File, i: int, values: np.ndarray, *, target: bool) -> list[str]:
    """What is to be said of words among the numbers of a column. Raises ValueError for what no training holds."""
    name, what = file.form.names[i], "the target column" if target else "column"
    far = np.flatnonzero(np.abs(values) > _LARGEST)
    if len(far):
        told = f"{what} {brief(name)} has {brief(file.cell(far[0], i))} in line {file.line(far[0])}"
        infinite = ", not infinite" if np.isinf(values[far[0]]) else ""
        raise ValueError(f"{told}: numbers must be within ±{_LARGEST:g}{infinite}")
    if file.columns[i].dtype.kind in "iuf":
        return []
    strays = np.flatnonzero(np.isnan(values) & words_of(file.columns[i]).notna())
    if not len(strays):
        return []
    told = f"{brief(file.cell(strays[0], i))} in line {file.line(strays[0])}"
    if target:
        raise ValueError(f"{what} {brief(name)} has {told} among its numbers: it must have numbers or words")
    more = f" and {len(strays) - 1} more cells are" if len(strays) > 1 else " is"
    return [f"Column {cut(name)} holds numbers, but {told}{more} no number: taken as missing."]


def _check_target(file: _File, place: int) -> None:
    name, words = file.form.names[place], words_of(file.columns[place])
    gaps = np.flatnonzero(words.isna())
    if len(gaps):
        cell = file.cell(gaps[0], place)
        none = f", and {brief(cell)} is none" if cell else ""
        raise ValueError(
            f"line {file.line(gaps[0])} has no value in the target column {brief(name)}: every row must have one{none}"
        )
    if words.nunique() < 2:
        raise ValueError(f"the target column {brief(name)} has one value, {cut(file.cell(0, place))}: it must have two or more")
