from core import Twin, rule
from core.hyper import Momentum


@rule(
    title="Nesterov",
    family="gradient",
    year=1983,
    source="Nesterov, Soviet Math. Dokl. 27(2), 1983; Sutskever et al., ICML 2013, eq. 3–4, seen from the look-ahead point",
    lr=1e-2,
    conventions=(
        "torch's form: the recorded x is the look-ahead point, so that the gradient is taken where x is. With μ = 0, which "
        "torch refuses beside nesterov=True, it is SGD."
    ),
    twin=Twin("SGD", lambda h: {"momentum": h["mu"], "nesterov": h["mu"] > 0}),
)
def nesterov(g, v=0.0, *, mu: Momentum = 0.9):
    v = mu * v + g
    return g + mu * v, v
