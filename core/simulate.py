"""Every trajectory comes from `simulate`."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np

from core.effects import L2, ClipNorm, ClipValue, Noise, Setting
from core.engine.clocks import aged
from core.engine.course import Course, scheduled, starts
from core.engine.recorded import recorded
from core.hyper import Hyper, declared
from core.rule import Rule
from core.schedule import Schedule
from core.trajectory import Objective, Trajectory

_Steps = Annotated[int, Hyper(1, 5000, "log", whole=True, help="How many updates every rule makes.")]
WeightDecay = Annotated[
    Setting,
    Hyper(
        1e-6,
        10.0,
        "log",
        off=0.0,
        help="Decoupled decay λ: every parameter x, biases too, shrinks by lr·λ·x each step (AdamW).",
    ),
]
Age = Annotated[
    int,
    Hyper(
        1,
        1e6,
        "log",
        off=0.0,
        whole=True,
        help="Steps a rule that counts them believes it made before. From some thousand on, bias correction is as good as off.",
    ),
]
Seed = Annotated[int, Hyper(0, 9999, whole=True, help="Which noise: the same seed gives the same numbers.")]


def simulate(
    rule: Rule,
    objective: Objective,
    *,
    start: Any = None,
    hypers: Mapping[str, Any] | None = None,
    steps: _Steps = 500,
    schedule: Schedule | str | None = None,
    noise: Noise = 0.0,
    seed: Seed = 0,
    clip_norm: ClipNorm = math.inf,
    clip_value: ClipValue = math.inf,
    weight_decay: WeightDecay = 0.0,
    l2: L2 = 0.0,
    age: Age = 0,
    progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Trajectory:
    """Run a rule on an objective, one run or many at once.

    start: (parameters,) or (runs, parameters), by default the objective's own. Each hyperparameter, and each of noise,
    clip_norm, clip_value, weight_decay and l2: a float or (runs,). The gradient is what the objective gives, plus l2·x,
    plus noise, then clipped by value, then by norm; the rule turns it into a direction; then
    x ← x − lr·factor(t)·(direction + weight_decay·x).
    A schedule is one of SCHEDULES or its name. Noise is one stream of standard normals (steps, parameters) from `seed`,
    shared by all runs and all rules. The t that a rule is told starts from 1 + age, and a slot that goes by the count of steps
    alone starts as it is after so many.

    `progress` is told the share done; when `should_stop` says True the trajectory so far is returned. A run whose position
    or loss is not finite or exceeds DIVERGENCE_BOUND is frozen at that step and marked in `stopped`; it is not an error.

    Raises ValueError, naming parameter, value and what is allowed, for an unknown or bad argument.
    """
    settings = {"noise": noise, "clip_norm": clip_norm, "clip_value": clip_value, "weight_decay": weight_decay, "l2": l2}
    course = prepared(
        rule, objective, start=start, hypers=hypers, steps=steps, schedule=schedule, seed=seed, age=age, **settings
    )
    return recorded(course, progress, should_stop)


DRIVER: Mapping[str, Hyper] = declared(simulate)
"""The hyperparameters of the loop itself, told once in `simulate`'s signature."""


def prepared(
    rule: Rule,
    objective: Any,
    *,
    start: Any = None,
    hypers: Mapping[str, Any] | None = None,
    steps: int = 500,
    schedule: Schedule | str | None = None,
    seed: int = 0,
    age: float = 0.0,
    **settings: Any,
) -> Course:
    """The arguments of `simulate` as a course that can be run; ValueError for an unknown or bad one."""
    if refusal := rule.refusal(objective):
        raise ValueError(refusal.removesuffix("."))
    checked = {name: DRIVER[name].check(DRIVER[name].off if value is None else value) for name, value in settings.items()}
    steps, seed, age = int(_single("steps", steps)), int(_single("seed", seed)), _single("age", age)
    rates = rule.check(hypers)
    factors = scheduled(schedule).factors(steps)
    x0 = starts(objective, start, {**rates, **checked, "schedule": factors[0]})
    rate = rates.pop("lr")
    effects = frozenset(name for name, value in checked.items() if np.any(np.asarray(value) != DRIVER[name].off))
    # A norm bound of infinity within a batch is the largest number: inf/inf would not be 1.
    numbers = rates | {name: np.minimum(checked[name], np.finfo(float).max) for name in sorted(effects)}
    numbers = {name: float(value) if np.ndim(value) == 0 else value for name, value in numbers.items()}
    return Course(
        rule=rule,
        objective=objective,
        x0=x0,
        rate=rate,
        factors=factors,
        numbers=numbers,
        effects=effects,
        draws=np.random.default_rng(seed).standard_normal((steps if "noise" in effects else 0, x0.shape[1])),
        age=age,
        seed=seed,
        slots=aged(rule, numbers, age),
    )


def _single(name: str, value: Any) -> float:
    number = DRIVER[name].check(DRIVER[name].off if value is None else value)
    if not isinstance(number, float):
        raise ValueError(f"{name} has shape {number.shape}: allowed is one number for all runs")
    return number
