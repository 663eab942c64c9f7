"""The chain rule with its numbers: what fully connected layers make of some rows, and what comes back to every weight."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from networks.model.layers.activation import Activation
from networks.model.layers.linear import Linear
from networks.model.network import Network

VANISHING, EXPLODING = 1e-3, 1e3
"""A layer's δ vanishes below, and explodes above, so many times that of the outputs."""

FLAT = 0.01
"""A unit is saturated where its |σ′| is less than this."""

_MOST_TERMS = 6
"""Terms of a sum that are written out."""

Mark = Literal["", "vanishing", "exploding"]


@dataclass(frozen=True)
class Link:
    """One layer, z = W a + b, and the activation after it, on some rows; ℓ is each row's own loss, L their mean.

    weights     (units, inputs) W
    bias        (units,) b
    entered     (inputs, rows) what the layer before gave
    z, a        (units, rows) before and after the activation; the same at the outputs
    slope       (units, rows) σ′(z), ones at the outputs
    back        (units, rows) ∂ℓ/∂a: Wᵀδ of the next layer, at the outputs the loss's own derivative
    delta       (units, rows) δ = ∂ℓ/∂z, back times slope
    of_weights  (units, inputs) ∂L/∂W
    of_bias     (units,) ∂L/∂b
    """

    weights: np.ndarray
    bias: np.ndarray
    entered: np.ndarray
    z: np.ndarray
    a: np.ndarray
    slope: np.ndarray
    back: np.ndarray
    delta: np.ndarray
    of_weights: np.ndarray
    of_bias: np.ndarray


@dataclass(frozen=True)
class Chain:
    """A network's layers from the first to the outputs, and what its loss says.

    loss     the mean over the rows
    targets  (outputs, rows) y as numbers, a 1 for the class where there are several outputs
    shares   (outputs, rows) ŷ, the probabilities that the outputs say, where δ of the outputs is ŷ − y; else None
    """

    links: tuple[Link, ...]
    loss: float
    targets: np.ndarray
    shares: np.ndarray | None

    @property
    def rows(self) -> int:
        return self.targets.shape[1]

    @property
    def finite(self) -> bool:
        """Whether nothing on the way there and back is beyond all bounds."""
        return all(np.isfinite(part).all() for link in self.links for part in (link.z, link.delta, link.of_weights))


@dataclass(frozen=True)
class Sum:
    """Σ left·right: its largest terms first, `which` says where they come from; `others` more come to `rest`."""

    which: np.ndarray
    left: np.ndarray
    right: np.ndarray
    others: int
    rest: float
    total: float


@dataclass(frozen=True)
class Level:
    """How large things are in one layer, root mean squares over units (or weights) and rows.

    delta       of δ
    gradient    of ∂L/∂W
    by_weights  what the next layer's Wᵀ multiplies δ by, and
    by_slope    what σ′ then does; their product is delta over the next layer's; NaN where there is nothing to divide
    slope       the largest |σ′|
    off         the share of units with σ′ = 0 on all rows
    saturated   the share of other units with |σ′| < FLAT on all rows
    """

    delta: float
    gradient: float
    by_weights: float
    by_slope: float
    slope: float
    off: float
    saturated: float
    mark: Mark


def fully_connected(network: Network) -> bool:
    """Whether it has no layers but linear ones and activations."""
    return all(isinstance(layer, Linear | Activation) for layer in network.layers)


def chained(network: Network, parameters: np.ndarray, x: np.ndarray, y: np.ndarray) -> Chain:
    """The way there and back of rows x (rows, features), y (rows,) or (rows, out), through a network's own layers.

    Raises ValueError for a network that is not fully connected.
    """
    if not fully_connected(network):
        strange = next(type(one).__name__ for one in network.layers if not isinstance(one, Linear | Activation))
        raise ValueError(f"layer {strange} is not allowed: it must be Linear or Activation")
    stack, gradient = parameters[None], np.empty((1, len(parameters)))
    weights, into = network.weights(stack), network.weights(gradient)
    passed, kept = [network.entering(x[None].astype(parameters.dtype))], []
    for layer, own in zip(network.layers, weights, strict=True):
        left, mine = layer.forward(own, passed[-1], None)
        passed.append(left)
        kept.append(mine)
    targets = y[None] if network.classes else y.T[None]
    losses, delta = network.measure.function(passed[-1], targets)
    backs = [delta]
    for layer, own, mine, to in reversed(list(zip(network.layers, weights, kept, into, strict=True))):
        back = layer.backward(own, mine, backs[0], to, wanted=True)
        assert back is not None  # it was wanted
        backs.insert(0, back)
    gradient /= len(x)  # the layers add up over the rows
    links = []
    for i, layer in enumerate(network.layers):
        if isinstance(layer, Linear):
            z, after = passed[i + 1], i + 1
            slope = np.ones_like(z)
            if after < len(network.layers) and isinstance(network.layers[after], Activation):
                slope = network.layers[after].backward((), kept[after], slope, (), wanted=True)
                after += 1
            assert slope is not None  # it was wanted
            parts = (*weights[i], passed[i], z, passed[after], slope, backs[after], backs[i + 1], *into[i])
            links.append(Link(*(part[0] for part in parts)))
    return Chain(tuple(links), float(losses.mean()), *_said(network, passed[-1], targets, delta[0]))


def products(left: np.ndarray, right: np.ndarray) -> Sum:
    """Σ left·right of two lists (terms,)."""
    terms = left * right
    order = np.argsort(-np.abs(terms), kind="stable")
    first, others = order[:_MOST_TERMS], order[_MOST_TERMS:]
    return Sum(first, left[first], right[first], len(others), float(terms[others].sum()), float(terms.sum()))


def terms_of_weight(chain: Chain, layer: int, to: int, source: int) -> Sum:
    """∂L/∂w times rows, as the sum over the rows of δ of the unit it leads to, times what enters from its source."""
    link = chain.links[layer]
    return products(link.delta[to], link.entered[source])


def terms_of_delta(chain: Chain, layer: int, unit: int, row: int) -> Sum:
    """∂ℓ/∂a of a hidden unit on one row, as the sum over the next layer's units of w·δ; times σ′ it is δ."""
    following = chain.links[layer + 1]
    return products(following.weights[:, unit], following.delta[:, row])


def weight_place(network: Network, layer: int, to: int, source: int) -> int:
    """Where a weight stands in a row of parameters."""
    matrices = [(place, block) for place, block in zip(network.places, network.blocks, strict=True) if block.is_matrix]
    place, block = matrices[layer]
    return place.start + to * block.shape[1] + source


def by_difference(
    network: Network, parameters: np.ndarray, x: np.ndarray, y: np.ndarray, place: int, by: float = 1e-5
) -> float:
    """∂L/∂w by nudging one parameter up and down."""
    two = np.stack([parameters, parameters])
    two[:, place] += by, -by
    up, down = network.evaluate(two, x.astype(parameters.dtype), y)["loss"].tolist()
    return (up - down) / (2 * by)


def levels(chain: Chain) -> tuple[Level, ...]:
    """How large δ and the gradients are, layer by layer, and where they vanish or explode."""
    found = []
    last = _rms(chain.links[-1].delta)
    for link, following in zip(chain.links, (*chain.links[1:], None), strict=True):
        delta, back = _rms(link.delta), _rms(link.back)
        slope = np.abs(link.slope).max(axis=1)
        found.append(
            Level(
                delta=delta,
                gradient=_rms(link.of_weights),
                by_weights=_over(back, _rms(following.delta)) if following else np.nan,
                by_slope=_over(delta, back) if following else np.nan,
                slope=float(slope.max()),
                off=float((slope == 0).mean()),
                saturated=float(((slope > 0) & (slope < FLAT)).mean()),
                mark="vanishing" if delta < VANISHING * last else "exploding" if delta > EXPLODING * last else "",
            )
        )
    return tuple(found)


def equal_units(chain: Chain) -> list[int]:
    """The hidden layers, from 0, whose units have the same weights in and out, and so the same gradients for ever."""
    found = []
    for i, (link, following) in enumerate(zip(chain.links, chain.links[1:], strict=False)):
        own = (link.weights, link.bias, following.weights.T, link.of_weights, link.of_bias)
        if len(link.z) > 1 and all(_same(part) for part in own):
            found.append(i)
    return found


def _said(network: Network, outputs: np.ndarray, y: np.ndarray, delta: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Targets as numbers, and the shares where δ is the difference of the two."""
    many = outputs.shape[1]
    if not network.classes:
        return y[0].astype(outputs.dtype), None
    targets = (np.arange(many)[:, None] == y if many > 1 else y).astype(outputs.dtype)
    shares = network.classified(outputs)[0, -many:]
    return targets, shares if np.allclose(shares - targets, delta, rtol=0, atol=1e-12) else None


def _rms(values: np.ndarray) -> float:
    """The root of the mean square; squares of what is tiny or huge are not lost."""
    largest = float(np.abs(values).max())
    return largest * float(np.sqrt(np.mean(np.square(values / largest)))) if largest else 0.0


def _over(size: float, before: float) -> float:
    return size / before if before else np.nan


def _same(units: np.ndarray) -> bool:
    """Whether all rows are equal but for rounding."""
    return bool(np.ptp(units, axis=0).max() <= 1e-12 * np.abs(units).max())
