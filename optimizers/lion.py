from core import rule
from core.hyper import Momentum
from core.maths import sign


@rule(
    title="Lion",
    family="sign",
    year=2023,
    source="Chen et al., arXiv:2302.06675, Algorithm 2",
    lr=1e-2,
    conventions="No twin in torch.optim; the paper is the reference. With β₁ = β₂ it is the sign of averaged momentum.",
)
def lion(g, m=0.0, *, beta1: Momentum = 0.9, beta2: Momentum = 0.99):
    d = sign(beta1 * m + (1 - beta1) * g)
    m = beta2 * m + (1 - beta2) * g
    return d, m
