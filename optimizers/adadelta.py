from core import Twin, rule
from core.hyper import Epsilon, Memory
from core.maths import sqrt


@rule(
    title="AdaDelta",
    family="adaptive",
    year=2012,
    source="Zeiler, arXiv:1212.5701, Algorithm 1",
    lr=1.0,
    conventions="ε inside both roots, as in the paper; lr multiplies the step, as in torch (the paper has lr = 1).",
    twin=Twin("Adadelta", lambda h: {"rho": h["rho"], "eps": h["eps"]}),
)
def adadelta(g, v=0.0, u=0.0, *, rho: Memory = 0.9, eps: Epsilon = 1e-6):
    v = rho * v + (1 - rho) * (g * g)
    d = sqrt(u + eps) / sqrt(v + eps) * g
    u = rho * u + (1 - rho) * (d * d)
    return d, v, u
