from typing import Annotated

from core import Hyper, wrapper
from core.maths import floor, where

Every = Annotated[int, Hyper(1, 100, "log", whole=True, help="After so many fast steps the slow parameters follow once.")]
_Share = Annotated[float, Hyper(0.01, 1.0, help="How much of the way the slow parameters go towards the fast ones; 1 is all.")]


@wrapper(
    title="Lookahead",
    year=2019,
    source="Zhang et al., arXiv:1907.08610, Algorithm 1",
    conventions=(
        "Lookahead: every k steps the slow parameters go the share α of the way to the fast ones, which start anew from there; "
        "the rule’s own state goes on. The slow parameters are kept as what they have moved by since the start."
    ),
    around={"sgd": None, "adam": None},
)
def lookahead(g, moved=0.0, *, step, t, x, x0, lr, k: Every = 5, alpha: _Share = 0.5):
    d = step(g)
    fast = x - lr * d
    slow = x0 + moved
    synced = floor(t / k) > floor((t - 1) / k)
    slow = where(synced, slow + alpha * (fast - slow), slow)
    return where(synced, (x - slow) / lr, d), slow - x0
