"""A network task: data, model and loss as one thing to be minimised."""

from collections.abc import Callable
from dataclasses import dataclass, field

from networks.data import Data
from networks.mlp import MLP


@dataclass(frozen=True)
class NetworkTask:
    """What is learned and by what. `load` gives the data of a seed, split and scaled."""

    key: str
    title: str
    load: Callable[[int], Data] = field(repr=False)
    model: MLP
    lr: float = 1e-2
