from typing import Annotated

from core import Hyper, surface
from core.maths import abs, maximum, power, where
from core.wells import Valley

Bottom = Annotated[float, Hyper(-1.5, 1.5, help="Where along the valley the minimum lies: at (a, a²).")]
Walls = Annotated[float, Hyper(1.0, 1e3, "log", help="How much steeper the walls are than the floor.")]
Condition = Annotated[float, Hyper(1.0, 1e4, "log", help="Condition number: the curvature across over the curvature along.")]


@surface(
    title="Rosenbrock",
    kind="valleys",
    source="Rosenbrock, The Computer Journal 3(3), 1960",
    lesson="Falling into the valley is easy; following its bent, flat floor to the end is the whole work.",
    domain=((-2.0, 2.0), (-1.0, 3.0)),
    start=(-1.2, 1.0),
    minima=lambda a, b: ((a, a * a),),
)
def rosenbrock(x, y, *, a: Bottom = 1.0, b: Walls = 100.0):
    return (a - x) ** 2 + b * (y - x**2) ** 2


@surface(
    title="Ravine",
    kind="valleys",
    source="½(x² + κy²), the model problem of convergence theory; Nocedal & Wright, Numerical Optimization, § 3.3",
    lesson="The steep direction limits the step, the flat one sets how many it takes; turned, it shows who relies on the axes.",
    domain=((-2.0, 2.0), (-2.0, 2.0)),
    start=(-1.75, 0.9),
    minima=((0.0, 0.0),),
)
def ravine(x, y, *, kappa: Condition = 20.0):
    return 0.5 * (x**2 + kappa * y**2)


@surface(
    title="Beale",
    kind="valleys",
    source="Beale, Tech. Rep. 25, Statistical Techniques Research Group, Princeton, 1958; Moré, Garbow & Hillstrom 1981, no. 5",
    lesson="The corners are steep and the floor is flat: a learning rate that survives the first crawls along the second.",
    domain=((-4.5, 4.5), (-4.5, 4.5)),
    start=(1.0, 2.0),
    minima=((3.0, 0.5),),
    saddles=((0.0, 1.0), (0.10053793732415836, -2.644513585023125)),
)
def beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _branch(side: float) -> Valley:
    """One branch of xy = 1, that through (side, side)."""

    def nearest(x, y):
        # The nearest point lies on the point's own side of the diagonal, where ξ = max(x, y) ≥ 1 solves
        # ξ⁴ − pξ³ + qξ − 1 = 0 alone; from above, where the quartic is convex, Newton's method falls to it.
        p, q = maximum(side * x, side * y), -maximum(-side * x, -side * y)
        far = maximum(p, 0.0 * p) + power(abs(q), 1 / 3) + 1.0
        for _ in range(60):
            far = far - (((far - p) * far * far + q) * far - 1.0) / ((4.0 * far - 3.0 * p) * far * far + q)
        inner = side * x >= side * y
        return side * where(inner, far, 1.0 / far), side * where(inner, 1.0 / far, far)

    return Valley("curve", nearest, (side, side))


# Every point with xy = 1 is a minimum, of sharpness x² + y²; the flattest of each branch stands for it.
@surface(
    title="Hyperbola",
    kind="valleys",
    source="½(xy − 1)², a linear network of two weights; Lewkowycz et al., The large learning rate phase, arXiv:2003.02218",
    lesson="The valley floor is a curve of equal minima, sharp far out and flat in the middle; larger steps end flatter.",
    domain=((-4.0, 4.0), (-4.0, 4.0)),
    start=(3.0, 0.8),
    minima=(_branch(1.0), _branch(-1.0)),
    saddles=((0.0, 0.0),),
)
def hyperbola(x, y):
    return 0.5 * (x * y - 1) ** 2
