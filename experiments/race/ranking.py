"""What the numbers of a race bear out, as rows of a table and as one sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core import SCHEDULES, Surface, Trajectory
from core.symbolic.notation import symbol
from experiments.race import theory
from experiments.race.run import NOTHING, settled
from experiments.race.spec import TRIED, Race
from optimizers import ENTRANTS

LEVEL = 0.01
"""Final losses nearer than this, relatively, are called level."""

EXACT = 1e-15
"""A loss this near the minimum, relative to the loss at the start, has reached it as far as float64 can tell."""


EVALUATIONS = {"value": "losses", "hessian": "Hessians", "hvp": "Hessian products"}
"""What a rule may ask of a surface beside gradients, in words."""


@dataclass(frozen=True)
class Result:
    """One run's outcome. `final` and `best` are losses above the surface's minimum, or plain losses without one.

    `left` is the first step at which a run is below the minimum, where its losses above it are negative.
    """

    key: str
    title: str
    lr: float
    final: float
    best: float
    steps_to: int | None
    distance: float | None
    evaluations: Mapping[str, int]
    stopped: int | None
    left: int | None = None


def results(runs: Mapping[str, Trajectory], titles: Mapping[str, str], race: Race) -> list[Result]:
    """One for each run, in the order given."""
    surface = race.landscape
    losses = [(run.final[0], run.best[0]) for run in runs.values()]
    heights, left = surface.above(losses).tolist(), surface.below(losses)[:, 1]
    _, far = surface.nearest([run.x[-1, 0] for run in runs.values()])
    level, made = floor_of(surface) + race["threshold"], []
    for i, (key, run) in enumerate(runs.items()):
        final, best = heights[i]
        reached = int(run.steps_to(level)[0])
        made.append(
            Result(
                key=key,
                title=titles[key],
                lr=float(run.lr[0, 0]) if run.steps else math.nan,
                final=final,
                best=best,
                steps_to=reached if surface.minima and not left[i] and reached <= run.steps else None,
                distance=(math.inf if run.diverged[0] else float(far[i])) if surface.wells else None,
                evaluations={kind: int(count[0]) for kind, count in run.evaluations.items()},
                stopped=int(run.stopped[0]) if run.diverged[0] else None,
                left=int(surface.below(run.value[:, 0]).argmax()) if left[i] else None,
            )
        )
    return made


def floor_of(surface: Surface) -> float:
    """The loss that others are measured from: the global minimum, or 0 where there is none."""
    return 0.0 if surface.lowest is None else surface.lowest


def columns(race: Race, surface: Surface) -> list[tuple[str, str]]:
    """Heading and explanation of each column of the table."""
    above = " above the minimum" if surface.minima else ""
    return [
        ("Rule", ""),
        ("lr" if race.schedule == next(iter(SCHEDULES)) else "lr at step 1", "Learning rate at step 1"),
        ("Final loss" + above, f"Loss after {race['steps']:g} steps"),
        ("Best", "Lowest loss met on the way"),
        (f"Steps to {race['threshold']:g}", "Steps until the loss first is this near the minimum"),
        ("Distance", "From the last position to the nearest known minimum"),
        ("Gradients", "Gradient evaluations spent"),
        ("", "What became of it"),
    ]


def cells(result: Result, race: Race) -> list[str]:
    """The result's row, as text."""
    diverged = result.stopped is not None
    return [
        result.title,
        _tuned(result, race),
        "–" if diverged else number(result.final),
        number(result.best),
        "–" if result.steps_to is None else str(result.steps_to),
        "–" if diverged or result.distance is None else number(result.distance),
        _asked(result.evaluations),
        _fate(result, race),
    ]


def _tuned(result: Result, race: Race) -> str:
    """The learning rate, with whatever else was tuned."""
    names = race.tuned(ENTRANTS[result.key])
    more = "".join(f", {symbol(name)} {number(settled(race, result.key)[name])}" for name in names[1:])
    return number(result.lr) + (" (end of range)" if names and result.lr in TRIED else "") + more


def _asked(evaluations: Mapping[str, int]) -> str:
    """How many gradients were asked for, and what else was."""
    more = [f"{count} {EVALUATIONS[kind]}" for kind, count in evaluations.items() if kind in EVALUATIONS]
    return ", ".join([str(evaluations["grad"]), *more])


def _fate(result: Result, race: Race) -> str:
    """What became of a run, and why it diverged where theory knows."""
    fates = [] if result.left is None else [f"left below the minimum at step {result.left}"]
    if result.stopped is not None:
        edge = theory.largest_stable(race, result.key) if theory.exact(race) else None
        why = f": no lr above {number(edge)} is stable" if edge is not None and result.lr > edge else ""
        fates.append(f"diverged at step {result.stopped}{why}")
    return ", ".join(fates)


def places(found: Sequence[Result]) -> dict[str, int]:
    """Each run's place by final loss, then those that left below the minimum, then the diverged, the longest survivor first.

    Losses that are all rounding are level; then who was near first is first.
    """
    near = {r.key: math.inf if r.steps_to is None else r.steps_to for r in found}
    level = {r.key: max(r.final, NOTHING) if r.distance is not None else r.final for r in found}
    order = sorted(
        found, key=lambda r: (r.stopped is not None, r.left is not None, -(r.stopped or 0), level[r.key], near[r.key])
    )
    return {result.key: place for place, result in enumerate(order)}


def verdict(found: Sequence[Result], race: Race, surface: Surface, start_loss: float) -> str:
    """One sentence that says who is lowest, as far as these numbers say it, and under which terms."""
    if not surface.minima:
        return _falling(found, race)
    alive = sorted((r for r in found if r.stopped is None and r.left is None), key=lambda r: r.final)
    diverged, left = sum(r.stopped is not None for r in found), _left(found, surface)
    lost = (f" {diverged} of {len(found)} runs diverged." if diverged else "") + left
    if not alive:
        if left:
            return f"No run stayed above the minimum, so there is nothing to win.{lost}"
        return "Every run diverged: a smaller learning rate or clipping would keep them."
    steps = f"{race['steps']:g} step" + ("s" if race["steps"] != 1 else "")
    terms = race.terms
    seed = " This is one draw of the noise; another seed may order them differently." if race["noise"] else ""
    if len(alive) == 1:
        who = alive[0]
        stayed = "stayed above the minimum" if left else "did not diverge"
        alone = "" if len(found) == 1 else f", the only run that {stayed},"
        return f"After {steps} {who.title}{alone} is {number(who.final)} above the minimum.{left}{seed}"
    scale = EXACT * max(1.0, abs(start_loss))
    exact = [r for r in alive if r.final <= scale]
    if len(exact) > 1:
        fastest = min((r for r in exact if r.steps_to is not None), key=lambda r: r.steps_to or 0, default=None)
        first = f"; {fastest.title} was first within {race['threshold']:g}, at step {fastest.steps_to}" if fastest else ""
        return f"After {steps} {_listed([r.title for r in exact])} are at the minimum to machine precision{first}.{lost}{seed}"
    best, second = alive[0], alive[1]
    level = [r for r in alive if r.final - best.final <= LEVEL * max(abs(best.final), scale)]
    if len(level) > 1:
        return (
            f"After {steps}, {terms}, {_listed([r.title for r in level])} are level at loss "
            f"{number(best.final)} above the minimum.{lost}{seed}"
        )
    return (
        f"After {steps}, {terms}, {best.title} has the lowest loss: {number(best.final)} above the minimum; "
        f"next is {second.title} with {number(second.final)}.{lost}{seed}"
    )


def _left(found: Sequence[Result], surface: Surface) -> str:
    """Who left below the minimum, how far, and how that can be; empty where nobody did."""
    who = [f"{r.title} ({number(r.best)}, from step {r.left} on)" for r in found if r.left is not None]
    return f" {_listed(who)} left below it. {surface.caveat}".rstrip() if who else ""


def _falling(found: Sequence[Result], race: Race) -> str:
    """On a surface without a minimum only the speed of the fall can be compared."""
    gone = sorted((r for r in found if r.stopped is not None), key=lambda r: r.stopped or 0)
    first = f" {gone[0].title} was the first to leave every bound, at step {gone[0].stopped}." if gone else ""
    left = sorted((r for r in found if r.stopped is None), key=lambda r: r.final)
    lowest = (
        f" Of those still in bounds after {race['steps']:g} steps {left[0].title} is lowest, at {number(left[0].final)}."
        if left
        else ""
    )
    return f"This surface falls without end, so there is nothing to win.{first}{lowest}"


def number(value: float) -> str:
    """Three significant digits, as a person would write them."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "undefined"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
        return text.replace("-", "−")
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}".replace("-", "−")


def loss_axes(gaps: np.ndarray, alive: np.ndarray, bounded: bool, span: tuple[float, float]) -> dict[str, list[float] | None]:
    """Axis ranges of the loss curves, from the points (runs, frames) that are `alive`: no diverged run flattens the rest.

    `span` is the range of loss on the map. The logarithmic range is in decades, None where no minimum is known.
    """
    low, high = span
    start = gaps[:, 0].max()
    top = max(high, start)
    survives = alive[:, -1:]
    seen = gaps[alive & (gaps <= max(10 * abs(start), top)) & (gaps >= low - 2 * (high - low))]
    if not seen.size:
        seen = np.array([start])
    pad = 0.04 * (seen.max() - seen.min() or 1.0)
    linear = [float(seen.min() - pad), float(seen.max() + pad)]
    # Decades are cheap: on the logarithmic axis a run that survives is seen whole.
    positive = np.concatenate([seen, gaps[alive & survives]])
    positive = positive[positive > 0]
    if not bounded:
        return {"linear": linear, "log": None}
    if not positive.size:
        return {"linear": linear, "log": [-16, 0]}
    lowest = max(math.floor(math.log10(positive.min())), -16)
    highest = max(math.ceil(math.log10(positive.max())), lowest + 1)
    return {"linear": linear, "log": [lowest, highest]}


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
