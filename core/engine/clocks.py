"""What a rule keeps by the count of its steps alone, and what that has become after many of them.

A slot that is a product or a sum over past steps (NAdam's product of momenta) is the same whatever gradients were seen. A
rule that believes it has made many steps must hold it as it would be after them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from core.rule import Rule, record
from core.symbolic.derivative import derivative
from core.symbolic.emit import compiled
from core.symbolic.expression import Expr, Unrecorded, expr, parts_of

Terms = Callable[[np.ndarray], np.ndarray]

ORDER = 16
"""Terms that stand for all of a stretch of a sum; as many more check them."""


@dataclass(frozen=True)
class Clockwork:
    """Slots that neither gradient nor place moves.

    numbers  the hyperparameters they depend on
    ahead    (*slots, t, *numbers) → the slots after step t
    growths  for each slot, ahead's derivative by it where that depends on t and numbers alone, so that the slot is a product
             or a sum over the steps; None where it does not
    """

    slots: tuple[str, ...]
    numbers: tuple[str, ...]
    ahead: Callable[..., tuple[Any, ...]]
    growths: tuple[Callable[..., tuple[Any, ...]] | None, ...]


@lru_cache(maxsize=256)
def clockwork(rule: Rule) -> Clockwork | None:
    """What of a rule's state is moved by the count of steps alone; None where nothing is."""
    if not rule.slots:
        return None
    hypers = [name for name in rule.hypers if name != "lr"]
    try:
        given, (_, *kept) = record(rule.update, list(rule.slots), [*rule.needs, *hypers])
    except Unrecorded:
        return None
    names = {symbol.args[0]: name for name, symbol in given.items()}
    after = dict(zip(rule.slots, map(expr, kept), strict=True))

    def uses(e: Expr) -> set[str]:
        return {names[part.args[0]] for part in parts_of([e]) if part.op == "symbol"}

    slots = set(after)
    while strange := {name for name in slots if not uses(after[name]) <= {"t", *hypers, *slots}}:
        slots -= strange
    if not slots:
        return None
    own = tuple(name for name in after if name in slots)
    numbers = tuple(name for name in hypers if any(name in uses(after[slot]) for slot in own))
    symbols = [f"given_{name}" for name in (*own, "t", *numbers)]

    def growth(name: str) -> Callable[..., tuple[Any, ...]] | None:
        try:
            change = derivative(after[name], f"given_{name}")
        except ValueError:
            return None
        alone = not uses(change) & slots and uses(after[name]) & slots <= {name}
        return compiled([change], symbols) if alone else None

    return Clockwork(own, numbers, compiled([after[name] for name in own], symbols), tuple(map(growth, own)))


def aged(rule: Rule, numbers: Mapping[str, Any], steps: float) -> dict[str, Any]:
    """{slot: its value after so many steps of no gradient}: a float, or (runs,) where the rule's `numbers` are such."""
    found, begin = clockwork(rule) if steps else None, dict(rule.slots)
    if found is None:
        return begin
    settings = [np.atleast_1d(numbers[name]) for name in found.numbers]
    runs = max((len(values) for values in settings), default=1)
    settings = [np.broadcast_to(values, (runs,)) for values in settings]
    with np.errstate(all="ignore"):
        ends = _leapt(found, begin, settings, steps) or _walked(found, begin, settings, steps)
    single = all(np.ndim(numbers[name]) == 0 for name in found.numbers)
    return begin | {name: float(end[0]) if single else end for name, end in zip(found.slots, ends, strict=True)}


def _leapt(found: Clockwork, begin: Mapping[str, float], settings: list[np.ndarray], steps: float) -> list[np.ndarray] | None:
    """The slots (runs,) where each is a product or a sum over the steps, of terms that vary smoothly; else None."""
    rows = [values[:, None] for values in settings]
    ends = []
    for i, (name, growth) in enumerate(zip(found.slots, found.growths, strict=True)):
        if growth is None:
            return None

        def added(t: np.ndarray, at: int = i) -> np.ndarray:
            zeros = [t * 0.0 for _ in found.slots]
            return _wide(found.ahead(*zeros, t, *rows)[at], rows, t)

        def grown(t: np.ndarray, growth: Callable[..., tuple[Any, ...]] = growth) -> np.ndarray:
            return _wide(growth(*(t for _ in found.slots), t, *rows)[0], rows, t)

        stretch = _stretches(int(steps), ORDER)[0]
        if (grown(stretch) == 1.0).all():
            total = _total(added, steps)
            end = None if total is None else begin[name] + total
        elif (added(stretch) == 0.0).all() and (grown(stretch) >= 0.0).all():
            total = _total(lambda t: np.log(grown(t)), steps)
            end = None if total is None else begin[name] * np.exp(total)
        else:
            end = None
        if end is None:
            return None
        ends.append(end)
    return ends


def _walked(found: Clockwork, begin: Mapping[str, float], settings: list[np.ndarray], steps: float) -> list[np.ndarray]:
    """The slots (runs,) step by step, as far as they still change."""
    now = [np.full(len(settings[0]) if settings else 1, begin[name]) for name in found.slots]
    for t in range(1, int(steps) + 1):
        then = [np.broadcast_to(part, now[0].shape) for part in found.ahead(*now, float(t), *settings)]
        if all(np.array_equal(a, b, equal_nan=True) for a, b in zip(now, then, strict=True)):
            break
        now = then
    return [np.array(part) for part in now]


def _wide(values: Any, rows: list[np.ndarray], t: np.ndarray) -> np.ndarray:
    """As (runs, times)."""
    return np.broadcast_to(np.asarray(values, dtype=np.float64), (len(rows[0]) if rows else 1, t.size))


def _total(terms: Terms, steps: float) -> np.ndarray | None:
    """Σ terms(t) over t = 1 … steps, (runs,), of terms (runs, times); None where they are not smooth enough for that."""
    first, second = (
        (np.ascontiguousarray(terms(t)) * weight).sum(axis=-1)
        for t, weight in (_stretches(int(steps), order) for order in (ORDER, 2 * ORDER))
    )
    return second if np.allclose(first, second, rtol=1e-13, atol=1e-11) else None


@lru_cache(maxsize=64)
def _stretches(steps: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Times (n,) and weights (n,) that sum a function over 1 … steps: stretches that double, each by Gauss's rule for sums.

    `order` times do for a stretch what is exact for polynomials of degree 2·order − 1. They are the zeros of the discrete
    Chebyshev polynomials (Gautschi, Orthogonal Polynomials, 2004, § 1.5.2); a stretch of no more than that is summed as it is.
    """
    times, weights, low = [], [], 1
    while low <= steps:
        many = min(low, steps - low + 1)
        k = np.arange(1, min(order, many))
        beside = np.sqrt(k**2 * (float(many) ** 2 - k**2) / (4 * (4 * k**2 - 1.0)))
        places, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
        times.append(low + (many - 1) / 2 + places)
        weights.append(many * vectors[0] ** 2)
        low += many
    return np.concatenate(times), np.concatenate(weights)
