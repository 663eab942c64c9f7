"""What is to be trained: a frozen, hashable spec that is also its link; and a training that goes on while the page lives."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from core import Hyper
from networks import TASKS, Training, train
from optimizers import RULES
from ui.spec import SEPARATOR, Control

MOST_RULES = 12
STEPS = Hyper(10, 5000, "log", whole=True, name="steps", default=400, help="How many minibatches every rule sees.")
BATCH = Hyper(1, 256, "log", whole=True, name="batch", default=64, help="Rows of the training set in each minibatch.")
SEED = Hyper(0, 9999, whole=True, name="seed", default=0, help="Which split, first parameters and order of the batches.")
COMMON = {hyper.name: Control(hyper.name, "Training", hyper) for hyper in (STEPS, BATCH, SEED)}


@dataclass(frozen=True)
class Lesson:
    """Which rules learn which task, and how; `numbers` holds what differs from its default."""

    task: str
    rules: tuple[str, ...]
    numbers: tuple[tuple[str, float], ...] = ()

    @property
    def controls(self) -> dict[str, Control]:
        """Every number of this lesson, by its name in the link."""
        own = {
            f"{key}.{name}": Control(f"{key}.{name}", key, hyper)
            for key in self.rules
            for name, hyper in RULES[key].hypers.items()
        }
        return COMMON | own

    def __getitem__(self, name: str) -> float:
        return dict(self.numbers).get(name, self.controls[name].hyper.default)

    def having(self, numbers: Mapping[str, float]) -> "Lesson":
        """The same lesson with some numbers changed."""
        controls, merged = self.controls, {**dict(self.numbers), **numbers}
        kept = {k: v for k, v in merged.items() if k in controls and v != controls[k].hyper.default}
        return replace(self, numbers=tuple(sorted(kept.items())))

    @property
    def entrants(self) -> list[tuple[str, dict[str, float]]]:
        """As `networks.train` takes them."""
        return [(key, {name: self[f"{key}.{name}"] for name in RULES[key].hypers}) for key in self.rules]

    def link(self) -> dict[str, str]:
        """The query parameters that restore this lesson."""
        controls = self.controls
        numbers = {name: controls[name].write(value) for name, value in self.numbers}
        return {"task": self.task, "rules": SEPARATOR.join(self.rules), **numbers}


def read_lesson(link: Mapping[str, str], default: Lesson) -> tuple[Lesson, list[str]]:
    """The lesson a link asks for, and a sentence for each thing in it that could not be granted."""
    if not link:
        return default, []
    problems: list[str] = []
    task = link.get("task", default.task)
    if task not in TASKS:
        problems.append(f"The link's task “{task[:40]}” is unknown: {default.task} is shown instead.")
        task = default.task
    asked = [word for word in dict.fromkeys(link.get("rules", "").replace(",", SEPARATOR).split(SEPARATOR)) if word]
    problems.extend(f"The link's rule “{word[:40]}” is unknown: it is left out." for word in asked if word not in RULES)
    rules = tuple(word for word in asked if word in RULES)[:MOST_RULES]
    lesson = Lesson(task, rules) if rules else replace(default, task=task)
    numbers = {}
    for name in sorted(link.keys() - {"task", "rules"}):
        control = lesson.controls.get(name)
        if control is None:
            problems.append(f"The link's setting “{name[:40]}” is unknown: it is ignored.")
            continue
        try:
            numbers[name] = control.read(link[name], name)
        except ValueError as error:
            problems.append(f"The link's {error}; {control.write(lesson[name])} is used instead.")
    return lesson.having(numbers), problems


@dataclass
class Ongoing:
    """A training in a thread of its own: what there is of it so far, and how to end it."""

    lesson: Lesson
    so_far: Training | None = None
    share: float = 0.0
    problem: str = ""
    seconds: float = 0.0
    _wish: threading.Event = field(default_factory=threading.Event, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    def start(self) -> "Ongoing":
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask it to end; it does within a few steps."""
        self._wish.set()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        return self._wish.is_set()

    def wait(self, seconds: float) -> None:
        assert self._thread  # it was started
        self._thread.join(seconds)

    def _run(self) -> None:
        begin = time.perf_counter()
        lesson = self.lesson
        try:
            done = train(
                TASKS[lesson.task],
                entrants=lesson.entrants,
                steps=int(lesson["steps"]),
                batch_size=int(lesson["batch"]),
                seed=int(lesson["seed"]),
                watch=self._watched,
                progress=self._told(begin),
                should_stop=self._wish.is_set,
            )
        except ValueError as error:
            self.problem = f"{error}."
        else:
            self.so_far = done
            self.seconds = time.perf_counter() - begin

    def _watched(self, training: Training) -> None:
        self.so_far = training

    def _told(self, begin: float) -> Any:
        def tell(share: float) -> None:
            self.share, self.seconds = share, time.perf_counter() - begin

        return tell


def plane(training: Training, side: int) -> tuple[list[float], np.ndarray] | None:
    """For inputs in the plane: the window (x from, to, y from, to) and the share of class 1, (runs, side, side) from 0 to 1."""
    x = training.data.x_train.numpy()
    if x.shape[1] != 2:
        return None
    (x0, y0), (x1, y1) = x.min(axis=0) - 0.3, x.max(axis=0) + 0.3
    points = np.stack(np.meshgrid(np.linspace(x0, x1, side), np.linspace(y0, y1, side)), axis=-1).reshape(-1, 2)
    with np.errstate(all="ignore"):
        outputs = training.task.model.forward(training.x, points.astype(training.x.dtype))[-1]
        shares = 1 / (1 + np.exp(outputs[:, 0] - outputs[:, 1]))
    return [float(v) for v in (x0, x1, y0, y1)], shares.reshape(-1, side, side)
