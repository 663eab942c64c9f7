"""Data sets that need no network: scikit-learn's own, and points in the plane. Split, scaled, as tensors."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn import datasets
from sklearn.model_selection import train_test_split


@dataclass(frozen=True)
class Data:
    """Inputs (rows, features) float32 and, for classes, targets (rows,) int64; for a regression targets (rows, 1) float32."""

    x_train: torch.Tensor
    y_train: torch.Tensor
    x_val: torch.Tensor
    y_val: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor


def split(x: np.ndarray, y: np.ndarray, *, seed: int, share: float = 0.15) -> Data:
    """Train, validation and test sets, `share` of the rows for each of the last two, classes in the same proportions.

    Raises ValueError where a class has too few rows for three sets.
    """
    classes = y.dtype.kind in "iu"
    if classes and np.bincount(y).min() < 3:
        rare = int(np.bincount(y).argmin())
        raise ValueError(f"class {rare} has {np.bincount(y)[rare]} rows: allowed are 3 or more, one for each of three sets")
    many = max(round(share * len(x)), 1)
    x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=many, random_state=seed, stratify=y if classes else None)
    parts = train_test_split(x_rest, y_rest, test_size=many, random_state=seed, stratify=y_rest if classes else None)
    x_train, x_val, y_train, y_val = parts
    inputs = [torch.tensor(part, dtype=torch.float32) for part in (x_train, x_val, x_test)]
    kind = torch.int64 if classes else torch.float32
    targets = [torch.tensor(part, dtype=kind) for part in (y_train, y_val, y_test)]
    return Data(inputs[0], targets[0], inputs[1], targets[1], inputs[2], targets[2])


def standardised(data: Data) -> Data:
    """Every feature with mean 0 and deviation 1 over the training set; a constant feature becomes 0."""
    mean, deviation = data.x_train.mean(0), data.x_train.std(0, correction=0)
    deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    x_train, x_val, x_test = ((x - mean) / deviation for x in (data.x_train, data.x_val, data.x_test))
    return Data(x_train, data.y_train, x_val, data.y_val, x_test, data.y_test)


def digits(seed: int) -> Data:
    """1797 handwritten digits, 8×8 pixels from 0 to 1 (Alpaydin & Kaynak, UCI, 1998)."""
    found = datasets.load_digits()
    return split(found.data / 16.0, found.target, seed=seed)


def breast_cancer(seed: int) -> Data:
    """569 tumours, 30 features, 2 classes (Wolberg, Street & Mangasarian, UCI, 1995)."""
    found = datasets.load_breast_cancer()
    return standardised(split(found.data, found.target, seed=seed))


def wine(seed: int) -> Data:
    """178 wines, 13 features, 3 classes (Aeberhard & Forina, UCI, 1991)."""
    found = datasets.load_wine()
    return standardised(split(found.data, found.target, seed=seed))


def iris(seed: int) -> Data:
    """150 irises, 4 features, 3 classes (Fisher, 1936)."""
    found = datasets.load_iris()
    return standardised(split(found.data, found.target, seed=seed))


def diabetes(seed: int) -> Data:
    """442 patients, 10 features, a number to predict, in deviations (Efron et al., Annals of Statistics 32, 2004)."""
    found = datasets.load_diabetes()
    target = (found.target - found.target.mean()) / found.target.std()
    return standardised(split(found.data, target[:, None], seed=seed))


def moons(seed: int) -> Data:
    """600 points of two half circles that reach into each other."""
    x, y = datasets.make_moons(600, noise=0.15, random_state=seed)
    return standardised(split(x, y, seed=seed))


def circles(seed: int) -> Data:
    """600 points of two rings, one within the other."""
    x, y = datasets.make_circles(600, noise=0.08, factor=0.5, random_state=seed)
    return standardised(split(x, y, seed=seed))


def spiral(seed: int) -> Data:
    """600 points of two spirals that wind round each other."""
    rng = np.random.default_rng(seed)
    y = np.arange(600) % 2
    turn = 3 * np.pi * np.sqrt(rng.random(600))
    x = (turn / (3 * np.pi))[:, None] * np.stack([np.cos(turn + np.pi * y), np.sin(turn + np.pi * y)], axis=1)
    return standardised(split(x + rng.normal(0, 0.03, x.shape), y, seed=seed))
