"""The inside of every step as the stage draws it: numbers, and how they are laid out."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import numpy as np

from core.study.anatomy import Anatomy, Kind, Line
from core.study.stability import DAMPINGS, damping, modes
from core.symbolic.notation import Tree, written
from experiments.anatomy.run import anatomy_of
from experiments.anatomy.words import why
from experiments.race import theory
from experiments.race.spec import Race
from optimizers import ENTRANTS


@dataclass
class Rows:
    """Arrays (steps, parameters), each known by its place."""

    rows: np.ndarray
    arrays: list[np.ndarray] = field(default_factory=list)

    def place(self, array: Any) -> int:
        """Keep an array (steps, parameters or 1) and say where."""
        array = np.asarray(array, dtype=np.float64)
        self.arrays.append(np.broadcast_to(array, (len(array), 2))[self.rows])
        return len(self.arrays) - 1

    @property
    def stacked(self) -> np.ndarray:
        """(arrays, rows, parameters) float32."""
        with np.errstate(over="ignore"):
            return np.array(self.arrays, dtype=np.float32).reshape(len(self.arrays), len(self.rows), 2)


Symbol = tuple[str, str, bool]
"""How a name is written: letter, subscript, and whether it wears a hat."""


class Statement(TypedDict):
    """A line of the rule; `terms` and `value` are places of arrays, and so is every whole number below."""

    target: Symbol
    tree: Tree
    terms: list[int]
    value: int


class Slot(TypedDict):
    name: Symbol
    kind: Kind
    value: int


Drawn = Literal["linear", "log", "peak", "angle"]


class Quantity(TypedDict):
    title: str
    unit: str
    value: int
    scale: Drawn


class Dissection(TypedDict):
    """The inside of every step, but for its numbers."""

    lines: list[Statement]
    moved: int
    slope: int
    newton: int
    curvatures: int
    axis: int
    sizes: int
    limit: float | None
    damping: int | None
    dampings: tuple[str, ...]
    slots: list[Slot]
    charts: list[Quantity]
    steps: int
    why: str


def insides(race: Race, frames: np.ndarray) -> tuple[Dissection | None, dict[str, np.ndarray]]:
    """What the stage is told of the steps that follow the given `frames` (steps of the run), and their numbers."""
    (key,) = race.entrants
    rule, anatomy = ENTRANTS[key].rule, anatomy_of(race)
    if not anatomy.steps:
        return None, {}
    kept = Rows(np.minimum(frames, anatomy.steps - 1))
    surface, x = race.landscape, anatomy.run.x[: anatomy.steps, 0]
    with np.errstate(all="ignore"):
        slopes = anatomy.run.gradient[: anatomy.steps, 0]
        curvatures, steep = modes(surface, x)
        flat = np.stack([-steep[:, 1], steep[:, 0]], axis=-1)
        (low, high), along = curvatures.T, [(axis * slopes).sum(axis=1) for axis in (flat, steep)]
        newton = -(flat.T * along[0] / low + steep.T * along[1] / high).T
        newton = np.where(np.isfinite(newton), newton, np.nan)
        sizes = anatomy.run.lr[: anatomy.steps] * curvatures
    edge = theory.limit_of(race, key)
    header: Dissection = {
        "lines": [*(_laid_out(line, kept) for line in anatomy.lines), _update(race, anatomy, kept)],
        "moved": kept.place(anatomy.moved),
        "slope": kept.place(slopes),
        "newton": kept.place(newton),
        "curvatures": kept.place(curvatures),
        "axis": kept.place(steep),  # of the larger curvature; the other is at right angles to it
        "sizes": kept.place(sizes),
        "limit": edge,
        "damping": None if edge is None else kept.place(_dampings(race, key, sizes)),
        "dampings": DAMPINGS,
        "slots": [
            {"name": written(name), "kind": anatomy.kinds[name], "value": kept.place(anatomy.slot(name))} for name in rule.slots
        ],
        "charts": _charts(anatomy, kept, slopes, newton),
        "steps": anatomy.steps,
        "why": why(race),
    }
    return header, {"inside": kept.stacked}


def _charts(anatomy: Anatomy, kept: Rows, slopes: np.ndarray, newton: np.ndarray) -> list[Quantity]:
    charts: list[tuple[str, str, np.ndarray, Drawn]] = [
        ("Size of each coordinate’s step", " lr", anatomy.stride, "peak"),
        ("Way of each coordinate so far", " lr", np.cumsum(anatomy.stride, axis=0), "linear"),
        ("Effective learning rate, logarithmic; a gap is a step uphill", "", anatomy.effective, "log"),
        ("Angle of the step to −gradient", "°", anatomy.angle_to(-slopes)[:, None], "angle"),
        ("Angle of the step to Newton’s", "°", anatomy.angle_to(newton)[:, None], "angle"),
    ]
    return [{"title": title, "unit": unit, "value": kept.place(rows), "scale": scale} for title, unit, rows, scale in charts]


def _dampings(race: Race, key: str, sizes: np.ndarray) -> np.ndarray:
    return damping(race.setups[key].rule, race.setups[key].hypers, sizes)


def _update(race: Race, anatomy: Anatomy, kept: Rows) -> Statement:
    """The driver's own line, laid out likewise: x ← x − lr·(Δ + λx), without the decay where there is none."""
    (key,) = race.entrants
    decay, x = race.setups[key]["weight_decay"], anatomy.run.x[:, 0]
    place = ["name", ("x", "", False), {"at": kept.place(x[: anatomy.steps])}]
    direction = ["name", ("Δ", "", False), {"at": kept.place(anatomy.direction)}]
    lr = ["name", ("lr", "", False), {"at": kept.place(anatomy.run.lr[: anatomy.steps])}]
    whole = ["in", ["+", direction, ["times", ["name", ("λ", "", False), decay], place]]] if decay else direction
    return {
        "target": ("x", "", False),
        "tree": ["-", place, ["times", lr, whole]],
        "terms": [],
        "value": kept.place(x[1 : anatomy.steps + 1]),
    }


def _laid_out(line: Line, kept: Rows) -> Statement:
    """A line whose names carry what is known of them: how they are written, and their number or its place."""
    values = {name: value if isinstance(value, float) else {"at": kept.place(value)} for name, value in line.given.items()}

    def told(tree: Tree) -> Tree:
        kind, *parts = tree
        if kind == "name":
            known = parts[0] in values  # a matrix has more numbers than a line has room for
            return ["name", written(parts[0]), values[parts[0]]] if known else ["number", parts[0]]
        return [kind, *(told(part) if isinstance(part, list) else part for part in parts)]

    return {
        "target": written(line.equation.target) if line.equation.target else ("Δ", "", False),
        "tree": told(line.equation.tree),
        "terms": [kept.place(term) for term in line.terms],
        "value": kept.place(line.value),
    }
