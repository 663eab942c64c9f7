"""What the numbers of a race bear out, as rows of a table and as one sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import SCHEDULES, Surface, Trajectory
from core.symbolic.notation import symbol
from experiments.numbers import number
from experiments.race import theory
from experiments.race.controls import TRIED
from experiments.race.run import NOTHING, tuned
from experiments.race.spec import Race
from optimizers import ENTRANTS

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
    more = "".join(f", {symbol(name)} {number(tuned(race, result.key)[name])}" for name in names[1:])
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
