"""The language of Ravine: hyperparameters, rules, surfaces, and the one loop that runs them. Imports numpy alone."""

from core.engine.loop import DIVERGENCE_BOUND
from core.hyper import Hyper
from core.rule import Rule, Twin, rule
from core.schedule import SCHEDULES, Schedule
from core.simulate import DRIVER, simulate
from core.surface import Surface, surface
from core.sweep import Sweep, along, sweep
from core.trajectory import Objective, Trajectory
from core.wrapper import Named, Wrapper, wrapper

__all__ = [
    "DIVERGENCE_BOUND",
    "DRIVER",
    "SCHEDULES",
    "Hyper",
    "Named",
    "Objective",
    "Rule",
    "Schedule",
    "Surface",
    "Sweep",
    "Trajectory",
    "Twin",
    "Wrapper",
    "along",
    "rule",
    "simulate",
    "surface",
    "sweep",
    "wrapper",
]
