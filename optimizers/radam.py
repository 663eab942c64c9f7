from core import Twin, rule
from core.hyper import Epsilon, Memory, Momentum
from core.maths import sqrt, where


@rule(
    title="RAdam",
    family="adaptive",
    year=2020,
    source="Liu et al., arXiv:1908.03265, Algorithm 2",
    lr=1e-2,
    conventions=(
        "Rectifies once ρ > 5, as in torch (the paper says 4); before that it is momentum with bias correction. ε is added to "
        "√v before its bias correction, as in torch (in Adam after it)."
    ),
    twin=Twin("RAdam", lambda h: {"betas": (h["beta1"], h["beta2"]), "eps": h["eps"]}),
)
def radam(g, m=0.0, v=0.0, *, t, beta1: Momentum = 0.9, beta2: Memory = 0.999, eps: Epsilon = 1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * (g * g)
    m_hat = m / (1 - beta1**t)
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    r = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
    v_root = (sqrt(v) + eps) / sqrt(1 - beta2**t)
    return where(rho > 5, m_hat * r / v_root, m_hat), m, v
