"""Tables that look like those people try first: their columns, words, gaps and ways of writing, with drawn numbers."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

ROWS = 320


@dataclass(frozen=True)
class Lookalike:
    """A file, its target where that is not the last column, how many classes it has, and the columns that say nothing."""

    name: str
    content: bytes
    target: str
    classes: int
    dropped: tuple[str, ...] = ()


def written(
    names: Sequence[str] | None, rows: Sequence[Sequence[Any]], mark: str = ",", quoting: Any = csv.QUOTE_MINIMAL
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=mark, quoting=quoting, lineterminator="\n")
    writer.writerows([names, *rows] if names else rows)
    return text.getvalue()


class Draws:
    """Cells, many at a time, from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def words(self, *words: str, shares: Sequence[float] | None = None, rows: int = ROWS) -> list[str]:
        return self.rng.choice(words, rows, p=shares).tolist()

    def whole(self, low: int, high: int, rows: int = ROWS) -> list[int]:
        return self.rng.integers(low, high, rows, endpoint=True).tolist()

    def real(self, middle: float, spread: float, digits: int = 2, rows: int = ROWS) -> list[float]:
        return np.round(middle + spread * self.rng.normal(size=rows), digits).tolist()

    def gaps(self, cells: list[Any], share: float, mark: str = "") -> list[Any]:
        return [mark if gone else cell for cell, gone in zip(cells, self.rng.random(len(cells)) < share, strict=True)]


def rows_of(*columns: Sequence[Any]) -> list[tuple[Any, ...]]:
    return list(zip(*columns, strict=True))


def adult(draws: Draws) -> Lookalike:
    """No header, a space after each comma, question marks; words of many kinds."""
    age, hours = draws.whole(17, 90), draws.whole(1, 99)
    schools = ["Bachelors", "HS-grad", "11th", "Masters", "Some-college", "Assoc-acdm", "Doctorate", "9th"]
    rows = rows_of(
        age,
        draws.gaps(
            draws.words("Private", "Self-emp-not-inc", "Local-gov", "State-gov", shares=[0.7, 0.1, 0.1, 0.1]), 0.06, "?"
        ),
        draws.whole(12285, 1484705),
        draws.words(*schools),
        draws.whole(1, 16),
        draws.words("Married-civ-spouse", "Never-married", "Divorced", "Widowed"),
        draws.gaps(
            draws.words("Sales", "Exec-managerial", "Craft-repair", "Armed-Forces", shares=[0.4, 0.3, 0.299, 0.001]), 0.06, "?"
        ),
        draws.words("Husband", "Wife", "Own-child", "Unmarried"),
        draws.words("White", "Black", "Asian-Pac-Islander"),
        draws.words("Male", "Female"),
        [0 if draws.rng.random() < 0.9 else 7688 for _ in range(ROWS)],
        [0] * (ROWS - 5) + [1902] * 5,
        hours,
        draws.gaps(draws.words("United-States", "Mexico", "Germany", shares=[0.9, 0.06, 0.04]), 0.02, "?"),
        [">50K" if a + h > 110 + 20 * draws.rng.normal() else "<=50K" for a, h in zip(age, hours, strict=True)],
    )
    return Lookalike("adult.data", written(None, rows).replace(",", ", ").encode() + b"\n", "", 2)


def titanic(draws: Draws) -> Lookalike:
    """A counter, names with commas in quotes, tickets, cabins that are mostly missing, the target in the second column."""
    sex, ages = draws.words("male", "female"), draws.gaps(draws.real(30, 12, 1), 0.2)
    rows = rows_of(
        range(1, ROWS + 1),
        [int(draws.rng.random() < (0.75 if one == "female" else 0.2)) for one in sex],
        draws.whole(1, 3),
        [f"Braund{i}, Mr. Owen ({'Lily “May”' if i % 9 == 0 else 'Jo'})" for i in range(ROWS)],
        sex,
        ages,
        draws.whole(0, 5),
        draws.whole(0, 4),
        [f"A/5 {21000 + 7 * i}" for i in range(ROWS)],
        draws.real(32, 9, 4),
        [f"C{i}" if i % 5 == 0 else "" for i in range(ROWS)],
        draws.gaps(draws.words("S", "C", "Q"), 0.01),
    )
    names = ["PassengerId", "Survived", "Pclass", "Name", "Sex", "Age", "SibSp", "Parch", "Ticket", "Fare", "Cabin", "Embarked"]
    return Lookalike("titanic.csv", written(names, rows).encode(), "Survived", 2, ("PassengerId", "Name", "Ticket", "Cabin"))


def penguins(draws: Draws) -> Lookalike:
    """R's NA, an index of the rows without a name, the classes in order."""
    kinds = sorted(draws.words("Adelie", "Chinstrap", "Gentoo"))
    place = {"Adelie": 0, "Chinstrap": 1, "Gentoo": 2}
    rows = rows_of(
        range(1, ROWS + 1),
        draws.words("Biscoe", "Dream", "Torgersen"),
        draws.gaps([round(39 + 5 * place[kind] + draws.rng.normal(), 1) for kind in kinds], 0.02, "NA"),
        draws.gaps(draws.real(17, 2, 1), 0.02, "NA"),
        draws.gaps(draws.whole(172, 231), 0.02, "NA"),
        draws.gaps(draws.whole(2700, 6300), 0.02, "NA"),
        draws.gaps(draws.words("male", "female"), 0.03, "NA"),
        draws.whole(2007, 2009),
        kinds,
    )
    names = ["", "island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year", "species"]
    return Lookalike("penguins.csv", written(names, rows, quoting=csv.QUOTE_NONNUMERIC).encode(), "", 3, ("unnamed 1",))


def housing(draws: Draws) -> Lookalike:
    """California: a number to predict beside a word of few kinds."""
    income = draws.real(3.9, 1.2, 4)
    rows = rows_of(
        draws.real(-119.6, 2),
        draws.real(35.6, 2),
        draws.whole(1, 52),
        draws.whole(100, 9000),
        draws.gaps(draws.whole(50, 2000), 0.02),
        draws.whole(50, 4000),
        draws.whole(30, 1800),
        income,
        [round(40000 * one + 20000 * draws.rng.normal(), 1) for one in income],
        draws.words("<1H OCEAN", "INLAND", "NEAR OCEAN", "NEAR BAY"),
    )
    names = "longitude,latitude,housing_median_age,total_rooms,total_bedrooms,population,households,median_income"
    names = f"{names},median_house_value,ocean_proximity".split(",")
    return Lookalike("housing.csv", written(names, rows).encode(), "median_house_value", 0)


def bank(draws: Draws) -> Lookalike:
    """Semicolons, quotes around every word, yes and no, months by name."""
    rows = rows_of(
        draws.whole(18, 95),
        draws.words("admin.", "unknown", "management", "blue-collar", "retired"),
        draws.words("married", "single", "divorced"),
        draws.words("primary", "secondary", "tertiary", "unknown"),
        draws.words("no", "yes", shares=[0.9, 0.1]),
        draws.whole(-800, 9000),
        draws.words("no", "yes"),
        draws.words("cellular", "telephone", "unknown"),
        draws.whole(1, 31),
        draws.words("jan", "may", "nov", "oct"),
        duration := draws.whole(4, 3000),
        [-1 if draws.rng.random() < 0.8 else 180 for _ in range(ROWS)],
        ["yes" if one > 2200 else "no" for one in duration],
    )
    names = [
        "age",
        "job",
        "marital",
        "education",
        "default",
        "balance",
        "housing",
        "contact",
        "day",
        "month",
        "duration",
        "pdays",
        "y",
    ]
    return Lookalike("bank.csv", written(names, rows, ";", csv.QUOTE_NONNUMERIC).encode(), "", 2)


def abalone(draws: Draws) -> Lookalike:
    """No header, one word at the front, whole numbers with rare ends to predict."""
    length = draws.real(0.52, 0.12, 3)
    rings = [max(1, round(10 + 20 * (one - 0.52) + 2.5 * draws.rng.normal())) for one in length]
    measures = [draws.real(0.4, 0.1, 4) for _ in range(5)]
    rows = rows_of(draws.words("M", "F", "I"), length, *measures, rings)
    return Lookalike("abalone.data", written(None, rows).encode(), "", 0)


def winequality(draws: Draws) -> Lookalike:
    """Semicolons, names in quotes with spaces, marks from 3 to 8 as classes."""
    names = ["fixed acidity", "volatile acidity", "citric acid", "residual sugar", "chlorides", "pH", "alcohol", "quality"]
    alcohol = draws.real(10.4, 1, 1)
    marks = [int(np.clip(round(one - 5 + draws.rng.normal()), 3, 8)) for one in alcohol]
    rows = rows_of(*(draws.real(3 + i, 0.7) for i in range(6)), alcohol, marks)
    rows += [(*rows[0][:-1], mark) for mark in range(3, 9) for _ in range(3)]
    return Lookalike("winequality-red.csv", written(names, rows, ";", csv.QUOTE_NONNUMERIC).encode(), "", 6)


def air_quality(draws: Draws) -> Lookalike:
    """Decimal commas, dates and times, two empty columns and empty rows at the end, -200 for what was not measured."""
    hours = [f"{i % 24:02d}.00.00" for i in range(18, 18 + ROWS)]
    days = [f"{10 + (18 + i) // 24:02d}/03/2004" for i in range(ROWS)]
    carbon, benzene = draws.real(2.2, 0.9, 1), draws.real(10, 4, 1)
    rows = rows_of(
        days,
        hours,
        draws.gaps(carbon, 0.1, "-200"),
        draws.whole(600, 2000),
        draws.gaps(benzene, 0.05, "-200"),
        draws.real(18, 6, 1),
        draws.real(49, 15, 1),
        [round(0.1 * one + 0.5 + 0.05 * draws.rng.normal(), 4) for one in carbon],
        [""] * ROWS,
        [""] * ROWS,
    )
    cells = [[str(cell).replace(".", ",") if isinstance(cell, float) else cell for cell in row] for row in rows]
    names = ["Date", "Time", "CO(GT)", "PT08.S1(CO)", "C6H6(GT)", "T", "RH", "AH", "", ""]
    text = written(names, cells, ";").replace("\n", "\r\n") + ";;;;;;;;;\r\n" * 7
    return Lookalike("AirQualityUCI.csv", text.encode(), "AH", 0, ("unnamed 9", "unnamed 10"))


def cleveland(draws: Draws) -> Lookalike:
    """No header, numbers alone, question marks, a target from 0 to 4."""
    age = draws.real(54, 9, 1)
    rows = rows_of(
        age,
        draws.whole(0, 1),
        draws.whole(1, 4),
        draws.real(131, 17, 1),
        draws.real(246, 51, 1),
        draws.whole(0, 1),
        draws.real(149, 22, 1),
        draws.gaps([f"{one}.0" for one in draws.whole(0, 3)], 0.02, "?"),
        draws.gaps([f"{(3, 6, 7)[one]}.0" for one in draws.whole(0, 2)], 0.02, "?"),
        [int(np.clip(round((one - 50) / 8 + draws.rng.normal()), 0, 4)) for one in age],
    )
    return Lookalike("processed.cleveland.data", written(None, rows).encode(), "", 5)


def credit_card(draws: Draws) -> Lookalike:
    """Two fraudulent payments in a thousand."""
    many = 3000
    fraud = [int(i % 500 == 7) for i in range(many)]
    columns = [
        [round(value + 3 * bad, 6) for value, bad in zip(draws.real(0, 1, 6, many), fraud, strict=True)] for _ in range(6)
    ]
    rows = rows_of(sorted(draws.whole(0, 172792, many)), *columns, draws.real(88, 20, 2, many), fraud)
    names = ["Time", *(f"V{i}" for i in range(1, 7)), "Amount", "Class"]
    return Lookalike("creditcard.csv", written(names, rows, quoting=csv.QUOTE_NONE).encode(), "", 2)


def emnist_letters(draws: Draws) -> Lookalike:
    """No header, a label from 1 to 26, then 28×28 pixels."""
    letters = draws.rng.integers(0, 256, (26, 784)) * (draws.rng.random((26, 784)) < 0.2)
    labels = np.arange(ROWS) % 26
    pixels = (letters[labels] * draws.rng.uniform(0.6, 1, (ROWS, 1))).astype(int)
    return Lookalike("emnist-letters-train.csv", written(None, np.c_[labels + 1, pixels].tolist()).encode(), "", 26)


def sonar(draws: Draws) -> Lookalike:
    """No header, sixty numbers, a letter."""
    kinds = draws.words("R", "M", rows=208)
    rows = [[*np.round(draws.rng.uniform(0, 1, 60) * (0.6 + 0.4 * (kind == "M")), 4).tolist(), kind] for kind in kinds]
    return Lookalike("sonar.all-data", written(None, rows).encode(), "", 2)


MAKERS: tuple[Callable[[Draws], Lookalike], ...] = (
    adult,
    titanic,
    penguins,
    housing,
    bank,
    abalone,
    winequality,
    air_quality,
    cleveland,
    credit_card,
    emnist_letters,
    sonar,
)
LOOKALIKES = [make(Draws(i)) for i, make in enumerate(MAKERS)]
