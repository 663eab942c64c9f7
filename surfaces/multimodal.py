import math
from typing import Annotated

from core import Hyper, surface
from core.maths import cos, exp, sin, sqrt, where
from core.wells import Points, Valley

Amplitude = Annotated[float, Hyper(5.0, 20.0, help="How deep the dents in the bowl are.")]

TINY = 1e-300
"""Under a root, it keeps 0/0 out of the derivatives where the root vanishes; 1e-140 away it changes nothing in float64."""


@surface(
    title="Himmelblau",
    kind="multimodal",
    source="Himmelblau, Applied Nonlinear Programming, McGraw-Hill, 1972",
    lesson="All four minima are equally deep, and a small change of start or learning rate lands a run in another one.",
    domain=((-6.0, 6.0), (-6.0, 6.0)),
    start=(1.2, -0.3),
    minima=(
        (3.0, 2.0),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.2831859912861696),
        (3.5844283403304917, -1.8481265269644036),
    ),
    saddles=(
        (3.385154183607021, 0.07385187983774928),
        (0.08667750455539636, 2.884254701174776),
        (-3.0730257507643897, -0.08135304428796751),
        (-0.12796134673068008, -1.9537149802445763),
    ),
)
def himmelblau(x, y):
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@surface(
    title="Three-hump camel",
    kind="multimodal",
    source="Branin, IBM J. Research and Development 16(5), 1972; Jamil & Yang, 2013, “Camel, three hump”",
    lesson="A run that starts in a side well ends in it, unless its steps are long enough to leap out.",
    domain=((-3.0, 3.0), (-3.0, 3.0)),
    start=(-2.2, -0.8),
    minima=((0.0, 0.0),),
    local_minima=((-1.747552345830289, 0.8737761729151445), (1.747552345830289, -0.8737761729151445)),
    saddles=((-1.07054229182366, 0.53527114591183), (1.07054229182366, -0.53527114591183)),
)
def three_hump_camel(x, y):
    return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2


@surface(
    title="Six-hump camel",
    kind="multimodal",
    source="Dixon & Szegö (eds.), Towards Global Optimisation 2, North-Holland, 1978",
    lesson="From a hilltop every way leads down: a small change of the start decides which of six wells a run ends in.",
    domain=((-2.0, 2.0), (-2.0, 2.0)),
    start=(-1.2, -0.1),
    minima=((-0.08984201310031806, 0.7126564030207396), (0.08984201310031806, -0.7126564030207396)),
    local_minima=(
        (-1.703606714969981, 0.7960835686726251),
        (1.703606714969981, -0.7960835686726251),
        (-1.6071047529201974, -0.5686514548841314),
        (1.6071047529201974, 0.5686514548841314),
    ),
    saddles=(
        (0.0, 0.0),
        (-1.1092053368047863, 0.7682680925095399),
        (1.1092053368047863, -0.7682680925095399),
        (-1.296070267167109, -0.6050843880386585),
        (1.296070267167109, 0.6050843880386585),
        (-1.6380679841897787, -0.2286740690443941),
        (1.6380679841897787, 0.2286740690443941),
    ),
)
def six_hump_camel(x, y):
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (-4 + 4 * y**2) * y**2


# Either coordinate's share has a low well, a hump and a high well; critical points of the sum are pairs of these.
LOW, HUMP, HIGH = -2.903534027771177, 0.1567312567803401, 2.746802770990837


@surface(
    title="Styblinski–Tang",
    kind="multimodal",
    source="Styblinski & Tang, Neural Networks 3(4), 1990",
    lesson="Each coordinate falls into a well of its own, so a run may get one coordinate right and the other wrong.",
    domain=((-5.0, 5.0), (-5.0, 5.0)),
    start=(-0.6, 1.1),
    minima=((LOW, LOW),),
    local_minima=((LOW, HIGH), (HIGH, LOW), (HIGH, HIGH)),
    saddles=((LOW, HUMP), (HUMP, LOW), (HIGH, HUMP), (HUMP, HIGH)),
)
def styblinski_tang(x, y):
    return 0.5 * (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y)


def _flat(amplitude: float, near: float) -> float:
    """The root of Rastrigin's slope along one axis, x + πA·sin(2πx), that Newton's method finds from `near`."""
    x = near
    for _ in range(20):
        turn = 2 * math.pi * x
        x -= (x + math.pi * amplitude * math.sin(turn)) / (1 + 2 * math.pi**2 * amplitude * math.cos(turn))
    return x


def _dents(amplitude: float) -> Points:
    wells = [_flat(amplitude, k) for k in range(-5, 6)]
    return tuple((x, y) for x in wells for y in wells if x or y)


def _passes(amplitude: float) -> Points:
    wells = [_flat(amplitude, k) for k in range(-5, 6)]
    humps = [_flat(amplitude, k + 0.5) for k in range(-5, 5)]
    return tuple(pair for x in wells for y in humps for pair in ((x, y), (y, x)))


@surface(
    title="Rastrigin",
    kind="multimodal",
    source="Rastrigin, Systems of Extremal Control, Nauka, 1974; Mühlenbein, Schomisch & Born, Parallel Computing 17, 1991",
    lesson="The gradient sees only the dent it stands in, so small steps end in the nearest of a hundred.",
    domain=((-5.12, 5.12), (-5.12, 5.12)),
    start=(-3.4, 2.3),
    minima=((0.0, 0.0),),
    local_minima=_dents,
    saddles=_passes,
)
def rastrigin(x, y, *, amplitude: Amplitude = 10.0):
    return 2 * amplitude + x**2 - amplitude * cos(2 * math.pi * x) + y**2 - amplitude * cos(2 * math.pi * y)


# The minimum is the tip of a cone: the slope keeps a length of 2√2 up to it, and there is no gradient at the tip itself. TINY
# rounds the tip off within 1e-150, so that the gradient there is the subgradient 0 and the curvature enormous.
# There is about one local minimum and one saddle for every cell of the integer lattice.
@surface(
    title="Ackley",
    kind="multimodal",
    source="Ackley, A Connectionist Machine for Genetic Hillclimbing, Kluwer, 1987",
    lesson="The minimum is the tip of a cone where the slope never fades, so constant steps keep leaping across it.",
    domain=((-5.0, 5.0), (-5.0, 5.0)),
    start=(-2.6, 1.7),
    minima=((0.0, 0.0),),
    listed=False,
)
def ackley(x, y):
    cone = 20 - 20 * exp(-0.2 * sqrt(0.5 * (x**2 + y**2) + TINY))
    return cone + math.e - exp(0.5 * (cos(2 * math.pi * x) + cos(2 * math.pi * y)))


@surface(
    title="Goldstein–Price",
    kind="multimodal",
    source="Goldstein & Price, Mathematics of Computation 25(115), 1971",
    lesson="Curvature falls a hundredfold on the way down, so a learning rate that survives the start is slow at the end.",
    domain=((-2.0, 2.0), (-2.0, 2.0)),
    start=(0.8, -1.2),
    minima=((0.0, -1.0),),
    local_minima=((-0.6, -0.4), (1.2, 0.8), (1.8, 0.2)),
    saddles=((-0.4, -0.6), (0.6, 0.4), (1.2, -0.2), (1.4, 0.6)),
)
def goldstein_price(x, y):
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return first * second


# With s = (x + y)/2 and d = x − y this is sin 2s + s + (d − 1)²: wells at s = −π/3 + kπ, passes at s = π/3 + kπ. It falls
# without end towards negative s; the domain is chosen so that nothing in it, however turned, lies below the listed minimum.
@surface(
    title="McCormick",
    kind="multimodal",
    source="McCormick, Mathematical Programming 10, 1976; Jamil & Yang, 2013, “McCormick”",
    lesson="Descent stops in the first basin it meets; momentum that clears one hump of this tilted washboard clears them all.",
    domain=((-2.0, 5.0), (-3.0, 4.0)),
    start=(3.9, 2.3),
    minima=((0.5 - math.pi / 3, -0.5 - math.pi / 3),),
    local_minima=((0.5 + 2 * math.pi / 3, -0.5 + 2 * math.pi / 3),),
    saddles=tuple((0.5 + s, -0.5 + s) for s in (-2 * math.pi / 3, math.pi / 3, 4 * math.pi / 3)),
    everywhere=False,
)
def mccormick(x, y):
    return sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1


def _ring(number: int) -> Valley:
    """The bottom of a ring-shaped trough, counted from the middle: (r² + 4)·12 sin 12r + 2r(1 + cos 12r) = 0."""
    r = 2 * math.pi * number / 12
    for _ in range(20):
        turn, wide = 12 * r, r * r + 4
        bent = 144 * wide * math.cos(turn) + 2 * (1 + math.cos(turn))
        r -= (12 * wide * math.sin(turn) + 2 * r * (1 + math.cos(turn))) / bent

    def nearest(x, y):
        away = sqrt(x * x + y * y)
        return where(away > 0, r * x / (away + TINY), r), where(away > 0, r * y / (away + TINY), 0.0)

    return Valley(f"ring of radius {r:.3g}", nearest)


@surface(
    title="Drop-wave",
    kind="multimodal",
    source="Molga & Smutnicki, Test functions for optimization needs, 2005, § 2.17",
    lesson="Ring-shaped ridges surround the minimum, and descent stops at the bottom of the ring it starts in.",
    domain=((-5.12, 5.12), (-5.12, 5.12)),
    start=(-1.9, 1.1),
    minima=((0.0, 0.0),),
    local_minima=tuple(_ring(k) for k in range(1, 14)),
)
def drop_wave(x, y):
    return -(1 + cos(12 * sqrt(x**2 + y**2 + TINY))) / (0.5 * (x**2 + y**2) + 2)
