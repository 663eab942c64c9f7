from core import surface


@surface(
    title="Saddle",
    kind="saddles",
    source="x² − y², the standard saddle; escape from it: Dauphin et al., arXiv:1406.2572",
    lesson="The gradient vanishes though the way down is open: the nearer to the ridge a run starts, the longer it lingers.",
    domain=((-2.0, 2.0), (-2.0, 2.0)),
    start=(-1.5, 0.01),
    saddles=((0.0, 0.0),),
)
def saddle(x, y):
    return x**2 - y**2


@surface(
    title="Bounded saddle",
    kind="saddles",
    source="x² − y² + y⁴/4: the standard saddle, closed by the double well of catastrophe theory's cusp",
    lesson="A saddle with somewhere to go: a run spends most of its steps getting off the ridge.",
    domain=((-2.0, 2.0), (-2.0, 2.0)),
    start=(-1.5, 0.01),
    minima=((0.0, -1.4142135623730951), (0.0, 1.4142135623730951)),
    saddles=((0.0, 0.0),),
)
def bounded_saddle(x, y):
    return x**2 - y**2 + y**4 / 4


@surface(
    title="Monkey saddle",
    kind="saddles",
    source="x³ − 3xy²; Hilbert & Cohn-Vossen, Anschauliche Geometrie, 1932",
    lesson="Three valleys and three ridges meet where even the curvature vanishes, so descent comes almost to a stop.",
    domain=((-1.5, 1.5), (-1.5, 1.5)),
    start=(1.2, 0.003),
    saddles=((0.0, 0.0),),
)
def monkey_saddle(x, y):
    return x**3 - 3 * x * y**2
