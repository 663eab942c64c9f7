from typing import Annotated

from core import Hyper, surface
from core.maths import exp, log, tanh

Width = Annotated[float, Hyper(0.7, 2.0, help="How wide the well is; outside it the surface is all but flat.")]
Height = Annotated[float, Hyper(1.0, 50.0, "log", help="How far the cliff drops.")]
Steepness = Annotated[
    float, Hyper(10.0, 40.0, "log", help="How sudden the drop is: the slope at the edge is height · steepness / 2.")
]


@surface(
    title="Plateau",
    kind="cliffs",
    source="An inverted Gaussian, 1 − exp(−r²/2w²)",
    lesson="Far from the well the slope all but vanishes: plain descent stands still where rules that rescale it walk on.",
    domain=((-4.0, 4.0), (-4.0, 4.0)),
    start=(-3.0, 1.8),
    minima=((0.0, 0.0),),
)
def plateau(x, y, *, width: Width = 1.0):
    return 1 - exp(-(x**2 + y**2) / (2 * width**2))


# The wall's foot at the origin, height · steepness · 2exp(−4 · steepness), is lost in rounding for every steepness allowed,
# so the minimum is the shallow bowl's own.
@surface(
    title="Cliff",
    kind="cliffs",
    source="After Pascanu, Mikolov & Bengio, arXiv:1211.5063, § 2.3 and Figure 6",
    lesson="One step from the edge of the cliff throws a run far out of sight; with its gradient clipped, it walks down.",
    domain=((-4.0, 4.0), (-4.0, 4.0)),
    start=(2.0, 0.9),
    minima=((0.0, 0.0),),
)
def cliff(x, y, *, height: Height = 20.0, steepness: Steepness = 15.0):
    return 0.5 * log(1 + x**2 + y**2) + 0.5 * height * (1 + tanh(steepness * (x - 2)))
