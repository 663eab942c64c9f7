"""What is to be trained: a frozen, hashable spec that is also its link, and the numbers and choices it is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from core import SCHEDULES, Hyper
from core.words import cut
from experiments.able import rules_asked
from experiments.control import Control, Numbered
from experiments.link import SEPARATOR, Asked
from networks import TASKS, NetworkTask
from networks.data.augment import MOVES, Augmentation
from networks.data.prepare import PREPARED, Preparation
from networks.model.architectures import numbers_of_kind
from networks.model.layers.activation import BENDS
from networks.model.losses import LOSSES
from networks.model.parameters import INITS
from networks.model.widths import HIDDEN_LAYERS
from networks.tasks import BATCH
from networks.training.regime import REGIME
from networks.training.train import TRAIN
from optimizers import ENTRANTS

MOST_RULES = 12
STEPS = replace(TRAIN["steps"], low=10, high=5000, scale="log", default=400)


def _controls(group: str, *hypers: Hyper) -> dict[str, Control]:
    return {hyper.name: Control(hyper.name, group, hyper) for hyper in hypers}


OF_LESSONS = _controls("Common", STEPS, BATCH, TRAIN["seed"])
NETWORK, DATA, TRAINING = "Network", "Data", "Training"

Options = Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """One of several words a person may choose; `options` of a task, by their titles, and the one that it begins with."""

    name: str
    title: str
    group: str
    options: Callable[[NetworkTask], Options]
    default: Callable[[NetworkTask], str]
    help: str = ""


def _losses(task: NetworkTask) -> Options:
    fitting = (loss for loss in LOSSES.values() if loss.classes == bool(task.classes))
    return {loss.key: loss.title for loss in fitting if task.classes in (0, 2) or loss.outputs(task.classes) > 1}


def _always(options: Options) -> Callable[[NetworkTask], Options]:
    return lambda task: options


def _classes_only(options: Options) -> Callable[[NetworkTask], Options]:
    return lambda task: options if task.classes else {}


ACTIVATION = "activation"
FOLDS = 5
_FOLDS = {"0": "one split, 70 : 15 : 15"} | {str(i): f"fold {i} of {FOLDS}" for i in range(1, FOLDS + 1)}
CHOICES = (
    Choice(
        "seeds", "Seeds", "Common", _always({"1": "1", "3": "3", "5": "5"}), lambda task: "1", "Each rule runs once a seed."
    ),
    Choice(
        ACTIVATION,
        "Activation",
        NETWORK,
        lambda task: {key: bend.title for key, bend in BENDS.items()} if hasattr(task.kind, ACTIVATION) else {},
        lambda task: getattr(task.kind, ACTIVATION),
    ),
    Choice(
        "norm",
        "Batch normalisation",
        NETWORK,
        lambda task: {"no": "none", "yes": "after each hidden layer"} if hasattr(task.kind, "normalised") else {},
        lambda task: "no",
        "Each unit is scaled to mean 0, deviation 1 over the minibatch; on other rows, by the running mean and variance.",
    ),
    Choice("init", "First weights", NETWORK, _always({key: i.title for key, i in INITS.items()}), lambda task: task.init),
    Choice("loss", "Loss", NETWORK, _losses, lambda task: task.loss),
    Choice(
        "scaling",
        "Scaling",
        DATA,
        lambda task: (
            {"own": "as is usual for these data", "none": "none", "standard": "mean 0, deviation 1", "minmax": "0 to 1"}
            if not task.words
            else {}
        ),
        lambda task: task.preparation.scaling,
    ),
    Choice(
        "outliers",
        "Outliers",
        DATA,
        lambda task: {} if task.words else {"keep": "kept", "clip": "clipped to Tukey’s fences"},
        lambda task: task.preparation.outliers,
    ),
    Choice("fold", "Validation set", DATA, _always(_FOLDS), lambda task: "0"),
    Choice(
        "balance",
        "Smaller classes",
        DATA,
        _classes_only({"none": "as they are", "oversample": "drawn again", "weights": "weigh more"}),
        lambda task: "none",
        "Where they weigh more, so do they in the gradient; the losses that are shown count every row once.",
    ),
    Choice(
        "flip",
        "Mirrored images",
        DATA,
        lambda task: {"no": "none", "yes": "half of them"} if pictured(task) else {},
        lambda task: "no",
    ),
    Choice(
        "schedule", "Schedule of lr", TRAINING, _always({k: s.title for k, s in SCHEDULES.items()}), lambda task: "constant"
    ),
    Choice(
        "keep",
        "Out of patience",
        TRAINING,
        _always({"best": "has its best weights", "last": "has its last weights"}),
        lambda task: "best",
        "What a run that patience ends is left with: the weights of its lowest validation loss, or those of its last step.",
    ),
)

HIDDEN = "hidden"
"""The name in links of the widths of the hidden layers, as in 32-16."""

GIVEN = "file-"
"""What the keys of tasks from people's own files begin with."""


def pictured(task: NetworkTask) -> bool:
    """Whether the inputs are images, also where the network takes them as a line of pixels."""
    return not task.words and (len(task.shape) == 3 or task.image)


@dataclass(frozen=True)
class Lesson(Numbered):
    """Which rules learn which task, and how; `numbers` and `choices` hold what differs from the default.

    `given` is the task itself where it is not one of TASKS but comes from somebody's own file.
    """

    task: str
    rules: tuple[str, ...]
    numbers: tuple[tuple[str, float], ...] = ()
    choices: tuple[tuple[str, str], ...] = ()
    given: NetworkTask | None = None

    @property
    def origin(self) -> NetworkTask:
        """The task before anything is chosen."""
        return self.given or TASKS[self.task]

    def learning(self, task: NetworkTask) -> "Lesson":
        """The same lesson of a task; of another than before with none of the choices made for that."""
        given = None if TASKS.get(task.key) == task else task
        return replace(self, task=task.key, given=given, choices=self.choices if task.key == self.task else ())

    @property
    def offered(self) -> list[Choice]:
        """The choices that this task has."""
        return [choice for choice in CHOICES if len(choice.options(self.origin)) > 1]

    def choice(self, name: str) -> Any:
        """The word that is chosen."""
        if name == HIDDEN:
            return dict(self.choices).get(name, HIDDEN_LAYERS.write(getattr(self.origin.kind, HIDDEN)))
        one = next(choice for choice in CHOICES if choice.name == name)
        return dict(self.choices).get(name, one.default(self.origin))

    @property
    def deep(self) -> bool:
        """Whether there are hidden layers to choose."""
        return hasattr(self.origin.kind, HIDDEN)

    @property
    def controls(self) -> dict[str, Control]:
        """Every number of this lesson, by its name in the link."""
        task, schedule = self.origin, SCHEDULES[self.choice("schedule")]
        own = {
            f"{key}.{name}": Control(f"{key}.{name}", key, hyper)
            for key in self.rules
            for name, hyper in ENTRANTS[key].hypers.items()
        }
        return {
            **OF_LESSONS,
            **_controls("Common", replace(BATCH, default=float(task.batch))),
            **own,
            **_controls(NETWORK, *numbers_of_kind(type(task.kind)).values()),
            **(_controls(DATA, *PREPARED.values()) if not task.words else {}),
            **(_controls(DATA, *MOVES.values()) if pictured(task) else {}),
            **_controls(TRAINING, *REGIME.values()),
            **{f"{schedule.key}.{n}": Control(f"{schedule.key}.{n}", TRAINING, h) for n, h in schedule.hypers.items()},
        }

    def choosing(self, choices: Mapping[str, str]) -> "Lesson":
        """The same lesson with other choices; those that its task has not are left out. ValueError for a bad one."""
        merged, kept = {**dict(self.choices), **choices}, {}
        for choice in self.offered:
            chosen = merged.get(choice.name, choice.default(self.origin))
            options = choice.options(self.origin)
            if chosen not in options:
                raise ValueError(f"{choice.name} = {cut(chosen)} is unknown: allowed is one of {', '.join(options)}")
            if chosen != choice.default(self.origin):
                kept[choice.name] = chosen
        if (
            self.deep
            and HIDDEN in merged
            and (widths := HIDDEN_LAYERS.read(merged[HIDDEN])) != getattr(self.origin.kind, HIDDEN)
        ):
            kept[HIDDEN] = HIDDEN_LAYERS.write(widths)
        return replace(self, choices=tuple(sorted(kept.items())))

    @property
    def work(self) -> NetworkTask:
        """The task with everything that was chosen."""
        task, changed = self.origin, {}
        if self.deep:
            changed[HIDDEN] = HIDDEN_LAYERS.read(self.choice(HIDDEN))
        if hasattr(task.kind, ACTIVATION):
            changed[ACTIVATION] = self.choice(ACTIVATION)
        if hasattr(task.kind, "normalised"):
            changed["normalised"] = self.choice("norm") == "yes"
        changed |= {name: self[name] for name in numbers_of_kind(type(task.kind))}
        fold = int(self.choice("fold"))
        preparation = Preparation(
            scaling=self.choice("scaling"),
            outliers=self.choice("outliers"),
            balance="oversample" if self.choice("balance") == "oversample" else "none",
            fold=max(fold - 1, 0),
            folds=FOLDS if fold else 0,
            **self._of(PREPARED),
        )
        kind: Any = task.kind
        return replace(
            task, kind=replace(kind, **changed), loss=self.choice("loss"), init=self.choice("init"), preparation=preparation
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The chosen seed and those after it; after the last comes the first."""
        return tuple((int(self["seed"]) + i) % (int(TRAIN["seed"].high) + 1) for i in range(int(self.choice("seeds"))))

    @property
    def batch(self) -> tuple[int, str]:
        """The rows of a minibatch, and a sentence where fewer are used than asked for, for the training set has no more."""
        wanted = int(self[BATCH.name])
        if wanted <= self.origin.batch:
            return wanted, ""
        try:
            rows = self.work.rows(self.seeds[0])
        except ValueError:  # what is wrong with the data is told when they train
            return wanted, ""
        told = f"{BATCH.name} = {wanted} is more than the {rows} rows of the training set: {rows} are used."
        return min(wanted, rows), told if wanted > rows else ""

    @property
    def entrants(self) -> list[tuple[str, dict[str, float]]]:
        """As `networks.training.train` takes them."""
        return [(key, {name: self[f"{key}.{name}"] for name in ENTRANTS[key].hypers}) for key in self.rules]

    @property
    def regime(self) -> dict[str, Any]:
        """All other arguments of `networks.training.train`."""
        schedule = SCHEDULES[self.choice("schedule")]
        changed = Augmentation(**self._of(MOVES), flip=self.choice("flip") == "yes")
        return {
            "steps": int(self["steps"]),
            "batch_size": self.batch[0],
            "seed": self.seeds,
            "schedule": schedule.with_(**{name: self[f"{schedule.key}.{name}"] for name in schedule.hypers}),
            **{name: self[name] for name in REGIME},
            "class_weights": self.choice("balance") == "weights",
            "keep_best": self.choice("keep") == "best",
            "augmentation": changed if changed != Augmentation() else None,
        }

    def _of(self, hypers: Mapping[str, Hyper]) -> dict[str, Any]:
        """Those of the numbers that this task has."""
        controls = self.controls
        return {name: int(self[name]) if hyper.whole else self[name] for name, hyper in hypers.items() if name in controls}

    def link(self) -> dict[str, str]:
        """The query parameters that restore this lesson."""
        controls = self.controls
        numbers = {name: controls[name].write(value) for name, value in self.numbers}
        return {"task": self.task, "rules": SEPARATOR.join(self.rules), **dict(self.choices), **numbers}


def read_lesson(link: Mapping[str, str], default: Lesson, tasks: Mapping[str, NetworkTask] = TASKS) -> tuple[Lesson, list[str]]:
    """The lesson a link asks for, of one of the `tasks`, and a sentence for each thing in it that could not be granted."""
    if not link:
        return default, []
    asked = Asked(link)
    task = tasks.get(default.task, default.origin)
    key = asked.rest.get("task", "")
    if key.startswith(GIVEN) and key not in {*tasks, task.key}:
        asked.problems.append(f"The link's task is from a file that is yours to bring: {task.key} is shown instead.")
        del asked.rest["task"]
    key = asked.choice("task", {*tasks, task.key}, task.key)
    task = tasks.get(key, task)
    rules = rules_asked(asked, task.model)
    lesson = replace(Lesson(task.key, rules[:MOST_RULES]) if rules else default, choices=()).learning(task)
    names = {choice.name for choice in lesson.offered} | ({HIDDEN} if lesson.deep else set())
    for name in sorted(asked.rest.keys() & names):
        lesson = asked.granted(name, partial(_choosing, lesson, name), lesson, "it is left as it is")
    return lesson.reading(asked), asked.problems


def _choosing(lesson: Lesson, name: str, word: str) -> Lesson:
    return lesson.choosing({name: word})
