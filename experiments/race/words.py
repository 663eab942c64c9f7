"""What the numbers of a race bear out, as one sentence."""

from collections.abc import Sequence

from core import Surface
from experiments.numbers import listed, number
from experiments.race.ranking import Result
from experiments.race.spec import Race
from surfaces import SURFACES

LEVEL = 0.01
"""Final losses nearer than this, relatively, are called level."""

EXACT = 1e-15
"""A loss this near the minimum, relative to the loss at the start, has reached it as far as float64 can tell."""


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
        return f"After {steps} {listed([r.title for r in exact])} are at the minimum to machine precision{first}.{lost}{seed}"
    best, second = alive[0], alive[1]
    level = [r for r in alive if r.final - best.final <= LEVEL * max(abs(best.final), scale)]
    if len(level) > 1:
        return (
            f"After {steps}, {terms}, {listed([r.title for r in level])} are level at loss "
            f"{number(best.final)} above the minimum.{lost}{seed}"
        )
    return (
        f"After {steps}, {terms}, {best.title} has the lowest loss: {number(best.final)} above the minimum; "
        f"next is {second.title} with {number(second.final)}.{lost}{seed}"
    )


def _left(found: Sequence[Result], surface: Surface) -> str:
    """Who left below the minimum, how far, and how that can be; empty where nobody did."""
    who = [f"{r.title} ({number(r.best)}, from step {r.left} on)" for r in found if r.left is not None]
    return f" {listed(who)} left below it. {surface.caveat}".rstrip() if who else ""


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


def lesson(race: Race) -> str:
    """What the surface teaches, and what it does not keep."""
    surface = SURFACES[race.surface]
    return f"{surface.lesson} {surface.caveat}".rstrip()
