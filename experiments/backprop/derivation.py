"""One weight's gradient written out: the equations with their numbers set in, in LaTeX, and their sums as tables."""

from collections.abc import Sequence

import numpy as np

from experiments.numbers import number
from networks.analysis.backprop import Chain, Sum, terms_of_delta, terms_of_weight

Weight = tuple[int, int, int]
"""Layer, the unit that it leads to, the one that it comes from; all from 0."""


def general(chain: Chain) -> list[str]:
    """The chain rule for any layer; the δ of the outputs is their error where the loss is such."""
    error = r"\hat y - y" if chain.shares is not None else r"\frac{\partial \ell}{\partial z^{(L)}}"
    return [
        r"\textsf{forward}\quad z^{(l)} = W^{(l)} a^{(l-1)} + b^{(l)}",
        r"a^{(l)} = \sigma(z^{(l)})",
        rf"\textsf{{backward}}\quad \delta^{{(L)}} = {error}",
        r"\delta^{(l)} = \big({W^{(l+1)}}^{\top} \delta^{(l+1)}\big) \odot \sigma'(z^{(l)})",
        r"\frac{\partial L}{\partial W^{(l)}} = \delta^{(l)} \, {a^{(l-1)}}^{\top}",
        r"\frac{\partial L}{\partial b^{(l)}} = \delta^{(l)}",
    ]


def of_weight(chain: Chain, weight: Weight) -> tuple[str, Sum]:
    """∂L/∂w as a product, or as the mean of products over several rows; and those, row by row."""
    layer, to, source = weight
    found = terms_of_weight(chain, layer, to, source)
    left = rf"\frac{{\partial L}}{{\partial {_w(layer, to, source)}}}"
    delta, entered = _delta(layer, to), _entered(layer, source)
    if chain.rows == 1:
        numbers = _product(found.left[0], found.right[0])
        return _lines(left, rf"{delta} \, {entered}", numbers, tex(found.total)), found
    mean = rf"\frac{{1}}{{{chain.rows}}} \sum_{{\mathrm{{rows}}}} {delta} \, {entered}"
    return _lines(left, mean, rf"\frac{{{tex(found.total)}}}{{{chain.rows}}}", tex(found.total / chain.rows)), found


def of_delta(chain: Chain, layer: int, unit: int, row: int) -> tuple[str, Sum | None]:
    """δ of a unit on one row: of the next layer's, term by term, or of the outputs' error."""
    link = chain.links[layer]
    left, value = _delta(layer, unit), float(link.delta[unit, row])
    if layer + 1 < len(chain.links):
        found = terms_of_delta(chain, layer, unit, row)
        slope = rf"\sigma'(z^{{({layer + 1})}}_{{{unit + 1}}})"
        over = rf"\sum_k {_w(layer + 1, 'k', unit)} \, {_delta(layer + 1, 'k')}"
        return _lines(left, rf"{slope} {over}", _product(float(link.slope[unit, row]), found.total), tex(value)), found
    if chain.shares is None:
        return _lines(left, rf"\frac{{\partial \ell}}{{\partial z^{{({layer + 1})}}_{{{unit + 1}}}}}", tex(value)), None
    share, target = float(chain.shares[unit, row]), float(chain.targets[unit, row])
    error = rf"\hat y_{{{unit + 1}}} - y_{{{unit + 1}}}"
    return _lines(left, error, f"{tex(share)} - {tex(target)}", tex(value)), None


def derivation_table(found: Sum, heads: Sequence[str], names: Sequence[str]) -> list[dict[str, str]]:
    """A sum, a term a row, largest first: what each is called, its factors and their product under the heads."""
    rows = []
    for at, left, right in zip(found.which.tolist(), found.left.tolist(), found.right.tolist(), strict=True):
        rows.append((names[at], *(number(value + 0.0) for value in (left, right, left * right))))  # −0 becomes 0
    if found.others:
        rows.append((f"{found.others} others", "", "", number(found.rest)))
    if len(rows) > 1:
        rows.append(("sum", "", "", number(found.total)))
    return [dict(zip(heads, row, strict=True)) for row in rows]


def tex(value: float) -> str:
    """Four digits, the exponent as a power of ten."""
    if value == 0 or not np.isfinite(value) or 1e-3 <= abs(value) < 1e5:
        return {"inf": r"\infty", "-inf": r"-\infty"}.get(text := f"{value:.4g}", text)
    mantissa, exponent = f"{value:.3e}".split("e")
    return rf"{float(mantissa):g} \cdot 10^{{{int(exponent)}}}"


def _lines(left: str, general: str, *numbers: str) -> str:
    """What is to the left, in general on one line, in numbers on the next."""
    return rf"\begin{{aligned}} {left} &= {general} \\ &= {' = '.join(numbers)} \end{{aligned}}"


def _product(left: float, right: float) -> str:
    return rf"{tex(left)} \times {tex(right) if right >= 0 else f'({tex(right)})'}"


def _w(layer: int, to: int | str, source: int) -> str:
    return rf"w^{{({layer + 1})}}_{{{_counted(to)},{source + 1}}}"


def _delta(layer: int, unit: int | str) -> str:
    return rf"\delta^{{({layer + 1})}}_{{{_counted(unit)}}}"


def _entered(layer: int, unit: int) -> str:
    return rf"a^{{({layer})}}_{{{unit + 1}}}" if layer else rf"x_{{{unit + 1}}}"


def _counted(unit: int | str) -> str:
    return unit if isinstance(unit, str) else str(unit + 1)
