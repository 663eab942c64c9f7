from core import Twin, rule
from core.hyper import Momentum


@rule(
    title="Momentum",
    family="gradient",
    year=1964,
    source="Polyak, USSR Comput. Math. Math. Phys. 4(5), 1964 (heavy ball); Sutskever et al., ICML 2013, eq. 1–2",
    lr=1e-2,
    conventions="The buffer is a sum, not an average: v starts at zero, so the first step is plain SGD's. No dampening.",
    twin=Twin("SGD", lambda h: {"momentum": h["mu"]}),
)
def momentum(g, v=0.0, *, mu: Momentum = 0.9):
    v = mu * v + g
    return v, v
