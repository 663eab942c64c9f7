"""What becomes of δ on its way back to the first layer, and why, in words: from the numbers of the chain alone."""

from collections.abc import Iterator, Sequence

import numpy as np

from experiments.backprop.spec import LOOK_CHOICES, Look
from experiments.numbers import number
from networks.analysis.backprop import FLAT, Chain, Level, equal_units
from networks.data.prepare import Data

_FEW = 3
"""More layers are not told one by one."""


def told_layers(chain: Chain, found: Sequence[Level]) -> list[str]:
    """Sentences: how δ changes and what changes it, units that stay equal, units that get no gradient."""
    if not found[-1].delta:
        return [f"The loss is flat here: δ of the outputs is 0 {on(chain.rows)}, and so is every gradient."]
    return [_way(chain, found), *_equal(chain), *_silent(chain, found)]


def seen(look: Look, chain: Chain, data: Data, rows: np.ndarray, taken: int) -> str:
    """Which rows, and of which network, after so many steps of training."""
    loss = number(chain.loss)
    what = f"Every number is the mean over {len(rows)} rows, from row {rows[0]} on; the loss is {loss}"
    if len(rows) == 1:
        y = data.y_train[rows[0]]
        target = f"“{data.classes[int(y)]}”" if data.classes else f"target {_brief(float(y[0]))}"
        what = f"Row {rows[0]}, {target}: its loss is {loss}"
    steps, rule = "one step" if taken == 1 else f"{taken} steps", LOOK_CHOICES["rule"][look.rule]
    return f"{what} {f'after {steps} of {rule}' if taken else 'in the untrained network'}."


def rows_by_layer(chain: Chain, found: Sequence[Level]) -> Iterator[dict[str, str]]:
    """A table of the layers' sizes."""
    for i, (link, level) in enumerate(zip(chain.links, found, strict=True)):
        hidden = i + 1 < len(found)
        of_hidden = {
            "Wᵀ multiplies by": number(level.by_weights),
            "σ′ multiplies by": number(level.by_slope),
            "largest |σ′|": number(level.slope),
            "σ′ = 0": f"{level.off:.0%}",
            f"|σ′| < {FLAT:g}": f"{level.saturated:.0%}",
        }
        yield {
            "Layer": str(i + 1) if hidden else "output",
            "units": str(len(link.z)),
            "rms of δ": number(level.delta),
            "rms of ∂L/∂W": number(level.gradient),
            **(of_hidden if hidden else dict.fromkeys(of_hidden, "–")),
            "mark": level.mark or "–",
        }


def on(rows: int) -> str:
    """The rows that are looked at."""
    return "on this row" if rows == 1 else f"on all {rows} rows"


def _brief(value: float) -> str:
    """Three digits."""
    return number(float(f"{value:.3g}"))


def name_of(layer: int, layers: int) -> str:
    """What a layer, from 0, is called."""
    return f"layer {layer + 1}" if layer + 1 < layers else "the output layer"


def _way(chain: Chain, found: Sequence[Level]) -> str:
    """From the outputs to the layer where δ is furthest from theirs, or else to the first."""
    lost = [i for i, level in enumerate(found) if not level.delta]
    if lost:
        return _lost(chain, lost[-1])
    sizes = np.array([level.delta for level in found])
    marks = [level.mark for level in found]
    far, verdict = 0, "δ neither vanishes nor explodes"
    if "exploding" in marks:
        far, verdict = int(sizes.argmax()), f"δ explodes in {_names(marks, 'exploding')}"
    elif "vanishing" in marks:
        far, verdict = int(sizes.argmin()), f"δ vanishes in {_names(marks, 'vanishing')}"
    between = found[far:-1]
    slopes, weights = (float(np.prod([getattr(level, name) for level in between])) for name in ("by_slope", "by_weights"))
    over = f"{len(between)} layers" if len(between) > 1 else "one layer"
    steepest = _brief(max(level.slope for level in between))
    why = f"Over {over} σ′, at most {steepest} here, multiplies it by {_brief(slopes)} and Wᵀ by {_brief(weights)}"
    cause = ""
    if marks[far]:
        grown = marks[far] == "exploding"
        cause = f", so {'σ′' if (slopes > weights) == grown else 'Wᵀ'} {'grows' if grown else 'shrinks'} it most"
    return f"{verdict}: in layer {far + 1} it is {_brief(sizes[far] / sizes[-1])} times the outputs’. {why}{cause}."


def _lost(chain: Chain, layer: int) -> str:
    """Why δ is exactly 0 in a layer while it is not in the next."""
    link, following, layers = chain.links[layer], chain.links[layer + 1], len(chain.links)
    reached = f"no gradient reaches layer {layer + 1}" + (" or any before" if layer else "")
    if not following.weights.any():
        return f"All weights of {name_of(layer + 1, layers)} are 0, and so is Wᵀδ: {reached}."
    if not link.slope.any():
        return f"σ′ is 0 for every unit of layer {layer + 1} {on(chain.rows)}: {reached}."
    return f"In layer {layer + 1} σ′ is 0 wherever Wᵀδ is not: {reached}."


def _equal(chain: Chain) -> list[str]:
    layers = equal_units(chain)
    if not layers:
        return []
    which = _listed([str(i + 1) for i in layers])
    whose = f"layer {which}" if len(layers) == 1 else f"layers {which}, each among themselves,"
    return [f"The units of {whose} are equal: they get equal gradients and stay equal."]


def _silent(chain: Chain, found: Sequence[Level]) -> list[str]:
    """Units whose σ′ is nothing, or next to nothing; on one row alone that is no news."""
    sentences = []
    widths = [len(link.z) for link in chain.links]
    kinds = (("off", "Dead", "= 0", "no gradient"), ("saturated", "Saturated", f"< {FLAT:g}", "hardly any gradient"))
    for name, word, bound, gradient in kinds if chain.rows > 1 else ():
        many = [round(getattr(level, name) * width) for level, width in zip(found, widths, strict=True)]
        parts = [f"{many[i]} of {widths[i]} units in layer {i + 1}" for i in np.flatnonzero(many).tolist()]
        if len(parts) > _FEW:
            most = int(np.argmax(np.divide(many, widths)))
            parts = [f"{sum(many)} of {sum(widths[:-1])} units, most in layer {most + 1}, {many[most]} of {widths[most]}"]
        if parts:
            sentences.append(f"{word} are {_listed(parts)}: |σ′| {bound} {on(chain.rows)}, so they get {gradient}.")
    return sentences


def _names(marks: Sequence[str], mark: str) -> str:
    which = [i + 1 for i, own in enumerate(marks) if own == mark]
    if len(which) > 2 and which[-1] - which[0] == len(which) - 1:
        return f"layers {which[0]} to {which[-1]}"
    return f"layer{'s' if len(which) > 1 else ''} {_listed([str(layer) for layer in which])}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def diverged(look: Look, taken: int) -> list[str]:
    """What is shown instead where the training before does not get as far as wanted."""
    if taken >= look["steps"]:
        return []
    return [f"The training diverges at step {taken + 1}: the network is shown as it is after step {taken}."]


def beyond_bounds() -> str:
    return "The numbers of this network are beyond all bounds: nothing can be told of its gradients."
