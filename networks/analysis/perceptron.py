"""How many mistakes a perceptron may make before it makes no more."""

import numpy as np
from scipy.optimize import linprog
from sklearn.svm import SVC

HARD = 1e8
"""The price of a point on the wrong side at which a separable set has none."""


def bound(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float] | None:
    """Radius R, margin γ and the most mistakes (R/γ)² on rows (rows, features) of classes 0 and 1; None if no line parts them.

    Of a perceptron with a bias, so of rows with a 1 behind (Novikoff, Symposium on the Mathematical Theory of Automata,
    1962). The margin is the largest there is, by a linear support vector machine without a bias.
    """
    rows, sign = np.column_stack([x, np.ones(len(x))]).astype(float), 2 * y - 1
    signed = rows * sign[:, None]
    if linprog(np.zeros(rows.shape[1]), -signed, -np.ones(len(rows)), bounds=(None, None)).status != 0:
        return None
    # An intercept that is not asked for: every point and its opposite, of opposite classes.
    machine = SVC(kernel="linear", C=HARD).fit(np.concatenate([rows, -rows]), np.concatenate([sign, -sign]))
    direction = machine.coef_[0]
    margin = float((signed @ direction).min() / np.linalg.norm(direction))
    radius = float(np.linalg.norm(rows, axis=1).max())
    return radius, margin, (radius / margin) ** 2
