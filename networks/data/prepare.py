"""Tables of inputs and targets, and what is done to them before a training: split, filled, scaled, as tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, get_args, get_type_hints

import numpy as np
import torch
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import resample
from sklearn.utils.class_weight import compute_class_weight

from core.hyper import Hyper, declared
from core.words import brief, cut
from networks.data.encoding import Column, one_hot, parted, some_of

if TYPE_CHECKING:
    from networks.data.columns import Written

SCALED = {"none": "kept as it is", "standard": "scaled to mean 0, deviation 1", "minmax": "scaled to 0 to 1"}
"""What is told of each way to scale."""


@dataclass(frozen=True)
class Table:
    """Rows as their source has them.

    x           (rows, features) float64, or float32 for the pixels of large files; NaN is a missing value
    y           (rows,) int for classes, (rows, outputs) float for a regression
    classes     the names of the classes, in the order of their numbers; empty for a regression
    shape       of one input: (64,), (channels, height, width) of an image, (length, features) or (length,) of a sequence
    scaling     that suits it: "none" for pixels from 0 to 1 and for tokens
    vocabulary  the words that token numbers stand for; empty where inputs are measurements
    """

    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    scaling: Literal["none", "standard", "minmax"] = "standard"
    vocabulary: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileTable(Table):
    """Rows as a text file has them; numbers to predict are not yet in deviations, nor words ones and zeros.

    columns  what the features are; empty for pixels
    target   the name of the target
    remarks  a sentence for each thing that was found out about the file
    written  how the file is read again
    """

    columns: tuple[Column, ...] = ()
    target: str = ""
    remarks: tuple[str, ...] = ()
    written: "Written | None" = None


@dataclass(frozen=True)
class Data:
    """Three sets as tensors.

    x_*    (rows, features) float32, flat whatever `shape` says of one input; token numbers int64
    y_*    (rows,) int64 for classes; (rows, outputs) float32 for a regression
    notes  a sentence for each thing that was done to the rows, beside splitting and scaling them
    told   for each column of a file its name, what it holds, and what was done to it
    """

    x_train: torch.Tensor
    y_train: torch.Tensor
    x_val: torch.Tensor
    y_val: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor
    shape: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    told: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Preparation:
    """What is done to a table. Every statistic it needs is one of the training set alone.

    scaling   "standard": mean 0, deviation 1; "minmax": from 0 to 1; "own": as the table says; a constant feature becomes 0
    outliers  "clip": to Tukey's fences, 1.5 quartile ranges beyond the quartiles (Tukey, Exploratory Data Analysis, 1977)
    balance   "oversample": rows of the smaller classes are drawn again until all are as large as the largest
    folds     0: a simple split; k: beside the test set the rows are in k parts, and number `fold` is the validation set
    noise     normal noise on the training inputs, in deviations of the feature

    Raises ValueError, naming parameter, value and what is allowed.
    """

    scaling: Literal["own", "none", "standard", "minmax"] = "own"
    outliers: Literal["keep", "clip"] = "keep"
    balance: Literal["none", "oversample"] = "none"
    fold: int = 0
    folds: int = 0
    noise: Annotated[float, Hyper(0.01, 3, "log", off=0.0, help="Normal noise on the training inputs, in deviations.")] = 0.0

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(Preparation).items():
            allowed = get_args(kind)
            if allowed and getattr(self, name) not in allowed:
                raise ValueError(f"{name} = {getattr(self, name)!r} is not allowed: it must be one of {', '.join(allowed)}")
        if self.folds < 0 or self.folds == 1:
            raise ValueError(f"folds = {self.folds} is not allowed: it must be 2 or more, or 0 for a simple split")
        if not 0 <= self.fold < max(self.folds, 1):
            raise ValueError(f"fold = {self.fold} is not allowed: it must be from 0 to {max(self.folds, 1) - 1}")
        if not 0 <= self.noise < np.inf:
            raise ValueError(f"noise = {self.noise:g} is not allowed: it must be 0 or more, in deviations")


PREPARED: Mapping[str, Hyper] = declared(Preparation)
"""What people are offered of its numbers; more than that is allowed."""


def split(
    table: Table, seed: int, *, fold: int = 0, folds: int = 0, share: float = 0.15
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows of the training, validation and test set, `share` of all for each of the last two, classes in proportion.

    With folds the validation set is one of them; the test set is the same for all. Every set has one row or more of every
    class, of each fold's too. Raises ValueError where rows are too few for that.
    """
    rows, held = np.arange(len(table.y)), max(round(share * len(table.y)), 1)
    counts = np.bincount(table.y, minlength=len(table.classes)) if table.classes else np.array([len(rows)])
    rare = int(counts.argmin())
    what = f"class {table.classes[rare]}" if table.classes else "the table"
    if counts[rare] < 3:
        raise ValueError(f"{what} has {counts[rare]} rows: allowed are 3 or more, one for each of three sets")
    if held < len(table.classes):
        raise ValueError(f"{len(rows)} rows are too few for {len(counts)} classes: a set of {held} cannot hold one of each")
    y = table.y if table.classes else None
    rest, test = divided(rows, y, held, seed, left=2)
    if not folds:
        return *divided(rest, y, held, seed, left=1), test
    most = int(np.bincount(table.y[rest]).min()) if table.classes else len(rest)
    if folds > most:
        whose = "the smallest class" if table.classes else "the table"
        raise ValueError(
            f"folds = {folds} is not allowed: it must be from 2 to {most}, the rows of {whose} beside the test set"
        )
    cutter = StratifiedKFold if table.classes else KFold
    train, val = list(cutter(folds, shuffle=True, random_state=seed).split(rest, table.y[rest]))[fold]
    return rest[train], rest[val], test


def data_of(table: Table, seed: int, preparation: Preparation = Preparation()) -> Data:
    """The table split, missing values filled, outliers clipped, scaled, balanced and made noisy, in this order.

    Where it has columns, those of no use are left out, and words become ones and zeros, which are neither clipped nor scaled.

    Split, draws and noise come from `seed`. Raises ValueError for too few rows, for a feature that has no value in the
    training set, for columns of which none is of use, and for a preparation that the table does not admit.
    """
    wanted, y, notes = preparation, table.y, []
    scaling = table.scaling if wanted.scaling == "own" else wanted.scaling
    _check_admitted(table, wanted, scaling)
    train, val, test = split(table, seed, fold=wanted.fold, folds=wanted.folds)
    parts = [table.x[rows] for rows in (train, val, test)]
    file, hot, told = table if isinstance(table, FileTable) else None, None, ()
    if file and file.columns:
        parts, hot, told = _encoded(file.columns, parts, scaling)
    missing = sum(int(np.isnan(part).sum()) for part in parts)
    if missing:
        parts = _filled(parts)
        notes.append(f"{_were(missing, 'missing value')} filled with the median of their feature over the training set.")
    if wanted.outliers == "clip":
        parts, clipped = _clipped(parts)
        if clipped:
            notes.append(f"{_were(clipped, 'value')} set to 1.5 quartile ranges beyond the quartiles of the training set.")
    parts = _scaled(parts, scaling)
    if hot is not None:
        parts = [np.concatenate(pair, axis=1) for pair in zip(parts, hot, strict=True)]
    if file:
        told += (_target_told(file),)
        if not table.classes:
            y, note = in_deviations(y, train, file.target)
            notes.append(note)
        notes += file.remarks
    if wanted.balance == "oversample":
        again = _drawn_again(y[train], seed)
        train, parts[0] = np.concatenate([train, train[again]]), np.concatenate([parts[0], parts[0][again]])
        if len(again):
            notes.append(f"{_were(len(again), 'training row')} drawn again so that all classes have as many.")
    if wanted.noise:
        rng = np.random.default_rng([seed, 2])
        parts[0] = parts[0] + wanted.noise * parts[0].std(axis=0) * rng.standard_normal(parts[0].shape)
        notes.append(f"Normal noise of {wanted.noise:g} deviations was added to the training inputs.")
    inputs = [torch.tensor(part, dtype=torch.int64 if table.vocabulary else torch.float32) for part in parts]
    kind = torch.int64 if table.classes else torch.float32
    targets = [torch.tensor(y[rows], dtype=kind) for rows in (train, val, test)]
    return Data(
        x_train=inputs[0],
        y_train=targets[0],
        x_val=inputs[1],
        y_val=targets[1],
        x_test=inputs[2],
        y_test=targets[2],
        shape=table.shape if hot is None else (parts[0].shape[1],),
        classes=table.classes,
        vocabulary=table.vocabulary,
        notes=tuple(notes),
        told=told,
    )


def _check_admitted(table: Table, wanted: Preparation, scaling: str) -> None:
    if table.vocabulary and (scaling != "none" or wanted.outliers != "keep" or wanted.noise):
        raise ValueError("tokens are not measurements: allowed are no scaling, no clipping of outliers and no noise")
    if wanted.balance == "oversample" and not table.classes:
        raise ValueError("balance = 'oversample' is not allowed: the target is a number, so there are no classes to balance")


def _encoded(
    columns: Sequence[Column], parts: list[np.ndarray], scaling: str
) -> tuple[list[np.ndarray], list[np.ndarray], tuple[tuple[str, str, str], ...]]:
    """The measured columns of each set, those that words became, and for every column its name, kind and what became of it."""
    gone, measured, words = parted(columns, parts[0])
    hot, levels = one_hot([columns[i] for i in words], [part[:, words] for part in parts])
    parts = [part[:, measured] for part in parts]
    gaps = np.sum([np.isnan(part).sum(axis=0) for part in parts], axis=0).tolist()
    filled = [f"{gap} missing, filled with the median; " if gap else "" for gap in gaps]
    became = {i: f"left out: it {why}" for i, why in gone.items()} | dict(zip(words, levels, strict=True))
    became |= {i: f"{gap}{SCALED[scaling]}" for i, gap in zip(measured, filled, strict=True)}
    return parts, hot, tuple((cut(column.name), column.read, became[i]) for i, column in enumerate(columns))


def in_deviations(y: np.ndarray, train: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    """A target (rows, 1) in deviations from the mean, both of the training rows, and a sentence that tells them.

    Raises ValueError for one that is the same in all of them.
    """
    mean, deviation = float(y[train].mean()), float(y[train].std())
    if not deviation:
        raise ValueError(f"the target {brief(name)} has one value in the training rows, {mean:g}: it must have more")
    told = f"{cut(name)} is a number to predict, told in deviations: 0 is {mean:.4g}, 1 is {deviation:.4g} more."
    return (y - mean) / deviation, told


def class_weights(y_train: torch.Tensor | np.ndarray) -> np.ndarray:
    """(classes,): rows / (classes · rows of the class), with which all classes weigh alike; 1 on average over the rows.

    Classes without a row are not counted.
    """
    y = np.asarray(y_train)
    present = np.unique(y)
    weights = np.ones(present.max() + 1)
    weights[present] = compute_class_weight("balanced", classes=present, y=y)
    return weights


def divided(rows: np.ndarray, y: np.ndarray | None, held: int, seed: int, *, left: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows without so many of them, and those, at random; where there are classes `y`, in proportion.

    Those have one row of every class and leave `left` or more: where the draw gave a class fewer, its first row there changes
    places with one of the class that is most beyond its proportion.
    """
    rest, out = map(
        np.asarray, train_test_split(rows, test_size=held, random_state=seed, stratify=None if y is None else y[rows])
    )
    if y is None:
        return rest, out
    shares = np.bincount(y[rows]) / len(rows)
    for part, other, least in ((out, rest, 1), (rest, out, left)):
        while (lacking := np.flatnonzero((counts := np.bincount(y[part], minlength=len(shares))) < least * (shares > 0))).size:
            beyond = np.where(counts > least, counts - len(part) * shares, -np.inf).argmax()
            here, there = (y[part] == beyond).argmax(), (y[other] == lacking[0]).argmax()
            part[here], other[there] = other[there], part[here]
    return rest, out


def _target_told(table: FileTable) -> tuple[str, str, str]:
    """The target's line beside those of the columns."""
    many = len(table.classes)
    what = f"{many} classes: {some_of(table.classes)}" if many else "a number to predict, in deviations of the training rows"
    return cut(table.target), "the target", what


def _were(many: int, what: str) -> str:
    return f"{many} {what} was" if many == 1 else f"{many} {what}s were"


def _filled(parts: list[np.ndarray]) -> list[np.ndarray]:
    empty = np.isnan(parts[0]).all(axis=0)
    if empty.any():
        raise ValueError(
            f"feature {empty.argmax()} has no value in the training set: allowed is one or more, to fill the others"
        )
    imputer = SimpleImputer(strategy="median").fit(parts[0])
    return [np.asarray(imputer.transform(part)) for part in parts]


def _clipped(parts: list[np.ndarray]) -> tuple[list[np.ndarray], int]:
    """The parts within the fences, and how many values were not. A feature whose quartiles are equal has no fences."""
    low, high = np.quantile(parts[0], [0.25, 0.75], axis=0)
    reach = np.where(high > low, 1.5 * (high - low), np.inf)
    within = [part.clip(low - reach, high + reach) for part in parts]
    return within, sum(int((a != b).sum()) for a, b in zip(parts, within, strict=True))


def _scaled(parts: list[np.ndarray], scaling: str) -> list[np.ndarray]:
    if scaling == "none" or not parts[0].shape[1]:
        return parts
    scaler = (StandardScaler if scaling == "standard" else MinMaxScaler)().fit(parts[0])
    return [np.asarray(scaler.transform(part)) for part in parts]


def _drawn_again(y: np.ndarray, seed: int) -> np.ndarray:
    """The rows that every class lacks to be as large as the largest, drawn from its own with replacement."""
    counts = np.bincount(y)
    drawn = [np.empty(0, dtype=int)]
    for number in np.flatnonzero((counts > 0) & (counts < counts.max())):
        own, lack = np.flatnonzero(y == number), counts.max() - counts[number]
        drawn.append(np.asarray(resample(own, n_samples=lack, random_state=seed)))
    return np.concatenate(drawn)
