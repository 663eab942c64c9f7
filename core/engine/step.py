"""One step of a run, told once: what happens to the gradient, the rule, and x ← x − lr·(direction + weight_decay·x).

It runs as it stands on whatever arrays an objective wants. Where the objective is elementwise arithmetic too, both are
recorded once with symbols and written out as one flat function, of floats for a single run or of arrays for many, which is
several times faster and the same bit for bit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from core import maths
from core.effects import Parts, before
from core.rule import Rule
from core.symbolic.emit import hoisted
from core.symbolic.expression import Expr, Function, Unrecorded, expr, parts_of
from core.symbolic.program import Instruction


def step_of(rule: Rule, effects: frozenset[str], numbers: Mapping[str, Any]) -> Callable[..., tuple[list[Any], list[Any]]]:
    """A function (x, g, slots, lr, t, draw, x0, known) → next x and slots, each a list of parts; a part's slots are a sequence.

    `numbers` are the rule's hyperparameters but lr, and those settings of the loop that `effects` says are on. x0 is where the
    run began, and `known` what else the rule asks for, by name; both are for rules that do.
    """
    hypers = {name: numbers[name] for name in rule.hypers if name != "lr"}
    update = rule.update if rule.slots else lambda *args, **kwargs: (rule.update(*args, **kwargs),)
    chain = list(before(effects, numbers))
    decay = numbers.get("weight_decay")

    def updated(*args: Any, **supplied: Any) -> Any:
        try:
            return update(*args, **supplied, **hypers)
        except ArithmeticError:  # numbers that are floats raise where arrays hold inf or nan
            return update(*args, **{name: maths.real(value) for name, value in (supplied | hypers).items()})

    def step(
        x: Parts,
        g: Parts,
        slots: Sequence[Parts],
        lr: Any,
        t: Any,
        draw: Parts = (),
        x0: Parts | None = None,
        known: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[list[Any], list[Any]]:
        for effect in chain:
            g = effect(g, x, draw)
        moved, kept = [], []
        for part, begun, slope, held in zip(x, x0 or x, g, slots, strict=True):
            given = {"t": t, "lr": lr, "x": part, "x0": begun, **known}
            direction, *new = updated(slope, *held, **{name: given[name] for name in rule.needs})
            moved.append(part - lr * (direction if decay is None else direction + decay * part))
            kept.append(new)
        return moved, kept

    return step


@dataclass(frozen=True)
class Flat:
    """Gradient and step of a rule on an objective, as functions of floats or of arrays (runs,).

    once    (*numbers, *constants) → what can be computed of them before the first step
    step    (*x, *slots, *powers, loss, lr, t, *draw, *numbers, *constants, *once) → (*x, *slots, *powers, loss)
    powers  the hyperparameters b whose running products b**t are carried along

    A slot has one number a coordinate, numbers are the rule's hyperparameters but lr, then the effects in alphabetical order,
    and constants are what the objective's partials take after the coordinates. The loss that is returned is that of the x
    that was given, which has parts in common with the gradient there; none is asked for or returned without a `height`.
    """

    once: Function
    step: Function
    powers: tuple[str, ...]


@lru_cache(maxsize=1024)
def flat(
    rule: Rule,
    effects: frozenset[str],
    parameters: int,
    partials: Callable[..., Sequence[Any]],
    constants: int,
    *,
    height: Callable[..., Any] | None = None,
    floats: bool,
) -> Flat | None:
    """For one run with `floats`, else for arrays.

    None for a rule or an objective that does more than elementwise arithmetic. Where the rule asks for it, x0 comes after the
    objective's own constants.
    """
    if rule.together:
        return None

    def symbols(letter: str, many: int = parameters) -> list[Expr]:
        return [Expr("symbol", f"{letter}_{i}") for i in range(many)]

    names = [name for name in rule.hypers if name != "lr"] + sorted(effects)
    numbers = {name: Expr("symbol", f"h_{name}") for name in names}  # h_: no name of a paper's meets one of ours
    x, draw, own = symbols("x"), symbols("n"), symbols("c", constants)
    x0 = symbols("b") if "x0" in rule.needs else None
    fixed = [*own, *(x0 or ())]
    slots = [[Expr("symbol", f"s{i}_{part}") for i in range(len(rule.slots))] for part in range(parameters)]
    lr, t = Expr("symbol", "lr"), Expr("symbol", "t")
    try:
        g = [expr(slope) for slope in partials(*x, *own)]
        moved, kept = step_of(rule, effects, numbers)(x, g, slots, lr, t, draw, x0)
        loss = [expr(height(*x, *own))] if height else []
    except Unrecorded:
        return None
    outputs = [expr(value) for value in (*moved, *_by_slot(kept))]
    state = [*x, *_by_slot(slots)]
    if not floats:  # what does not depend on the run's state is an array nevertheless
        shared = [e for e in (*outputs, *loss) if not {*parts_of([e])} & {*state}]
        outputs, loss = ([Expr("spread", e, x[0]) if e in shared else e for e in them] for them in (outputs, loss))
    raised = [e.args[0] for e in parts_of(outputs) if e.op == "power" and e.args[1] is t]
    powers = {name: Expr("symbol", f"p_{name}") for name, number in numbers.items() if number in raised}
    told = [Expr("symbol", "loss") for _ in loss]
    changing = [*state, *powers.values(), *told, lr, t, *(draw if "noise" in effects else ())]
    once, step = hoisted(
        [*outputs, *(power * numbers[name] for name, power in powers.items()), *loss],
        [symbol.args[0] for symbol in changing],
        [symbol.args[0] for symbol in (*numbers.values(), *fixed)],
        on_floats=floats,
        known={Instruction("power", (f"h_{name}", "t")): f"p_{name}" for name in powers},
    )
    return Flat(once, step, tuple(powers))


def _by_slot(slots: Sequence[Sequence[Any]]) -> list[Any]:
    """The slots of each part, as all parts of the first slot, then all of the next."""
    return [slot for together in zip(*slots, strict=True) for slot in together]


class Step(maths.Real):
    """The step's number t, from 1, as rules on arrays see it.

    `beta**t` of a hyperparameter is kept as a running product: it costs a multiplication, not a power, and it is the same
    for one number and for an array of them, bit for bit.
    """

    powers: dict[Any, tuple[float, Any]]

    @classmethod
    def after(cls, steps: float, powers: dict[Any, tuple[float, Any]]) -> "Step":
        """The step after so many; `powers` is kept from step to step."""
        t = cls(steps + 1)
        t.powers = powers
        return t

    def __rpow__(self, base: Any, modulo: None = None) -> Any:
        done, product = self.powers.get(identity(base), (None, None))
        if done is None:
            return maths.power(base, float(self))
        for _ in range(int(self - done)):
            product = product * base
        self.powers[identity(base)] = float(self), product
        return maths.kin(product, base)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc is np.power and inputs[1] is self:
            return self.__rpow__(inputs[0])
        return getattr(ufunc, method)(*(float(i) if i is self else i for i in inputs), **kwargs)


def identity(value: Any) -> Any:
    """What tells one hyperparameter's value from another's: the number itself, or which array it is."""
    return value if isinstance(value, float) else id(value)
