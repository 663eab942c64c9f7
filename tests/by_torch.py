"""What torch makes of a network: its losses, gradients and whole trainings, by plain loops as a user of torch writes them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from networks import Training
from networks.model.layers.dropout import SeededDropout
from networks.model.losses import Loss
from optimizers import ENTRANTS

Parameters = Iterator[nn.Parameter]
Precision = Literal["float32", "float64"]


def one_thread() -> Iterator[None]:
    """For a fixture: torch on one thread, so that its numbers and its time are always the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def in_float64() -> Iterator[None]:
    """For a fixture: NAdam keeps its product of momenta in the default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def losses(loss: Loss, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """One loss a row, as `loss.torch` says."""
    return eval(loss.torch, {"torch": torch, "outputs": outputs, "y": y})


def flat(tensors: Iterator[torch.Tensor | None]) -> np.ndarray:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors if tensor is not None]).numpy()


def parameters(module: nn.Module) -> np.ndarray:
    """(P,)."""
    return flat(module.parameters())


def slopes(module: nn.Module) -> np.ndarray:
    """(P,), what backward() has left at the parameters."""
    return flat(p.grad for p in module.parameters())


def twin(key: str, hypers: Mapping[str, Any]) -> Callable[[Parameters], torch.optim.Optimizer]:
    """The torch optimizer that a rule or a preset equals, yet to be given the parameters."""
    entrant = ENTRANTS[key]
    found = entrant.rule.twin
    assert found is not None
    numbers = {name: hyper.check(hypers.get(name, hyper.default)) for name, hyper in entrant.hypers.items()}
    make, arguments = getattr(torch.optim, found.name), found.arguments(numbers)
    return lambda parameters: make(parameters, lr=numbers["lr"], **arguments)


def trained(
    training: Training,
    run: int,
    optimizer: Callable[[Parameters], torch.optim.Optimizer],
    weights: torch.Tensor | None = None,
    between: Callable[[nn.Module], object] = lambda module: None,
    schedule: Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler] | None = None,
) -> nn.Module:
    """The module after a loop from the run's start over its batches; `between` is done between backward() and step().

    `weights` are of the classes, for the mean of a batch.
    """
    module = training.module(run, "start")
    dtype = next(module.parameters()).dtype
    chosen = optimizer(module.parameters())
    scheduler = schedule(chosen) if schedule else None
    x, y = (part.to(dtype) if part.is_floating_point() else part for part in (training.data.x_train, training.data.y_train))
    for step, batch in enumerate(torch.from_numpy(training.batches)):
        draws = np.random.default_rng([training.regime.seeds[0], 2, step])
        for layer in module.modules():
            if isinstance(layer, SeededDropout):
                layer.draws = draws
        each = losses(training.task.model.measure, module(x[batch]), y[batch])
        counted = torch.ones_like(each) if weights is None else weights[y[batch]]
        chosen.zero_grad()
        ((each * counted).sum() / counted.sum()).backward()
        between(module)
        chosen.step()
        if scheduler:
            scheduler.step()
    return module.eval()


def evaluated(training: Training, module: nn.Module) -> tuple[float, float]:
    """The mean loss on the validation set, and for classes the accuracy there."""
    dtype, data = next(module.parameters()).dtype, training.data
    x, y = (part.to(dtype) if part.is_floating_point() else part for part in (data.x_val, data.y_val))
    with torch.no_grad():
        outputs = module(x)
    loss = losses(training.task.model.measure, outputs, y).mean().item()
    return loss, (classified(outputs) == y).double().mean().item() if training.task.model.classes else float("nan")


def classified(outputs: torch.Tensor) -> torch.Tensor:
    """The class of each row: the largest of several outputs, the sign of one."""
    return outputs.argmax(dim=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0).long()
