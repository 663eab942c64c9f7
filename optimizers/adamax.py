from core import Twin, rule
from core.hyper import Epsilon, Memory, Momentum
from core.maths import abs, maximum


@rule(
    title="AdaMax",
    family="adaptive",
    year=2015,
    source="Kingma & Ba, arXiv:1412.6980, Algorithm 2",
    lr=1e-2,
    conventions="ε is added to |g| inside the maximum, as in torch (the paper has none).",
    twin=Twin("Adamax", lambda h: {"betas": (h["beta1"], h["beta2"]), "eps": h["eps"]}),
)
def adamax(g, m=0.0, u=0.0, *, t, beta1: Momentum = 0.9, beta2: Memory = 0.999, eps: Epsilon = 1e-8):
    m = beta1 * m + (1 - beta1) * g
    u = maximum(beta2 * u, abs(g) + eps)
    return m / ((1 - beta1**t) * u), m, u
