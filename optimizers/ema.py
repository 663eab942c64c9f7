from core import rule
from core.hyper import Momentum


@rule(
    title="EMA momentum",
    family="average",
    year=1964,
    source="Polyak, USSR Comput. Math. Math. Phys. 4(5), 1964, with an average for the sum: Adam’s first moment, uncorrected",
    lr=1e-2,
    conventions="No twin in torch.optim, whose dampening spares the first step. It is heavy ball at lr·(1 − μ).",
)
def ema(g, m=0.0, *, mu: Momentum = 0.9):
    m = mu * m + (1 - mu) * g
    return m, m
