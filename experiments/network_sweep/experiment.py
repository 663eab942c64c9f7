"""The sweep over a network as an experiment."""

from typing import Any

from experiments.experiment import Experiment, Report
from experiments.job import finished
from experiments.network_sweep.spec import NetworkSweep, OngoingSweep, read_sweep
from experiments.network_sweep.words import at, outcomes, remarks, won
from experiments.training.spec import Lesson
from networks import TASKS

_FIRST = NetworkSweep(Lesson(next(iter(TASKS)), ("sgd", "momentum", "rmsprop", "adam"), (("steps", 200.0),), (("seeds", "3"),)))


def _report(view: NetworkSweep) -> Report:
    """Each rule's best numbers, who wins, and what every rule comes to at all of them.

    Raises ValueError where there is nothing to sweep, or it would cost more than the host allows.
    """
    if not view.shown:
        raise ValueError("None of these rules has both numbers: pick another number or other rules")
    found = finished(OngoingSweep(view.work))
    told, results = outcomes(view, found), list[dict[str, Any]]()
    series: dict[str, Any] = dict(found.axes)
    for i, (key, one) in enumerate(told.items()):
        best = {} if one.best is None else at(found, one.best)
        value = None if one.best is None else float(one.middle[one.best])
        results.append({"rule": key, **best, view.shows: value, "diverged": float(found.diverged[i].mean())})
        series |= {key: one.middle, f"{key}.low": one.low, f"{key}.high": one.high}
    results.sort(key=lambda row: (row[view.shows] is None, (row[view.shows] or 0) * (-1 if view.measure.rises else 1)))
    return Report(results, [text for text in (won(view, found, told), *remarks(view, found, told)) if text], series)


EXPERIMENT = Experiment("sweep", _FIRST, read_sweep, _report)
