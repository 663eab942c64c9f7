from core import Twin, rule
from core.hyper import Epsilon, Memory
from core.maths import sqrt


@rule(
    title="RMSProp",
    family="adaptive",
    year=2012,
    source="Tieleman & Hinton, Coursera lecture 6e, 2012",
    lr=1e-2,
    conventions="ε outside the root, as in torch; no bias correction, so the first steps are 1/√(1−ρ) times as long.",
    twin=Twin("RMSprop", lambda h: {"alpha": h["rho"], "eps": h["eps"]}),
)
def rmsprop(g, v=0.0, *, rho: Memory = 0.99, eps: Epsilon = 1e-8):
    v = rho * v + (1 - rho) * (g * g)
    return g / (sqrt(v) + eps), v
