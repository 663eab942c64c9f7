"""What a message to the stage is made of. The JavaScript is checked against these types: see `tests/ui/declared.py`."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from core.surface import Point
from experiments.anatomy.layout import Dissection
from experiments.race.axes import Axes
from experiments.race.spec import View
from figures.theme import Shades


class HeightScale(TypedDict):
    """How the map's heights were made from the loss: log(1 + (f − base)/unit)/span."""

    base: float
    unit: float
    span: float


class Marked(TypedDict):
    """What is marked on the map, and what its heights mean."""

    floor: float
    start: Point
    scale: HeightScale
    minima: Sequence[Point]
    local_minima: Sequence[Point]
    saddles: Sequence[Point]


class GroundShown(Marked):
    """What the runs run on, and how it is looked at."""

    moved: bool
    view: View
    window: View
    look: Sequence[str]
    hidden: Sequence[str]
    step: int | None
    threshold: float | None


class Run(TypedDict):
    """One run as it is drawn and told; `last` is the frame it is drawn up to."""

    key: str
    title: str
    colour: str
    stopped: int | None
    left: int | None
    last: int
    place: int
    cells: Sequence[str]


class RunsMade(TypedDict):
    """What came of the runs, in the table's order, and the axes that their losses are drawn on."""

    axes: Axes
    runs: Sequence[Run]
    columns: Sequence[tuple[str, str]]
    verdict: str


class Slider(TypedDict):
    """A control; `stops` is a place in the message's `scales`."""

    id: str
    group: str
    label: str
    help: str
    folded: bool
    stops: int
    default: float | str
    off: float | str | None
    band: bool


class BandHeader(TypedDict):
    """The runs over the whole range of one slider; see `ui.components.stage.message._band`."""

    id: str
    stops: Sequence[int]
    rows: Sequence[int]
    runs: Sequence[int]
    stopped: Sequence[Sequence[int | None]]
    last: Sequence[Sequence[int]]
    reach: Sequence[float]
    deep: int
    fine: int
    grounds: NotRequired[Sequence[Marked]]
    axes: Sequence[Axes]


class Once(TypedDict, total=False):
    """What comes when the browser has not got it, or asked for it: every slider, and the stops that several share; a band."""

    scales: Sequence[Sequence[float | str]]
    controls: Sequence[Slider]
    band: BandHeader
    insides: Dissection | None


class StageMessage(GroundShown, RunsMade, Once):
    """The header of a message to the stage."""

    seq: int
    key: str
    structure: str
    fieldId: str
    steps: int
    stride: int
    frames: int
    problems: Sequence[str]
    values: Mapping[str, float | str]
    theme: Mapping[str, Shades]


class StageArrays(TypedDict, total=False):
    """The arrays beside it; their shapes stand at `ui.components.stage.message.pack`."""

    x: npt.NDArray[np.float32]
    gap: npt.NDArray[np.float32]
    slope: npt.NDArray[np.float32]
    field: npt.NDArray[np.uint16]
    inside: npt.NDArray[np.float32]
    bandX: npt.NDArray[np.uint16]
    bandGap: npt.NDArray[np.int16]
    bandGround: npt.NDArray[np.uint16]
