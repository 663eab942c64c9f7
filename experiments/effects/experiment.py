"""Effects as an experiment."""

import numpy as np

from experiments.axis import Axis
from experiments.effects.run import computed, told_along
from experiments.effects.spec import Effect, read_effect
from experiments.effects.words import best, decades_near_best, in_decades, notes, ticks
from experiments.experiment import Experiment, Report
from experiments.race.controls import SHARED
from experiments.race.spec import Race

_FIRST = Effect(
    Race("ravine", ("sgd", "momentum", "nesterov", "adam"), SHARED, numbers=(("lr", 0.02), ("steps", 150.0))),
    Axis("lr", 1e-3, 1.0),
    "momentum",
)


def _report(effect: Effect) -> Report:
    """Each rule's best value of the number, what every rule comes to along it, and the losses of the runs that are drawn.

    Raises ValueError where no rule has the number.
    """
    if not effect.shown:
        raise ValueError("None of these rules has this number: pick another one or other rules")
    values, runs, found = computed(effect)
    results, series = [], {}
    for key, outcome in found.items():
        first, last, level = best(effect, outcome)
        results.append(
            {
                "rule": key,
                f"best_{effect.axis.name}": first,
                "to": last,
                effect.shows: level,
                "decades": decades_near_best(effect, outcome) if in_decades(effect) else None,
                "diverged": float((outcome.stopped <= outcome.steps).mean()),
                "left": float(outcome.left.mean()),
            }
        )
        series |= {effect.axis.name: outcome.axes[effect.axis.name], key: told_along(effect, outcome)}
    series |= {"paths": values, **{f"path.{i}": run.height[: run.stopped[0], 0] for i, run in enumerate(runs)}}
    series |= {f"theory.{name}": np.array(ends) for name, ends in ticks(effect).items()}
    return Report(results, list(notes(effect, found)), series)


EXPERIMENT = Experiment("effects", _FIRST, read_effect, _report)
