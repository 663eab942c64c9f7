"""Which network is looked at, on which rows, at which weight: a frozen, hashable spec that is also its link."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core import Hyper
from experiments.able import able
from experiments.control import Control, Numbered
from experiments.link import Asked
from networks import TASKS, NetworkTask
from networks.analysis.backprop import fully_connected
from networks.model.architectures import MLP
from networks.model.layers.activation import BENDS
from networks.model.losses import LOSSES
from networks.model.parameters import INITS
from networks.model.widths import HIDDEN_LAYERS
from networks.training.train import TRAIN
from optimizers import RULES

LAYERS = replace(HIDDEN_LAYERS, least=1, each=replace(HIDDEN_LAYERS.each, high=64))
"""Hidden layers that are looked at."""

_STEPS = Hyper(0, 500, whole=True, name="steps", default=0, help="Minibatches the network has been trained on before.")

_ROWS = Hyper(1, 256, "log", whole=True, name="rows", default=1, help="Rows that are looked at together: 1, or a minibatch.")

_ROW = Hyper(0, 9999, whole=True, name="row", default=0, help="Which row of the training set, or the first of several.")

_SEED = replace(TRAIN["seed"], help="Which split, first parameters and order of the batches.")

LAYER = Hyper(1, LAYERS.most + 1, whole=True, name="layer", default=1, help="Which layer the weight belongs to.")

TO = Hyper(1, 9999, whole=True, name="to", default=1, help="The unit of this layer that the weight leads to.")

FROM = Hyper(
    1, 9999, whole=True, name="from", default=1, help="The unit of the layer before, or the input, that it comes from."
)

OF_LOOKS = {hyper.name: Control(hyper.name, "", hyper) for hyper in (_STEPS, _ROWS, _ROW, _SEED, LAYER, TO, FROM)}


def _fully_connected() -> Iterator[NetworkTask]:
    """The first of those tasks that differ in no more than their layers."""
    known = set()
    for task in TASKS.values():
        if fully_connected(task.model) and (task.source, task.loss) not in known:
            known.add((task.source, task.loss))
            yield task


FLAT_TASKS = {task.key: task for task in _fully_connected()}


def title_of(task: NetworkTask) -> str:
    """What is learned by which loss; the layers are not the task's own here."""
    return f"{task.title.partition(',')[0]}, {LOSSES[task.loss].title.lower()}"


@dataclass(frozen=True)
class Look(Numbered):
    """A task's network with layers of one's own, trained by a rule; `numbers` holds what differs from its default."""

    task: str
    hidden: tuple[int, ...]
    activation: str
    init: str
    rule: str
    numbers: tuple[tuple[str, float], ...] = ()

    @property
    def controls(self) -> dict[str, Control]:
        """Every number, by its name in the link."""
        return OF_LOOKS | {f"{self.rule}.lr": Control(f"{self.rule}.lr", self.rule, RULES[self.rule].hypers["lr"])}

    @property
    def network_task(self) -> NetworkTask:
        return replace(FLAT_TASKS[self.task], kind=MLP(self.hidden, self.activation), init=self.init)

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs, units of each layer, outputs."""
        return tuple(shape[0] for shape in self.network_task.model.shapes[::2]) + self.network_task.model.shapes[-1]

    @property
    def most(self) -> dict[str, int]:
        """How many layers there are, units that the weight may lead to and units that it may come from."""
        layer = min(int(self["layer"]), len(self.widths) - 1)
        return {"layer": len(self.widths) - 1, "to": self.widths[layer], "from": self.widths[layer - 1]}

    @property
    def weight(self) -> tuple[int, int, int]:
        """Layer, unit it leads to, unit it comes from, from 0; the nearest there is."""
        layer, to, source = (min(int(self[name]), most) - 1 for name, most in self.most.items())
        return layer, to, source

    def link(self) -> dict[str, str]:
        """The query parameters that restore this."""
        controls = self.controls
        numbers = {name: controls[name].write(value) for name, value in self.numbers}
        own = {"task": self.task, "hidden": LAYERS.write(self.hidden), "activation": self.activation, "init": self.init}
        return {**own, "rule": self.rule, **numbers}


LOOK_CHOICES: Mapping[str, Mapping[str, str]] = {
    "task": {key: title_of(task) for key, task in FLAT_TASKS.items()},
    "activation": {key: bend.title for key, bend in BENDS.items()},
    "init": {key: init.title for key, init in INITS.items()},
    "rule": {key: one.title for key, one in able(next(iter(FLAT_TASKS.values())).model).items() if key in RULES},
}
"""What is picked by name: its titles."""


def read_look(link: Mapping[str, str], default: Look) -> tuple[Look, list[str]]:
    """What a link asks to look at, and a sentence for each thing in it that could not be granted."""
    if not link:
        return default, []
    asked = Asked(link)
    chosen: Any = {name: asked.choice(name, options, getattr(default, name)) for name, options in LOOK_CHOICES.items()}
    hidden = asked.granted("hidden", LAYERS.read, default.hidden, f"{LAYERS.write(default.hidden)} is shown instead")
    look = Look(hidden=hidden, **chosen).reading(asked)
    for name, most in look.most.items():
        if look[name] > most:
            allowed = f"it must be from 1 to {most} in this network"
            asked.problems.append(f"The link's {name} = {look[name]:g} is not allowed: {allowed}; {most} is used instead.")
    return look, asked.problems
