from core import Twin, rule
from core.hyper import Epsilon, Memory, Momentum
from core.maths import maximum, sqrt


@rule(
    title="AMSGrad",
    family="adaptive",
    year=2018,
    source="Reddi, Kale & Kumar, ICLR 2018, Algorithm 2",
    lr=1e-2,
    conventions="torch's form: bias-corrected, the maximum is of the uncorrected second moment (the paper corrects nothing).",
    twin=Twin("Adam", lambda h: {"betas": (h["beta1"], h["beta2"]), "eps": h["eps"], "amsgrad": True}),
)
def amsgrad(g, m=0.0, v=0.0, v_max=0.0, *, t, beta1: Momentum = 0.9, beta2: Memory = 0.999, eps: Epsilon = 1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * (g * g)
    v_max = maximum(v_max, v)
    m_hat = m / (1 - beta1**t)
    v_hat = v_max / (1 - beta2**t)
    return m_hat / (sqrt(v_hat) + eps), m, v, v_max
