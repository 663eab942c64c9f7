"""Who is trained: rules with their numbers, each some rows of the stack, and what they do to them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from core.effects import EFFECTS, GradientEffect
from core.engine.course import DRAWN
from core.engine.step import carrying, step_of
from core.rule import Rule
from networks.training.regime import PER_RUN, REGIME, Regime
from networks.training.training import Training
from optimizers import ENTRANTS

_BLOCK = 16_384
"""Parameters that are updated together."""


class _Column(np.ndarray):
    """A number for each run, (rows, 1) float64, that is rounded where it meets arrays of another precision and not before.

    So 1 − β and 1 − βᵗ have their digits in a training in float32 too, as they have where β is one number for all runs.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        met = next((one.dtype for one in inputs if isinstance(one, np.ndarray) and not isinstance(one, _Column)), None)
        plain = (np.asarray(one, dtype=met) if isinstance(one, _Column) else one for one in inputs)
        found = getattr(ufunc, method)(*plain, **kwargs)
        return found.view(_Column) if met is None else found


@dataclass(frozen=True)
class Group:
    """Some rows of the stack that one rule trains, and how many steps were made before its first.

    Each of `hypers`, the rule's, and of `settings`, those of PER_RUN, is a float or (rows, 1).
    """

    rule: Rule
    rows: slice
    hypers: Mapping[str, Any]
    settings: Mapping[str, Any]
    since: int = 0

    @cached_property
    def powers(self) -> tuple[tuple[str, str], ...]:
        """Its numbers b whose b**t the rule is given, each with its keyword; none is carried on: a fork begins at any step."""
        return tuple(carrying(self.rule)[1].items())


def norms(rows: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("rp,rp->r", rows, rows, dtype=np.float64))


def entered(entrants: Sequence[tuple[str, Mapping[str, Any]]], regime: Regime) -> Iterator[Group]:
    """The entrants, checked, each with its rows of the stack."""
    if not entrants:
        raise ValueError("entrants is empty: allowed is one rule or more, each with its hyperparameters")
    at, seeds = 0, len(regime.seeds)
    for name, given in entrants:
        if name not in ENTRANTS:
            raise ValueError(f"rule {name!r} is unknown: allowed is one of {', '.join(ENTRANTS)}")
        entrant = ENTRANTS[name]
        numbers = entrant.rule.check({key: value for key, value in given.items() if key not in PER_RUN})
        for key in PER_RUN:
            own = entrant.hypers.get(key)
            usual = regime.settings[key] if own is None else own.default
            numbers[key] = REGIME[key].check(given.get(key, usual))
        lengths = {len(value) for value in numbers.values() if np.ndim(value)}
        if len(lengths) > 1 or 0 in lengths:
            raise ValueError(
                f"{name} has hyperparameters of {sorted(lengths)} values: allowed is one number, or as many for all"
            )
        many = (lengths.pop() if lengths else 1) * seeds
        columns = {key: np.repeat(value, seeds)[:, None] if np.ndim(value) else value for key, value in numbers.items()}
        settings = {key: columns.pop(key) for key in PER_RUN}
        yield Group(entrant.rule, slice(at, at + many), columns, settings)
        at += many


def in_blocks(entrant: Group, parameters: int) -> Iterator[Group]:
    """An entrant's rows in blocks small enough that they and their state stay in the processor's cache."""
    many = max(_BLOCK // parameters, 1)

    def of(numbers: Mapping[str, Any], within: slice) -> dict[str, Any]:
        """Some of the rows; those that differ as columns, or all that they are multiplied with would be float64.

        Only lr is multiplied with the schedule's factor first.
        """
        found = {name: value[within] if np.ndim(value) else value for name, value in numbers.items()}
        return {name: value.view(_Column) if np.ndim(value) and name != "lr" else value for name, value in found.items()}

    for at in range(entrant.rows.start, entrant.rows.stop, many):
        rows = slice(at, min(at + many, entrant.rows.stop))
        within = slice(at - entrant.rows.start, rows.stop - entrant.rows.start)
        yield replace(entrant, rows=rows, hypers=of(entrant.hypers, within), settings=of(entrant.settings, within))


def update_of(group: Group) -> Callable[..., Any]:
    """One step of a block's rule, with decoupled decay where there is any."""
    decay = group.settings["weight_decay"]
    numbers = {name: value for name, value in group.hypers.items() if name != "lr"}
    return step_of(group.rule, frozenset(), numbers | ({"weight_decay": decay} if np.any(decay) else {}))


def effects_of(entrants: Sequence[Group], dtype: str) -> Iterator[Callable[[np.ndarray, np.ndarray, slice], np.ndarray]]:
    """What happens to the gradients (runs, P) of some rows before their rules see them, in order; what is off is not there."""
    for name, effect in EFFECTS.items():
        if name not in PER_RUN:
            continue
        parts = [np.broadcast_to(e.settings[name], (e.rows.stop - e.rows.start, 1)) for e in entrants]
        numbers = np.concatenate(parts).astype(dtype)
        if (numbers == REGIME[name].off).all():
            continue
        if "norm" in effect.needs:  # beside norms, which are float64; infinity is the largest number, as inf/inf would not be 1
            numbers = np.minimum(numbers.astype(np.float64), np.finfo(float).max).view(_Column)
        yield partial(_altered, effect, numbers)


def _altered(effect: GradientEffect, numbers: np.ndarray, g: np.ndarray, x: np.ndarray, rows: slice) -> np.ndarray:
    return effect.on(numbers[rows], _lengths, [g], [x])[0]


def _lengths(parts: Sequence[np.ndarray]) -> np.ndarray:
    """(runs, 1) of a gradient, which is one part."""
    return norms(parts[0])[:, None].view(_Column)


def drawn(seeds: np.ndarray, n: int, like: np.ndarray) -> np.ndarray:
    """Standard normals (runs, P) for a rule at a step, from each run's seed alone."""
    every = {seed: np.random.default_rng([seed, DRAWN, n]).standard_normal(like.shape[1]) for seed in set(seeds.tolist())}
    return np.stack([every[seed] for seed in seeds.tolist()]).astype(like.dtype)


def numbers_of(training: Training, run: int) -> tuple[str, dict[str, float], int]:
    """The entrant's name, its hyperparameters and what of PER_RUN it has, one number each, and the seed of one run.

    Raises ValueError for a run that the training has not.
    """
    if not 0 <= run < training.runs:
        raise ValueError(f"run = {run} is not allowed: it must be from 0 to {training.runs - 1}")
    whole = zip(training.entrants, entered(training.entrants, training.regime), strict=True)
    (name, _), entrant = next(pair for pair in whole if run < pair[1].rows.stop)
    row, given = run - entrant.rows.start, {**entrant.hypers, **entrant.settings}
    numbers = {key: float(value[row, 0]) if np.ndim(value) else value for key, value in given.items()}
    return name, numbers, training.regime.seeds[run % len(training.regime.seeds)]
