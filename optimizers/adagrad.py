from core import Twin, rule
from core.hyper import Epsilon
from core.maths import sqrt


@rule(
    title="AdaGrad",
    family="adaptive",
    year=2011,
    source="Duchi, Hazan & Singer, JMLR 12, 2011, Algorithm 1 (diagonal)",
    lr=1e-1,
    conventions="ε outside the root; the sum of squares starts at zero.",
    twin=Twin("Adagrad", lambda h: {"eps": h["eps"]}),
)
def adagrad(g, s=0.0, *, eps: Epsilon = 1e-10):
    s = s + g * g
    return g / (sqrt(s) + eps), s
