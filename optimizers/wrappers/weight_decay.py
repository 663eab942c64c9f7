from core import Named, Twin, wrapper


@wrapper(
    title="Decoupled decay,",
    year=2019,
    source="Loshchilov & Hutter, arXiv:1711.05101",
    conventions="The parameters shrink by lr·λ·x beside the rule’s own step, which does not see it.",
    settings={"weight_decay": 1e-2},
    around={
        "adam": Named(
            "adamw",
            "AdamW",
            "Loshchilov & Hutter, arXiv:1711.05101, Algorithm 2",
            Twin("AdamW", lambda h: {"betas": (h["beta1"], h["beta2"]), "eps": h["eps"], "weight_decay": h["weight_decay"]}),
        )
    },
)
def weight_decay(g, *, step):
    return step(g)
