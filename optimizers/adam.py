from core import Twin, rule
from core.hyper import Epsilon, Memory, Momentum
from core.maths import sqrt


@rule(
    title="Adam",
    family="adaptive",
    year=2015,
    source="Kingma & Ba, arXiv:1412.6980, Algorithm 1",
    lr=1e-2,
    conventions="Both moments bias-corrected; ε outside the root of the corrected second moment.",
    twin=Twin("Adam", lambda h: {"betas": (h["beta1"], h["beta2"]), "eps": h["eps"]}),
)
def adam(g, m=0.0, v=0.0, *, t, beta1: Momentum = 0.9, beta2: Memory = 0.999, eps: Epsilon = 1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * (g * g)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return m_hat / (sqrt(v_hat) + eps), m, v
