"""What a sweep over a network came to: each rule's best numbers, how much room there is about them, and who wins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.symbolic.notation import symbol
from experiments.network_sweep.spec import NetworkSweep
from experiments.numbers import number
from networks.analysis.paired import lead
from networks.training.sweep import Cell, Measure, TrainedGrid
from optimizers import ENTRANTS

_NEAR = 1.1
"""A loss is about as good as the best when it is within this factor of it."""

POINT = 0.01
"""An accuracy is, when it is no more than this below."""

_LEAST = 1e-16

BEYOND = 3.0
"""A loss more than so many times that before training is out of the picture."""


@dataclass(frozen=True)
class Standing:
    """What one entrant came to; arrays are (*axes).

    low, middle, high  of its seeds, with five the middle three and with three all; infinite where they diverged, NaN where it
                       is not yet trained
    lost               int, how many seeds diverged
    best               the place of the best middle, None where there is none
    """

    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray
    lost: np.ndarray
    best: Cell | None


def outcome(found: TrainedGrid, measure: Measure, entrant: int) -> Standing:
    """What an entrant came to by a measure."""
    values, done = found.outcomes[measure.key][entrant].astype(float), found.done[entrant]
    ordered = np.sort(np.where(np.isnan(values), measure.worst, values), axis=-1)
    seeds = ordered.shape[-1]
    low, middle, high = (np.where(done, ordered[..., i], np.nan) for i in (seeds // 4, seeds // 2, seeds - 1 - seeds // 4))
    lost = (np.isnan(values) & done[..., None]).sum(axis=-1)
    level = np.where(np.isfinite(middle), -middle if measure.rises else middle, np.inf)
    best = tuple(int(i) for i in np.unravel_index(level.argmin(), level.shape)) if np.isfinite(level).any() else None
    return Standing(low, middle, high, lost, best)


def as_good(told: Standing, measure: Measure) -> float:
    """How bad the middle may be to be about as good as the best; ValueError where there is no best."""
    if told.best is None:
        raise ValueError("there is no best: every run diverged")
    best = float(told.middle[told.best])
    return best - POINT if measure.rises else max(_NEAR * best, _LEAST)


def about(measure: Measure) -> str:
    """What counts as about as good, in words."""
    return f"within {100 * POINT:g} point of it" if measure.rises else f"within {100 * (_NEAR - 1):g} % of it"


def width(values: np.ndarray, told: Standing, measure: Measure) -> float:
    """Decades of the number (values,), one axis, over which the line through what was trained is about as good as the best."""
    done = ~np.isnan(told.middle)
    if told.best is None or done.sum() < 2:
        return 0.0
    level, middle = as_good(told, measure), told.middle[done]
    above = level - middle if measure.rises else np.log10(np.maximum(middle, _LEAST)) - np.log10(level)
    total = 0.0
    for a, b, decades in zip(above, above[1:], np.diff(np.log10(values[done])), strict=False):
        if np.isfinite(a) and np.isfinite(b):  # beside a diverged run there is no line
            total += decades * (float(a <= 0) if (a <= 0) == (b <= 0) else abs(min(a, b)) / abs(a - b))
    return float(total)


def share(told: Standing, measure: Measure) -> float:
    """The share of what is trained that is about as good as the best."""
    if told.best is None:
        return 0.0
    level = as_good(told, measure)
    good = told.middle >= level if measure.rises else told.middle <= level
    return float(good.sum() / (~np.isnan(told.middle)).sum())


def at(found: TrainedGrid, place: Cell) -> dict[str, float]:
    """The numbers at a place of the grid."""
    return {name: float(values[i]) for (name, values), i in zip(found.axes.items(), place, strict=True)}


def said(measure: Measure, value: float) -> str:
    """A measure as a person writes it."""
    return f"{value:.1%}" if measure.rises else number(value)


def apart(measure: Measure, value: float) -> str:
    """A difference of two."""
    return f"{number(float(f'{100 * value:.2g}'))} points" if measure.rises else number(float(f"{value:.2g}"))


def sweep_verdict(found: TrainedGrid, measure: Measure, told: Mapping[str, Standing], titles: Sequence[str]) -> str:
    """Which entrant is best at its own best numbers, as far as the seeds can say it; `told` and `titles` in their order."""
    outcomes = list(told.values())
    alive = [i for i, one in enumerate(outcomes) if one.best is not None]
    if not alive:
        return "Every run diverged: smaller learning rates would keep them."
    ranked = sorted(alive, key=lambda i: -_middle(outcomes[i]) if measure.rises else _middle(outcomes[i]))
    seeds, name = found.stopped.shape[-1], measure.title.lower()
    if len(ranked) == 1:
        return (
            f"{_named(found, titles, outcomes, ranked[0])} comes to a {name} of {said(measure, _middle(outcomes[ranked[0]]))}."
        )
    first, second = ranked[:2]
    if seeds == 1:
        return (
            f"{_named(found, titles, outcomes, first)} is ahead with {said(measure, _middle(outcomes[first]))}, then "
            f"{_named(found, titles, outcomes, second)} with {said(measure, _middle(outcomes[second]))}. "
            "This is one seed: another may order them differently."
        )
    values = np.array([found.outcomes[measure.key][(i, *(outcomes[i].best or ()))] for i in ranked], dtype=float)
    leading = lead(-values if measure.rises else values)
    if leading is None or not np.isfinite(values[:2]).all():
        return "No winner can be named: a seed diverged at the best numbers of the first two."
    first, second = ranked[leading.first], ranked[leading.other]
    gain, low, high = leading.mean, leading.low, leading.high
    a, b = (_named(found, titles, outcomes, i) for i in (first, second))
    between = f"95 % interval from {apart(measure, low)} to {apart(measure, high)}"
    worse = "below" if measure.rises else "above"
    if low <= 0:
        return (
            f"No winner: {b} is {apart(measure, gain)} {worse} {a} on average over {seeds} paired seeds, "
            f"but the {between} includes zero."
        )
    return f"{a} is best: {b} is {apart(measure, gain)} {worse} it on average over {seeds} paired seeds, {between}."


def _middle(one: Standing) -> float:
    assert one.best is not None  # only those are ranked
    return float(one.middle[one.best])


def _named(found: TrainedGrid, titles: Sequence[str], outcomes: Sequence[Standing], entrant: int) -> str:
    best = outcomes[entrant].best
    assert best is not None  # only those are ranked
    return f"{titles[entrant]} ({', '.join(f'{symbol(name)} {number(value)}' for name, value in at(found, best).items())})"


def outcomes(view: NetworkSweep, found: TrainedGrid) -> dict[str, Standing]:
    """What every rule came to."""
    return {key: outcome(found, view.measure, i) for i, key in enumerate(view.shown)}


def won(view: NetworkSweep, found: TrainedGrid, told: dict[str, Standing]) -> str:
    """Which rule is best, once all is trained; empty before."""
    return sweep_verdict(found, view.measure, told, [ENTRANTS[key].title for key in told]) if found.complete else ""


def remarks(view: NetworkSweep, found: TrainedGrid, told: dict[str, Standing]) -> Iterator[str]:
    """What the pictures show and what they do not, a sentence each."""
    left = [ENTRANTS[key].title for key in view.lesson.rules if key not in told]
    seeds = found.stopped.shape[-1]
    if left and view.other:
        yield f"{', '.join(left)} cannot be shown: there is no {symbol(view.other.name)} in it."
    if seeds > 1:
        band = (
            "; bands reach over " + (f"all {seeds}" if seeds < 5 else f"the middle 3 of {seeds}") if view.other is None else ""
        )
        yield f"Medians of {seeds} seeds{band}. Seeds share the split of the data and differ in first weights and minibatches."
    if view.other is None:
        yield "Rings mark each rule’s best lr; the decades are read off its line."
        if not view.measure.rises:
            yield f"Shown are losses up to {BEYOND:g} times that before training."
    yield "Each best is picked on the very seeds and validation set that judge it, which flatters every rule."


def summary_rows(view: NetworkSweep, found: TrainedGrid, told: dict[str, Standing]) -> list[dict[str, str]]:
    """Each rule's best numbers, the best first, and how much room there is about them."""
    measure, seeds, rows = view.measure, found.stopped.shape[-1], []
    for i, (key, one) in enumerate(told.items()):
        row, order = {"Rule": ENTRANTS[key].title}, np.inf
        best = {} if one.best is None else at(found, one.best)
        for axis, place in zip(view.axes, one.best or (-1, -1), strict=False):
            row[f"best {symbol(axis.name)}"] = f"{number(best[axis.name])}{ended(axis.name, found, place)}" if best else "–"
        row[f"{measure.title.lower()} there"] = "–"
        if one.best is not None:
            middle = float(one.middle[one.best])
            order = -middle if measure.rises else middle
            low, high = (said(measure, float(part[one.best])) for part in (one.low, one.high))
            spread = f" ({low} to {high})" if seeds > 1 else ""
            row[f"{measure.title.lower()} there"] = said(measure, middle) + spread
        if view.other is None:
            row[f"decades of lr {about(measure)}"] = f"{width(found.axes[view.lr.name], one, measure):.2f}"
        else:
            row[f"cells {about(measure)}"] = f"{share(one, measure):.1%}"
        if found.diverged.any():
            lost = found.diverged[i].mean()
            row["runs that diverged"] = f"{lost:.0%}" if lost else "–"
        rows.append((order, row))
    return [row for _, row in sorted(rows, key=lambda entry: entry[0])]


def ended(name: str, found: TrainedGrid, place: int) -> str:
    """Said of a best value that is the first or the last that was tried: a better one may be beyond."""
    return " (end of range)" if place in (0, len(found.axes[name]) - 1) else ""
