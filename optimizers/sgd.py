from core import Twin, rule


@rule(
    title="SGD",
    family="gradient",
    year=1951,
    source="Robbins & Monro, Ann. Math. Statist. 22(3), 1951; with the full gradient, Cauchy's method of 1847",
    lr=1e-2,
    conventions="Plain descent: the direction is the gradient.",
    twin=Twin("SGD"),
)
def sgd(g):
    return g
