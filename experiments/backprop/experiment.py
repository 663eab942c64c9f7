"""The chain rule as an experiment."""

from experiments.backprop.run import chain_of, rows_of
from experiments.backprop.spec import Look, read_look
from experiments.backprop.words import beyond_bounds, diverged, name_of, seen, told_layers
from experiments.experiment import Experiment, Report
from networks.analysis.backprop import levels

_FIRST = Look("moons_mlp", (5, 5, 5, 5), "sigmoid", "torch", "sgd", (("layer", 3.0), ("to", 2.0)))


def _report(look: Look) -> Report:
    """A row for every layer, what becomes of δ, and the chosen weight's gradient.

    Raises ValueError where the network's numbers are beyond all bounds.
    """
    data, rows, wrong = rows_of(look)
    chain, taken, slope = chain_of(look)
    if not chain.finite:
        raise ValueError(beyond_bounds().removesuffix("."))
    found, (layer, to, source) = levels(chain), look.weight
    results = [
        {
            "layer": name_of(i, len(chain.links)),
            "units": len(link.z),
            "delta": level.delta,
            "gradient": level.gradient,
            "by_weights": level.by_weights,
            "by_slope": level.by_slope,
            "off": level.off,
            "saturated": level.saturated,
            "mark": level.mark,
        }
        for i, (link, level) in enumerate(zip(chain.links, found, strict=True))
    ]
    words = [*wrong, *diverged(look, taken), seen(look, chain, data, rows, taken), *told_layers(chain, found)]
    exact = float(chain.links[layer].of_weights[to, source])
    series = {name: [row[name] for row in results] for name in ("delta", "gradient")}
    return Report(results, words, series | {"weight": [exact], "measured": [slope]})


EXPERIMENT = Experiment("backprop", _FIRST, read_look, _report)
