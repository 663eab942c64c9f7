from typing import Annotated

from core import Hyper, wrapper
from core.maths import where

Radius = Annotated[float, Hyper(1e-4, 10.0, "log", off=0.0, help="How far away, uphill, the gradient is taken.")]


@wrapper(
    title="SAM",
    year=2021,
    source="Foret et al., arXiv:2010.01412, equations 2 and 3",
    conventions=(
        "SAM: the rule is given the gradient at x + ρ·g/‖g‖, the highest place within ρ to first order; so each step asks for "
        "two. Where g is 0 it stays at x."
    ),
    around={"sgd": None, "adam": None},
)
def sam(g, *, step, x, grad_at, norm, rho: Radius = 0.05):
    size = norm(g)
    uphill = where(size > 0, rho * g / size, g)
    return step(grad_at(x + uphill))
