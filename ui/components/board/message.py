"""A training so far, and its forks, as the bytes the board draws: a JSON header, then the planes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from experiments.training.curves import fate, metrics_of, quartiles
from experiments.training.run import Ongoing
from figures import theme
from networks import Training
from optimizers import ENTRANTS
from ui.components.transport import packed

SIDE = 48
"""Points along each side of a decision plane."""

_COLOURS = theme.rule_colours(ENTRANTS)

Scaled = Literal["log", "share", "plain"]

PANELS: tuple[tuple[str, Scaled, str, str | None], ...] = (
    ("Loss", "log", "val_loss", "train_loss"),
    ("Accuracy", "share", "val_accuracy", "train_accuracy"),
    ("Gradient norm", "log", "grad_norm", None),
    ("Update norm", "log", "update_norm", None),
    ("Learning rate", "log", "lr", None),
    ("Gap: validation loss − training loss", "plain", "gap", None),
)
"""Title, scale, what is drawn solid, and what dashed."""


TrainingState = Literal["running", "paused", "stopped", "done"]


class RunName(TypedDict):
    """A line of the board by its name; a fork says at which step it `forked`."""

    title: str
    colour: str
    fate: str
    forked: NotRequired[int]


class PanelCurve(TypedDict):
    """One line in a panel: the run it is of, its values at steps, the quartiles over several seeds."""

    run: int
    steps: Sequence[int]
    values: Sequence[float | None]
    low: NotRequired[Sequence[float | None]]
    high: NotRequired[Sequence[float | None]]
    dashed: NotRequired[bool]


class PanelHeader(TypedDict):
    title: str
    scale: Scaled
    lines: Sequence[PanelCurve]


class _InThePlane(TypedDict, total=False):
    """What comes with data in the plane: the window they are seen through, and how many classes there are."""

    window: Sequence[float]
    classes: int


class BoardMessage(_InThePlane):
    """The header of a message to the board."""

    runs: Sequence[RunName]
    steps: int
    share: float
    seconds: float
    state: TrainingState
    waiting: str
    look: int
    panels: Sequence[PanelHeader]
    theme: Mapping[str, theme.Shades]


class BoardArrays(TypedDict, total=False):
    """The arrays beside it; their shapes stand at `board_message`."""

    winners: npt.NDArray[np.uint8]
    shares: npt.NDArray[np.uint8]
    points: npt.NDArray[np.float32]


def board_message(going: Ongoing, forks: Sequence[Ongoing] = ()) -> bytes:
    """Curves against steps, a line a rule and a fork; and for data in the plane what each says of every point of it.

    Over several seeds a line is the median, with the quartiles around it, of the runs that have not diverged, as long as they
    are more than half. Arrays: winners and shares (lines, SIDE, SIDE) uint8, the likeliest class and its share from 0 to 255;
    points (rows, 3) float32, x, y and class.
    """
    going.look()
    every = [one for one in (going, *forks) if one.so_far is not None]
    lines = [line for one in every for line in _lines(one, first=one is going)]
    header: BoardMessage = {
        "runs": [line["name"] for line in lines] if lines else [_named(key) for key in going.lesson.rules],
        "steps": int(going.lesson["steps"]),
        "share": going.share,
        "seconds": going.seconds,
        "state": state_of(going),
        "waiting": going.waiting,
        "look": going.looks,  # a message that is like the last is not drawn, and the browser may have missed the last
        "panels": [],
        "theme": theme.STAGE,
    }
    arrays: dict[str, np.ndarray] = {}
    if going.so_far is not None:
        header["panels"] = list(_panels(lines))
        if found := [planes(one.so_far, SIDE) for one in every if one.so_far and _in_the_plane(one.so_far)]:
            header["window"] = found[0][0]
            header["classes"] = len(going.so_far.data.classes)
            arrays["winners"], arrays["shares"] = (np.concatenate([part[i] for part in found]) for i in (1, 2))
            data = going.so_far.data
            arrays["points"] = np.concatenate([data.x_train.numpy(), data.y_train.numpy()[:, None]], axis=1).astype(np.float32)
    return packed(header, arrays)


def _in_the_plane(training: Training) -> bool:
    """Whether there are classes to be told apart by two numbers, and the parameters to tell how."""
    known = training.x.shape[1] == training.task.model.size
    return known and bool(training.data.classes) and training.data.x_train.shape[1] == 2


def state_of(going: Ongoing) -> TrainingState:
    if going.running:
        return "running"
    if going.unfinished:
        return "paused" if going.paused else "stopped"
    return "done"


def _named(key: str, fate: str = "") -> RunName:
    return {"title": ENTRANTS[key].title, "colour": _COLOURS[key], "fate": fate}


def _lines(going: Ongoing, *, first: bool) -> Iterator[dict[str, Any]]:
    """For each entrant its name, its training and which runs of it are its own, one a seed."""
    training, seeds = going.so_far, len(going.so_far.regime.seeds) if going.so_far else 1
    assert training is not None  # there is one to draw
    for i, (key, _) in enumerate(training.entrants):
        runs = slice(i * seeds, (i + 1) * seeds)
        name = _named(key, fate(training, runs))
        if not first:
            name |= {"title": going.title, "colour": going.colour, "forked": training.begun}
        yield {"name": name, "training": training, "runs": runs}


def _panels(lines: Sequence[dict[str, Any]]) -> Iterator[PanelHeader]:
    metrics = metrics_of(lines[0]["training"])
    for title, scale, solid, dashed in PANELS:
        if solid in metrics:
            drawn = [_curve(line, i, dashed, dashed=True) for i, line in enumerate(lines)] if dashed else []
            drawn += [_curve(line, i, solid) for i, line in enumerate(lines)]
            yield {"title": title, "scale": scale, "lines": drawn}


def _curve(line: dict[str, Any], run: int, name: str | None, *, dashed: bool = False) -> PanelCurve:
    assert name  # only lines that have one are drawn
    training = line["training"]
    low, middle, high = quartiles(training, name, line["runs"])
    first = 0 if name.startswith("val_") else 1  # before the first step there is none of the others
    found: PanelCurve = {"run": run, "steps": training.metric_steps[first:].tolist(), "values": _numbers(middle[first:])}
    if dashed:
        found["dashed"] = True
    elif len(training.regime.seeds) > 1:
        found["low"], found["high"] = _numbers(low[first:]), _numbers(high[first:])
    return found


def _numbers(values: np.ndarray) -> Sequence[float | None]:
    """Six digits each; what is not finite is nothing."""
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in values.tolist()]


def planes(training: Training, side: int) -> tuple[list[float], np.ndarray, np.ndarray]:
    """For inputs in the plane: the window (x from, to, y from, to), and for the first seed's run of every entrant the
    likeliest class and its share from 0 to 255, each (entrants, side, side) uint8."""
    x = training.data.x_train.numpy()
    (x0, y0), (x1, y1) = x.min(axis=0) - 0.3, x.max(axis=0) + 0.3
    points = np.stack(np.meshgrid(np.linspace(x0, x1, side), np.linspace(y0, y1, side)), axis=-1).reshape(-1, 2)
    model, stack = training.task.model, training.x[:: len(training.regime.seeds)]
    with np.errstate(all="ignore"):
        shares = model.classified(model.outputs(stack, points.astype(stack.dtype)))
    shares = np.nan_to_num(shares)
    winners, best = shares.argmax(axis=1), shares.max(axis=1)
    window = [float(v) for v in (x0, x1, y0, y1)]
    return window, *(part.astype(np.uint8).reshape(-1, side, side) for part in (winners, (255 * best).round()))
