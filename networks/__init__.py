"""Small real networks, trained side by side by the rules of optimizers/. The only folder that imports torch."""

from collections.abc import Mapping
from types import MappingProxyType

from networks import data
from networks.mlp import MLP
from networks.task import NetworkTask
from networks.train import Training, train

_EVERY = (
    NetworkTask("digits_mlp", "Digits, 64-32-16-10", data.digits, MLP((64, 32, 16, 10))),
    NetworkTask("digits_softmax", "Digits, logistic regression", data.digits, MLP((64, 10))),
    NetworkTask("moons_mlp", "Moons, 2-16-16-2", data.moons, MLP((2, 16, 16, 2), "tanh")),
    NetworkTask("circles_mlp", "Circles, 2-16-16-2", data.circles, MLP((2, 16, 16, 2), "tanh")),
    NetworkTask("spiral_mlp", "Spiral, 2-32-32-2", data.spiral, MLP((2, 32, 32, 2), "tanh")),
    NetworkTask("cancer_mlp", "Breast cancer, 30-16-2", data.breast_cancer, MLP((30, 16, 2))),
    NetworkTask("wine_mlp", "Wine, 13-16-3", data.wine, MLP((13, 16, 3))),
    NetworkTask("iris_mlp", "Iris, 4-8-3", data.iris, MLP((4, 8, 3))),
    NetworkTask("diabetes_mlp", "Diabetes, 10-16-1", data.diabetes, MLP((10, 16, 1), classes=False)),
)
TASKS: Mapping[str, NetworkTask] = MappingProxyType({task.key: task for task in _EVERY})

__all__ = ["MLP", "TASKS", "NetworkTask", "Training", "train"]
