from core import surface


@surface(
    title="Booth",
    kind="bowls",
    source="Jamil & Yang, Int. J. Mathematical Modelling and Numerical Optimisation 4(2), 2013, “Booth”",
    lesson="A plain bowl whose largest curvature is 18: descent converges below a learning rate of 2/18 and diverges above it.",
    domain=((-4.0, 6.0), (-2.0, 8.0)),
    start=(-2.5, 1.5),
    minima=((1.0, 3.0),),
)
def booth(x, y):
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


@surface(
    title="Matyas",
    kind="bowls",
    source="Jamil & Yang, Int. J. Mathematical Modelling and Numerical Optimisation 4(2), 2013, “Matyas”",
    lesson="A ravine of condition number 25 that already lies across the axes: turned by 45 degrees it lies along one.",
    domain=((-10.0, 10.0), (-10.0, 10.0)),
    start=(-8.5, -3.0),
    minima=((0.0, 0.0),),
)
def matyas(x, y):
    return 0.26 * (x**2 + y**2) - 0.48 * x * y


@surface(
    title="Quartic bowl",
    kind="bowls",
    source="x⁴ + y⁴, the textbook example of a minimum where the Hessian vanishes",
    lesson="Where the walls steepen and the floor is flat, the largest safe learning rate depends on where a run starts.",
    domain=((-2.0, 2.0), (-2.0, 2.0)),
    start=(-1.6, 0.9),
    minima=((0.0, 0.0),),
)
def quartic(x, y):
    return x**4 + y**4
