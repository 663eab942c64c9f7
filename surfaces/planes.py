from typing import Annotated

from core import Hyper, surface

Tilt = Annotated[float, Hyper(0.01, 1.0, "log", help="How much flatter it falls along y than along x.")]


@surface(
    title="Plane",
    kind="planes",
    source="A plane, f = x + tilt·y",
    lesson="The gradient is the same everywhere, so whatever the step does, it does out of the rule's own memory.",
    domain=((-4.0, 4.0), (-4.0, 4.0)),
    start=(2.5, 2.5),
)
def plane(x, y, *, tilt: Tilt = 0.3):
    return x + tilt * y
