"""The race as an experiment."""

from dataclasses import asdict

from experiments.experiment import Experiment, Report
from experiments.race.controls import EACH
from experiments.race.ranking import places, results
from experiments.race.run import trajectories
from experiments.race.spec import Race, read_race
from experiments.race.words import lesson, verdict
from optimizers import ENTRANTS

_FIRST = Race(
    surface="rosenbrock",
    entrants=("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "rprop"),
    lrs=EACH,
    numbers=(
        ("adagrad.lr", 0.5),
        ("adam.lr", 0.1),
        ("momentum.lr", 0.0005),
        ("nesterov.lr", 0.001),
        ("rmsprop.lr", 0.02),
        ("rprop.lr", 0.05),
        ("sgd.lr", 0.0015),
    ),
)


def report(race: Race) -> Report:
    """Every run's row, the verdict, and every run's losses and path until it stopped."""
    runs, surface = trajectories(race), race.landscape
    found = results(runs, {key: ENTRANTS[key].title for key in runs}, race)
    order, rows = places(found), []
    for one in sorted(found, key=lambda result: order[result.key]):
        row = asdict(one)
        rows.append({"rule": row.pop("key"), **row, "place": order[one.key] + 1})
    series = {}
    for key, run in runs.items():
        rest = slice(int(run.stopped[0]))
        series |= {key: run.height[rest, 0], f"{key}.x": run.x[rest, 0, 0], f"{key}.y": run.x[rest, 0, 1]}
    start = float(next(iter(runs.values())).height[0, 0])
    return Report(rows, [lesson(race), verdict(found, race, surface, start)], series)


EXPERIMENT = Experiment("race", _FIRST, read_race, report)
