"""What a rule may ask for beside the gradient, by the name of a keyword, and how it is come by: told once, for every problem.

A rule that asks only for what is the same coordinate by coordinate is elementwise and never sees an axis. One that asks for
anything that belongs to a run as a whole sees all coordinates together: its arrays are (runs, parameters), and what is one
number a run is (runs, 1), so that the two broadcast.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from core.maths import sqrt

KINDS = ("value", "grad", "hessian", "hvp")
"""What an objective may be asked for: losses, gradients, Hessians, and their products with a vector."""


@dataclass(frozen=True)
class Knowledge:
    """One thing that a rule may ask for.

    `together`: it belongs to a run as a whole; `called`: it is a function; `of` names what the objective must have, any one of
    them will do, and `lacking` says in words that it has not.
    """

    name: str
    what: str
    together: bool = True
    called: bool = False
    of: tuple[str, ...] = ()
    lacking: str = ""


_EVERY = (
    Knowledge("t", "the number of the step, from 1", together=False),
    Knowledge("x", "the parameters", together=False),
    Knowledge("x0", "the parameters at the start", together=False),
    Knowledge("lr", "the learning rate of this step, with its schedule", together=False),
    Knowledge("loss", "the loss at x"),
    Knowledge("loss_at", "the loss at another place", called=True),
    Knowledge("grad_at", "the gradient at another place, with all that is done to g", called=True),
    Knowledge("hessian", "the second derivatives at x", of=("hessian",), lacking="second derivatives"),
    Knowledge(
        "hvp", "the second derivatives at x times a vector", called=True, of=("hvp", "hessian"), lacking="second derivatives"
    ),
    Knowledge("dot", "the scalar product of two vectors of a run, or of each of its blocks", called=True),
    Knowledge("norm", "the length of a vector of a run, or of each of its blocks", called=True),
    Knowledge("rng", "standard normals, one a parameter, the same for every run and rule", called=True),
    Knowledge("blocks", "which parameters are one matrix or one vector of a network", of=("blocks",), lacking="matrices"),
)
KNOWLEDGE: Mapping[str, Knowledge] = MappingProxyType({one.name: one for one in _EVERY})


def lacking(needs: Sequence[str], objective: Any) -> str:
    """What of a rule's needs an objective cannot give, in words; empty where it can give all."""
    for name in needs:
        one = KNOWLEDGE[name]
        if one.of and not any(hasattr(objective, attribute) for attribute in one.of):
            return one.lacking
    return ""


@dataclass
class Supply:
    """Gives a rule what it asks for on an objective, and counts what that asks of the objective.

    `altered` (x, g) → g is what is done to every gradient before the rule sees it; `spent` counts for each step what was asked
    beside the gradient at x.
    """

    needs: Sequence[str]
    spent: list[Counter[str]] = field(default_factory=list)

    def at(
        self,
        objective: Any,
        x: np.ndarray,
        altered: Callable[[np.ndarray, np.ndarray], np.ndarray],
        draw: Callable[[], np.ndarray],
    ) -> dict[str, Any]:
        """What the rule is given at x (runs, parameters), but for what is the same coordinate by coordinate."""
        asked: Counter[str] = Counter()
        self.spent.append(asked)

        def loss_at(place: np.ndarray) -> np.ndarray:
            asked["value"] += 1
            return np.asarray(objective.value(place))[..., None]

        def grad_at(place: np.ndarray) -> np.ndarray:
            asked["grad"] += 1
            return altered(place, objective.grad(place))

        def hessian() -> np.ndarray:
            asked["hessian"] += 1
            return objective.hessian(x)

        def hvp(vector: np.ndarray) -> np.ndarray:
            asked["hvp"] += 1
            if hasattr(objective, "hvp"):
                return objective.hvp(x, vector)
            return np.einsum("...ij,...j->...i", objective.hessian(x), np.broadcast_to(vector, x.shape))

        every: dict[str, Callable[[], Any]] = {
            "loss": lambda: loss_at(x),
            "loss_at": lambda: loss_at,
            "grad_at": lambda: grad_at,
            "hessian": hessian,
            "hvp": lambda: hvp,
            "dot": lambda: dot,
            "norm": lambda: norm,
            "rng": lambda: draw,
            "blocks": lambda: objective.blocks,
        }
        return {name: every[name]() for name in self.needs if name in every}


def dot(a: Any, b: Any, blocks: Sequence[tuple[slice, tuple[int, ...]]] | None = None) -> Any:
    """Σ ab over a run, (runs, 1); with `blocks` over each of them, (runs, parameters): at each the sum of its own."""
    product = a * b
    if blocks is None:
        return product.sum(-1)[..., None]
    parts = [product[..., place].sum(-1)[..., None] for place, _ in blocks]
    sizes = [place.stop - place.start for place, _ in blocks]
    return np.concatenate([np.repeat(part, size, axis=-1) for part, size in zip(parts, sizes, strict=True)], axis=-1)


def norm(a: Any, blocks: Sequence[tuple[slice, tuple[int, ...]]] | None = None) -> Any:
    """√(Σ a²) over a run, (runs, 1), or as `dot` over each of its blocks."""
    return sqrt(dot(a, a, blocks))
