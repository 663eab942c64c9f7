"""Tables in text files: however they are written, they are the same table; what will not do is told with its line."""

import math
import re

import numpy as np
import pytest

from networks.data.columns import MOST_CLASSES, Reading, understood
from networks.data.delimited import MISSING, MOST_COLUMNS, cells_of, form_of, lines_of
from networks.data.prepare import data_of
from networks.data.text_table import csv_table
from tests.lookalikes import LOOKALIKES

WORDS = ("yes", "no")


def csv_of(rows: int = 12, head: str = "a,b,kind", row: str = "{number},{half},{word}") -> str:
    """Rows of a number that counts nothing, half their count, and a word."""
    lines = [row.format(i=i, number=i * i - 5, half=i / 2, word=WORDS[i % 2]) for i in range(rows)]
    return "\n".join([*([head] if head else []), *lines])


USUAL = csv_table(csv_of())


def test_words_in_the_last_column_are_classes():
    np.testing.assert_array_equal(USUAL.x, np.stack([np.arange(12) ** 2 - 5, np.arange(12) / 2], axis=1))
    assert USUAL.classes == ("no", "yes")
    assert USUAL.y.tolist() == [1, 0] * 6
    assert (USUAL.shape, USUAL.scaling, USUAL.target) == ((2,), "standard", "kind")


def decimal_commas(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace(",", "|"),
        lambda text: text.replace(",", ", "),
        lambda text: text.replace(",", " , "),
        lambda text: text.replace("\n", "\r\n") + "\r\n\r\n",
        lambda text: text.replace("\n", "\r"),
        lambda text: "\ufeff" + text,
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-32"),
        lambda text: text.replace("yes", '"yes"'),
        lambda text: re.sub(r"[^,\n]+", r'"\g<0>"', text),
        lambda text: text + "\n,,\n",
        lambda text: "\n ,,\n" + text,
        lambda text: text.replace("\n", ",\n") + ",",
        lambda text: text.replace("\n", ",\n").replace(",\n", "\n", 1) + ",",
        lambda text: "sep=;\n" + text.replace(",", ";"),
        lambda text: "sep=^\r\n" + text.replace(",", "^").replace("\n", "\r\n"),
        lambda text: '"SEP=,"\n' + text.replace('"SEP', "SEP"),
        decimal_commas,
        lambda text: "sep=;\n" + decimal_commas(text),
        lambda text: re.sub(r"(\d+)\.(\d)", r'"\1,\2"', text),
    ],
)
@pytest.mark.parametrize("headed", [True, False])
def test_other_ways_to_write_it_are_the_same_table(change, headed):
    table = csv_table(change(csv_of() if headed else csv_of(head="")))
    features = [i for i, column in enumerate(table.columns) if not column.name.startswith(("unnamed", "column 4"))]
    np.testing.assert_array_equal(table.x[:, features], USUAL.x)
    np.testing.assert_array_equal(table.y, USUAL.y)
    assert table.classes == USUAL.classes
    assert [table.columns[i].name for i in features] == (["a", "b"] if headed else ["column 1", "column 2"])


def test_letters_of_windows_are_read_and_said():
    table = csv_table(csv_of(row="{number},{half},{word}é").encode("cp1252"))
    assert table.classes == ("noé", "yesé")
    assert table.remarks == ("Commas part the columns; the first line names them; the letters are read as Windows-1252.",)


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("head", ["Weight, kg;Height, cm;Class", "Weight, kg;Height, cm, barefoot;Class, at last"])
def test_commas_in_names_part_nothing(head, decimal):
    rows = csv_of(head="", row="{number}.5;{half};{word}").replace(".", decimal)
    table = csv_table(f"{head}\n{rows}")
    assert [column.name for column in table.columns] == head.split(";")[:2]
    np.testing.assert_array_equal(table.x[:, 1], USUAL.x[:, 1])


def test_quoted_cells_may_hold_anything():
    text = csv_of(head='"a ""b"", c\nd",b,kind', row='"{number}","x,\n;{word}",{word}')
    table = csv_table(text)
    assert [column.name for column in table.columns] == ['a "b", c\nd', "b"]
    assert table.columns[1].levels == ("x,\n;no", "x,\n;yes")
    with pytest.raises(ValueError, match="line 27 has 2 cells"):  # every row takes two lines
        csv_table(f"{text}\n1,2")


@pytest.mark.parametrize("head", ["country,1990,2000,2010,kind", "country,7,income,level,kind", "country,0,1,2,kind"])
def test_numbers_among_the_names_are_names(head):
    rows = csv_of(head="", row="C{i},{half},{number}.5,3{half},{word}")
    assert [column.name for column in csv_table(f"{head}\n{rows}").columns] == head.split(",")[:4]


@pytest.mark.parametrize("head", ["0,1,2,3", "1,2,3,4", "1990,2000,2010,2020"])
def test_names_may_be_numbers_alone(head):
    rows = csv_of(head="", row="{half},{number}.5,3{half},{number}")
    assert [column.name for column in csv_table(f"{head}\n{rows}").columns] == head.split(",")[:3]


@pytest.mark.parametrize(
    "row",
    [
        "{number},{half},{number}",
        "{word},{half},{word}",
        "{i}7,2020-01-1{word},{word}",
        "C{i},{half},{word}",
        "{word},x,{word}",
    ],
)
def test_a_first_row_like_the_others_is_no_header(row):
    table = csv_table(csv_of(head="", row=row))
    assert len(table.y) == 12
    assert table.target == "column 3"


def test_the_target_is_a_column_by_name():
    table = csv_table(csv_of(head="kind,b,c", row="{word},{half},{number}"), target="kind")
    assert table.classes == ("no", "yes")
    np.testing.assert_array_equal(table.x[:, 1], np.arange(12) ** 2 - 5)
    assert csv_table(csv_of(head="", row="{word},{half},{number}"), target="column 1").classes == ("no", "yes")


@pytest.mark.parametrize("mark", sorted(MISSING - {""}))
@pytest.mark.parametrize("write", [str.lower, str.upper])
def test_marks_are_missing_values(mark, write):
    text = csv_of(30, row="{number},{half},{word}").split("\n")
    for i in (3, 7, 8):
        text[i] = f"{write(mark)},,{WORDS[(i + 1) % 2]}"
    table = csv_table("\n".join(text))
    assert np.isnan(table.x).sum(axis=0).tolist() == [3, 3]
    assert [column.read for column in table.columns] == ["numbers"] * 2
    assert "6 missing values were filled" in data_of(table, 0).notes[0]


# Numbers


@pytest.mark.parametrize(
    ("cells", "values", "read"),
    [
        (["5", "-3.5", "+2e1", ".5", "5."], [5, -3.5, 20, 0.5, 5], "numbers"),
        (["5,0", "-3,25", ",5", "7"], [5, -3.25, 0.5, 7], "numbers with decimal commas"),
        (["1.234,5", "7,25", "1.000.000,0"], [1234.5, 7.25, 1e6], "numbers with decimal commas"),
        (["1,234,567", "1,000.5", "7"], [1234567, 1000.5, 7], "numbers with commas between thousands"),
        (["True", "false", "TRUE"], [1, 0, 1], "true is 1, the other 0"),
        (["Yes", "no", "no"], [1, 0, 0], "yes is 1, the other 0"),
        (["t", "f"], [1, 0], "t is 1, the other 0"),
        (["0", "1"], [0, 1], "numbers"),
    ],
)
def test_cells_are_numbers(cells, values, read):
    text = "a;b;kind\n" + "\n".join(f"{cells[i % len(cells)]};{i * i};{WORDS[i % 2]}" for i in range(5 * len(cells)))
    table = csv_table(text)
    np.testing.assert_allclose(table.x[:, 0], values * 5)
    assert table.columns[0].read == read


@pytest.mark.parametrize("cell", ["1_000", "0x1F", "١٢", "1e5_0", "twelve", "12 kg"])
def test_what_python_takes_for_a_number_and_people_do_not_is_none(cell):
    cells = [f"{i * i}.5" for i in range(40)]
    cells[4] = cell
    table = csv_table("a,kind\n" + "\n".join(f"{one},{WORDS[i % 2]}" for i, one in enumerate(cells)))
    assert np.isnan(table.x[4, 0])
    assert f"Column a holds numbers, but {cell!r} in line 6 is no number: taken as missing." in table.remarks
    with pytest.raises(ValueError, match=f"the target column 'a' has '{cell}' in line 6 among its numbers"):
        csv_table("b,a\n" + "\n".join(f"{i % 7},{one}" for i, one in enumerate(cells)))


def test_a_column_of_such_numbers_is_one_of_words():
    table = csv_table(csv_of(row="1_{i}00,{half},{word}"))
    assert table.columns[0].levels[0] == "1_000"


@pytest.mark.parametrize(("column", "cell"), [("a", "1e200"), ("a", "-inf"), ("b", "1e31"), ("b", "Infinity"), ("a", "1e999")])
def test_numbers_that_no_training_holds_are_refused(column, cell):
    rows = [[str(i * i), str(2 * i + 0.5)] for i in range(20)]
    rows[4]["ab".index(column)] = cell
    infinite = ", not infinite" if math.isinf(float(cell)) else ""
    with pytest.raises(ValueError, match=rf"'{column}' has '{cell}' in line 6: numbers must be within ±1e\+30{infinite}$"):
        csv_table("a,b\n" + "\n".join(map(",".join, rows)))


# Dates


@pytest.mark.parametrize(
    ("cells", "days", "read"),
    [
        (["2020-03-14", "2021-12-01"], [18335, 18962], "year-month-day"),
        (["14/03/2020", "01/12/2021"], [18335, 18962], "day/month/year"),
        (["03/14/2020", "12/01/2021"], [18335, 18962], "month/day/year"),
        (["14.3.2020", "1.12.2021"], [18335, 18962], "day.month.year"),
        (["14-Mar-2020", "01-Dec-2021"], [18335, 18962], "day-month-year"),
        (["March 14, 2020", "December 1, 2021"], [18335, 18962], "month day, year"),
        (["2020-03-14 12:00", "2021-12-01 18:00"], [18335.5, 18962.75], "year-month-day"),
        (["2020-03-14T12:00:00Z", "2021-12-01T18:00:00Z"], [18335.5, 18962.75], "year-month-day"),
    ],
)
def test_dates_are_days_months_and_weekdays(cells, days, read):
    table = csv_table(f"when;kind\n{chr(10).join(f'{cells[i % 2]};{WORDS[i % 2]}' for i in range(12))}")
    parts = dict(zip((column.name for column in table.columns), table.x[:2].T.tolist(), strict=True))
    assert parts["when: days since 1970"] == days
    assert parts["when: month"] == [3, 12]
    assert parts["when: weekday"] == [5, 2]  # a Saturday and a Wednesday, from Monday = 0
    assert parts.get("when: hour", [0, 0]) == [24 * (day % 1) for day in days]
    assert {column.read for column in table.columns} == {f"dates, {read}"}


def test_times_are_hours():
    table = csv_table("when;kind\n" + "\n".join(f"{i}.30.00;{WORDS[i % 2]}" for i in range(12)))
    assert table.columns[0].name == "when: hour"
    np.testing.assert_allclose(table.x[:, 0], np.arange(12) + 0.5)


# Targets


@pytest.mark.parametrize(
    ("targets", "classes"),
    [
        ([3, 1, 2] * 4, ("1", "2", "3")),
        (["1.0", "0.0"] * 6, ("0", "1")),
        ([-1, 1] * 6, ("-1", "1")),
        ([10, 30, 70] * 5, ("10", "30", "70")),
        ([0.5, 1.5] * 6, ()),
        (list(range(12)), ()),
        (list(range(20)) * 3, tuple(map(str, range(20)))),
        (list(range(21)) * 3, ()),
        (list(range(1, 27)) * 5, tuple(map(str, range(1, 27)))),
        (list(range(100)) * 5, tuple(map(str, range(100)))),
        ([*range(18, 60)] * 5, ()),
        ([5, 6, 7] * 9 + [8], ()),
        ([0] * 30 + [1], ("0", "1")),
    ],
)
def test_few_whole_numbers_are_classes_and_others_are_numbers(targets, classes):
    table = csv_table("\n".join(["x,y", *(f"{i % 11},{target}" for i, target in enumerate(targets))]))
    assert table.classes == classes
    values = np.array(targets, dtype=float)
    if classes:
        np.testing.assert_array_equal(np.array(classes, dtype=float)[table.y], values)
    else:
        np.testing.assert_array_equal(table.y[:, 0], values)
    if targets[-1] == 8:
        assert table.remarks[-1] == "Few rows have y = 8, so it is a number to predict and no class."


def test_a_number_to_predict_is_in_deviations_of_the_training_rows():
    data = data_of(csv_table("x,price\n" + "\n".join(f"{i % 11},{i * i}.5" for i in range(60))), 0)
    assert data.y_train.mean().item() == pytest.approx(0, abs=1e-6)
    assert data.y_train.std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert data.y_val.mean().item() != pytest.approx(0, abs=1e-3)
    mean, deviation = map(float, re.findall(r"0 is (\S+), 1 is (\S+) more", data.notes[0])[0])
    known = sorted(deviation * value + mean for value in data.y_val[:, 0].tolist())
    np.testing.assert_allclose(np.sqrt(np.array(known) - 0.5) % 1, 0.5, atol=0.5)
    assert data.told[-1] == ("price", "the target", "a number to predict, in deviations of the training rows")


# What will not do


@pytest.mark.parametrize(
    ("text", "target", "told"),
    [
        ("", None, "the file is empty: it must have a line for each row"),
        ("\n \n", None, "the file is empty"),
        ("sep=;\n", None, "the file is empty"),
        ("a\n1\n2", None, "the file has one column: it must have two or more"),
        (csv_of(9), None, "9 rows are too few: there must be 10 or more"),
        (csv_of(0), None, "0 rows are too few"),
        (csv_of() + "\n1,2", None, "line 14 has 2 cells: it must have 3, like the first"),
        (csv_of() + "\n1,2,3,4", None, "line 14 has 4 cells"),
        ("\n\n" + csv_of() + "\n\n1,2,3,4", None, "line 17 has 4 cells"),
        ((csv_of() + "\n1,2").replace("\n", "\r"), None, "line 14 has 2 cells"),
        ("sep=,\n" + csv_of() + "\n1,2", None, "line 15 has 2 cells"),
        ("a,b,c,d,e\n" + csv_of(head=""), None, "line 1 has 5 cells: it must have 3, like those below"),
        (csv_of(), "weight", "target = 'weight' is not allowed: it must be one of a, b, kind"),
        (csv_of(head="a,a,kind"), None, "two columns are called 'a': every column must have its own name"),
        (csv_of(row="{number},inf,{word}"), None, "column 'b' has 'inf' in line 2"),
        (csv_of(row=",,{word}"), None, "no column beside the target says anything: 'a' has no value in the training rows"),
        (
            csv_of() + "\n1,2,?",
            None,
            "line 14 has no value in the target column 'kind': every row must have one, and '[?]' is none",
        ),
        (csv_of() + "\n1,2,", None, "line 14 has no value in the target column 'kind': every row must have one$"),
        (csv_of(row="{number},{half},same"), None, "the target column 'kind' has one value, same: it must have two or more"),
        (csv_of(row="{number},{half},7"), None, "the target column 'kind' has one value, 7"),
        (csv_of() + "\n1,2," + "x" * 200_000, None, "line 14 is not CSV: field larger than field limit"),
        (csv_of() + '\n1,2,"yes', None, "a quotation mark opens and does not close"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None, "the file is not text: a spreadsheet must be saved as CSV first"),
        (b"PK\x03\x04\x14\0\x06\0", None, "the file is not text"),
        ("x" * 70_000, None, "line 1 has 70000 letters: allowed are at most 65536"),
    ],
)
def test_a_bad_table_is_refused(text, target, told):
    with pytest.raises(ValueError, match=told):
        data_of(csv_table(text, target), 0)


def test_a_class_of_one_row_is_refused_when_it_is_split():
    with pytest.raises(ValueError, match="class perhaps has 1 rows: allowed are 3 or more"):
        data_of(csv_table(csv_of() + "\n1,2,perhaps"), 0)


@pytest.mark.parametrize("columns", [MOST_COLUMNS + 1, 257, 1024, 60_000, 150_000])
@pytest.mark.parametrize("named", [True, False])
def test_too_many_columns_are_refused_before_they_are_read(monkeypatch, columns, named):
    monkeypatch.setattr("networks.data.text_table.understood", lambda *_: pytest.fail("columns are read"))
    if columns > 1025:
        monkeypatch.setattr("csv.reader", lambda *_, **__: pytest.fail("cells are cut"))
    head = ",".join(f"name {i}" if named else f"-{i}" for i in range(columns))
    with pytest.raises(
        ValueError, match=f"the table has {columns} columns: allowed are at most {MOST_COLUMNS}, or a label and"
    ):
        csv_table("\n".join([head] + [",".join(["-1"] * min(columns, 1024))] * 12))


def test_as_many_columns_as_are_allowed_are_read():
    head = ",".join(f"name {i}" for i in range(MOST_COLUMNS))
    rows = [",".join(str((i + 3) * (j + 2) % 7) for j in range(MOST_COLUMNS)) for i in range(21)]
    assert csv_table("\n".join([head, *rows])).x.shape == (21, MOST_COLUMNS - 1)


@pytest.mark.parametrize(("classes", "written"), [(MOST_CLASSES + 1, "w{}"), (13_000, "w{}"), (MOST_CLASSES + 1, "{}")])
def test_too_many_classes_are_refused_or_numbers(classes, written):
    text = "a,kind\n" + "\n".join(f"{i % 17},{written.format(i % classes)}" for i in range(10 * classes))
    with pytest.raises(ValueError, match=f"'kind' has {classes} classes in {10 * classes} rows: allowed are at most 100"):
        csv_table(text)


def test_rows_times_classes_are_bounded(monkeypatch):
    monkeypatch.setattr("networks.data.encoding.MOST_NUMBERS", 23)
    with pytest.raises(ValueError, match="12 rows of 2 features or classes are 24 numbers: allowed are at most 23"):
        csv_table(csv_of())


# Forms of their own


def test_lines_and_rows_keep_together():
    text = 'a,b\n\n1,"x\ny"\n\n,\n2,z\n'
    form = form_of(text)
    columns, lines = cells_of(text, form), lines_of(text, form)
    assert [int(lines[i]) for i in columns[0].index] == [4, 7]
    assert columns[1].tolist() == ["x\ny", "z"]


def test_pixels_and_a_label_are_images():
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (40, 256)), np.arange(40) % 4 + 1
    files = {
        "no names": (np.c_[labels, pixels], None),
        "names": (np.c_[labels, pixels], ",".join(["label", *(f"pixel{i}" for i in range(256))])),
        "label last": (np.c_[pixels, labels], ",".join([*(f"p{i}" for i in range(256)), "Class"])),
    }
    for rows, head in files.values():
        table = csv_table("\n".join([*([head] if head else []), *(",".join(map(str, row)) for row in rows.tolist())]))
        assert (table.shape, table.classes, table.scaling) == ((1, 16, 16), ("1", "2", "3", "4"), "none")
        np.testing.assert_allclose(table.x * 255, pixels, rtol=1e-6)
        assert table.remarks[-1] == "256 columns are the pixels of images, 16×16."


@pytest.mark.parametrize("lookalike", LOOKALIKES, ids=lambda one: one.name)
def test_tables_that_people_try_first_are_read_and_every_column_is_told(lookalike):
    table = csv_table(lookalike.content, lookalike.target or None)
    assert len(table.classes) == lookalike.classes
    data = data_of(table, 0)
    assert all(np.isfinite(getattr(data, name).numpy()).all() for name in ("x_train", "x_val", "x_test"))
    dropped = tuple(name for name, _, became in data.told if became.startswith("left out") and ": " not in name)
    assert dropped == lookalike.dropped
    assert len(data.told) == len(table.columns) + 1
    assert len(data.told) > 1 or table.shape == (1, 28, 28)


def test_every_kind_of_column_is_judged_by_its_words():
    columns = cells_of(text := "n;d;w;y\n1,5;2020-01-02;x;yes\n2,5;2020-02-03;y;no\n", form_of(text))
    kinds = [understood(cells, ";") for cells in columns]
    assert kinds == [Reading("numbers", ","), Reading("dates", "%Y-%m-%d"), Reading("words"), Reading("yes or no", "yes")]


LONG = "letters " * 700
"""Too long for any sentence, and not for a line of a file."""


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (csv_of(head=f"{LONG},{LONG},kind"), None),
        (csv_of(head=f"{LONG},b,kind", row="inf,{half},{word}"), None),
        (csv_of(), LONG),
        (csv_of(head=f"a,b,{LONG}") + "\n1,2,?", None),
        (csv_of(head=f"a,b,{LONG}", row="{number},{half}," + LONG), None),
        (csv_of(head=f"{LONG},{LONG}b,kind", row=LONG + ",7,{word}"), None),
        (f"b,{LONG}\n" + "\n".join(f"{i % 7},{LONG if i == 3 else i * i}" for i in range(40)), None),
        (csv_of(head=f"a,b,{LONG}"), "c"),
        (f"a,{LONG}\n" + "\n".join(f"{i % 7},w{i}" for i in range(200)), None),
    ],
)
def test_words_of_a_file_are_cut_in_every_sentence(text, target):
    with pytest.raises(ValueError, match=r"…") as told:
        data_of(csv_table(text, target), 0)
    assert len(str(told.value)) < 300


def test_words_of_a_file_are_cut_where_columns_are_told():
    rows = "\n".join(f"{i * i if i != 9 else LONG},{LONG}{WORDS[i % 2]},{i % 7}.5" for i in range(40))
    data = data_of(csv_table(f"{LONG}1,{LONG}2,{LONG}3\n{rows}"), 0)
    assert max(len(text) for line in data.told for text in line) < 150
    assert max(map(len, data.notes)) < 200
