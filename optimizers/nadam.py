from typing import Annotated

from core import Hyper, Twin, rule
from core.hyper import Epsilon, Memory, Momentum
from core.maths import power, sqrt

Psi = Annotated[float, Hyper(1e-4, 1.0, "log", off=0.0, help="How fast the momentum warms up towards β₁.")]


@rule(
    title="NAdam",
    family="adaptive",
    year=2016,
    source="Dozat, ICLR 2016 workshop, Algorithm 2, with the warming momentum of its § 3",
    lr=1e-2,
    conventions=(
        "torch's form: momentum β₁(1 − ½·0.96^(tψ)); p is the running product of the momenta so far (torch keeps it in its "
        "default precision: 1e-5 apart in float64 where that is float32). ε outside the root."
    ),
    twin=Twin("NAdam", lambda h: {"betas": (h["beta1"], h["beta2"]), "eps": h["eps"], "momentum_decay": h["psi"]}),
)
def nadam(g, m=0.0, v=0.0, p=1.0, *, t, beta1: Momentum = 0.9, beta2: Memory = 0.999, eps: Epsilon = 1e-8, psi: Psi = 4e-3):
    mu = beta1 * (1 - 0.5 * power(0.96, t * psi))
    mu_next = beta1 * (1 - 0.5 * power(0.96, (t + 1) * psi))
    p = p * mu
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * (g * g)
    m_hat = mu_next * m / (1 - p * mu_next) + (1 - mu) * g / (1 - p)
    v_hat = v / (1 - beta2**t)
    return m_hat / (sqrt(v_hat) + eps), m, v, p
