"""What is drawn of a network's numbers, from the numbers of its chain."""

from collections.abc import Sequence

import numpy as np

from figures.chain import Layer, Sizes, Strip
from networks.analysis.backprop import Chain, Level


def strip_of(chain: Chain, found: Sequence[Level], weight: tuple[int, int, int]) -> Strip:
    """All numbers to be drawn; means where there are several rows."""
    first, last = chain.links[0], chain.links[-1]
    layers = [Layer("input", ("x",), _means(first.entered))]
    for i, (link, level) in enumerate(zip(chain.links[:-1], found, strict=False), start=1):
        columns = _means(link.z, link.a, link.slope, link.delta)
        layers.append(Layer(f"layer {i}", ("z", "a", "σ′", "δ"), columns, level.mark))
    if chain.shares is None:
        layers.append(Layer("output", ("z", "y", "δ"), _means(last.z, chain.targets, last.delta)))
    else:
        layers.append(Layer("output", ("z", "ŷ", "y", "δ"), _means(last.z, chain.shares, chain.targets, last.delta)))
    layer, to, source = weight
    terms = np.empty(0)
    if layer + 1 < len(chain.links):
        following = chain.links[layer + 1]
        terms = following.weights[:, to] * following.delta.mean(axis=1)
    return Strip(layers, [link.weights for link in chain.links], (layer + 1, to, source), terms)


def sizes_of(found: Sequence[Level]) -> Sizes:
    """What is drawn of the layers' sizes."""

    def every(name: str) -> np.ndarray:
        return np.array([getattr(level, name) for level in found])

    titles = [*(str(i + 1) for i in range(len(found) - 1)), "output"]
    marks, hidden = [level.mark for level in found], slice(len(found) - 1)
    parts = every("by_slope")[hidden], every("by_weights")[hidden], every("off")[hidden], every("saturated")[hidden]
    return Sizes(titles, every("delta"), every("gradient"), marks, *parts)


def _means(*parts: np.ndarray) -> np.ndarray:
    """(units, columns) of columns (units, rows)."""
    return np.stack([part.mean(axis=1) for part in parts], axis=1)
