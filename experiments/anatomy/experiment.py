"""The anatomy as an experiment."""

import numpy as np

from experiments.anatomy.run import anatomy_of
from experiments.anatomy.spec import read_dissected
from experiments.anatomy.words import conventions, why
from experiments.experiment import Experiment, Report
from experiments.race.controls import EACH
from experiments.race.experiment import report as of_race
from experiments.race.spec import Race

_FIRST = Race("rosenbrock", ("adam",), EACH, numbers=(("adam.lr", 0.1), ("steps", 200.0)))


def _report(race: Race) -> Report:
    """The run's row, and what the charts beside its steps show, a number a step and coordinate."""
    whole, anatomy = of_race(race), anatomy_of(race)
    series = {
        "gradient": anatomy.gradient,
        "moved": anatomy.moved,
        "direction": anatomy.direction,
        "stride": anatomy.stride,
        "way": np.cumsum(anatomy.stride, axis=0),
        "effective": anatomy.effective,
        "angle_to_descent": anatomy.angle_to(-anatomy.run.gradient[: anatomy.steps, 0]),
        **{f"slot.{name}": anatomy.slot(name) for name in anatomy.run.state},
    }
    _, verdict = whole.words
    return Report(whole.results, [text for text in (conventions(race), verdict, why(race)) if text], whole.series | series)


EXPERIMENT = Experiment("anatomy", _FIRST, read_dissected, _report)
