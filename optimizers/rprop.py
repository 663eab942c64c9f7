from typing import Annotated

from core import Hyper, Twin, rule
from core.maths import clip, sign, where

Shrink = Annotated[float, Hyper(0.01, 0.99, help="What the step shrinks by when the gradient's sign turns.")]
Grow = Annotated[float, Hyper(1.01, 3.0, help="What the step grows by while the sign stays.")]
Least = Annotated[float, Hyper(1e-9, 1.0, "log", help="The shortest step, in units of lr.")]
Most = Annotated[float, Hyper(1.0, 1e6, "log", help="The longest step, in units of lr.")]


@rule(
    title="Rprop",
    family="sign",
    year=1993,
    source="Riedmiller & Braun, IEEE ICNN 1993; the variant iRprop⁻ of Igel & Hüsken, 2000, as in torch",
    lr=1e-2,
    conventions=(
        "iRprop⁻, as in torch: when the sign turns, the gradient counts as zero once. Each coordinate's step is s·lr, s from "
        "1. The bounds of s are in units of lr; torch's step_sizes are those of the step itself, lr·least and lr·most, and no "
        "schedule reaches it there."
    ),
    twin=Twin(
        "Rprop",
        lambda h: {"etas": (h["shrink"], h["grow"]), "step_sizes": (h["lr"] * h["least"], h["lr"] * h["most"])},
    ),
)
def rprop(g, g_last=0.0, s=1.0, *, shrink: Shrink = 0.5, grow: Grow = 1.2, least: Least = 1e-4, most: Most = 5e3):
    turn = sign(g * g_last)
    s = clip(where(turn > 0, s * grow, where(turn < 0, s * shrink, s)), least, most)
    g = where(turn < 0, g * 0, g)
    return sign(g) * s, g, s
