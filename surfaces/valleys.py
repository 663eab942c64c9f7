from typing import Annotated

from core import Hyper, surface

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
    lesson="The steep direction limits the step, the flat one sets how many are needed. Turn it and see who relied on the axes.",
    domain=((-2.0, 2.0), (-2.0, 2.0)),
    start=(-1.8, 0.9),
    minima=((0.0, 0.0),),
)
def ravine(x, y, *, kappa: Condition = 20.0):
    return 0.5 * (x**2 + kappa * y**2)
