"""One step of a run, told once: what happens to the gradient, the rule, and x ← x − lr·(direction + weight_decay·x).

It runs as it stands on whatever arrays an objective wants. Where the objective is elementwise arithmetic too, both are
recorded once with symbols and written out as one flat function, of floats for a single run or of arrays for many, which is
several times faster and the same bit for bit.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from core import maths
from core.effects import Parts, before
from core.rule import Rule
from core.symbolic.emit import hoisted
from core.symbolic.expression import Expr, Function, Unrecorded, expr, parts_of
from core.symbolic.source import again, definition, names_in


def step_of(rule: Rule, effects: frozenset[str], numbers: Mapping[str, Any]) -> Callable[..., tuple[list[Any], list[Any]]]:
    """A function (x, g, slots, lr, t, draw, x0, known) → next x and slots, each a list of parts; a part's slots are a sequence.

    `numbers` are the rule's hyperparameters but lr, and those settings of the loop that `effects` says are on. x0 is where the
    run began, and `known` what else the rule asks for, by name; both are for rules that do. Its powers, see `carrying`, are
    among what is `known`.
    """
    hypers = {name: numbers[name] for name in rule.hypers if name != "lr"}
    plain, powers = carrying(rule)
    update = plain if rule.slots else lambda *args, **kwargs: (plain(*args, **kwargs),)
    asked = (*rule.needs, *powers.values())
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
        moved, kept, given = [], [], {"t": t, "lr": lr, **known}
        for part, begun, slope, held in zip(x, x0 or x, g, slots, strict=True):
            given["x"], given["x0"] = part, begun
            direction, *new = updated(slope, *held, **{name: given[name] for name in asked})
            moved.append(part - lr * (direction if decay is None else direction + decay * part))
            kept.append(new)
        return moved, kept

    return step


@lru_cache(maxsize=1024)
def carrying(rule: Rule) -> tuple[Function, Mapping[str, str]]:
    """The rule's function with each b**t of a hyperparameter b as a keyword of its own, and {b: that keyword}.

    Who makes one step after the other carries b**t along as a running product: it costs a multiplication, not a power, and
    it is the same for one number and for an array of them, bit for bit.
    """
    tree = ast.parse(ast.unparse(definition(rule.update)))
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own = {name: f"{name}_to_t" for name in rule.hypers if not {name, "t"} & taken and f"{name}_to_t" not in names_in(tree)}
    found = _Powers(own)
    (function,) = found.visit(tree).body
    powers = {name: keyword for name, keyword in own.items() if name in found.met}
    if not powers:
        return rule.update, powers
    function.args.kwonlyargs += [ast.arg(keyword) for keyword in powers.values()]
    function.args.kw_defaults += [None for _ in powers]
    return again(ast.unparse(function), rule.numbers), powers


class _Powers(ast.NodeTransformer):
    """Puts a name in place of b**t, for each b of `names`."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names, self.met = names, set[str]()

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        match node:
            case ast.BinOp(ast.Name(base), ast.Pow(), ast.Name("t")) if base in self.names:
                self.met.add(base)
                return ast.Name(self.names[base])
        self.generic_visit(node)
        return node


@dataclass(frozen=True)
class StepRecord:
    """Gradient and step of a rule on an objective, recorded once, for whoever writes it out.

    before   names of what changes from step to step: *x, *slots, *powers
    after    what each of them becomes
    loss     the loss of the x that was given, where it is asked for
    given    names of what is told at every step: lr, t, *draw
    settled  names of what is the same at every step: *numbers, *constants

    A slot has one number a coordinate, powers are those that `carrying` names, numbers are the rule's hyperparameters but lr,
    then the effects in alphabetical order, and constants are what the objective's partials take after the coordinates; where
    the rule asks for it, x0 comes after those.
    """

    before: tuple[str, ...]
    after: tuple[Expr, ...]
    loss: tuple[Expr, ...]
    given: tuple[str, ...]
    settled: tuple[str, ...]


@lru_cache(maxsize=1024)
def recorded_step(
    rule: Rule,
    effects: frozenset[str],
    parameters: int,
    partials: Callable[..., Sequence[Any]],
    constants: int,
    height: Callable[..., Any] | None = None,
) -> StepRecord | None:
    """None for a rule or an objective that does more than elementwise arithmetic."""
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
    keywords = carrying(rule)[1]
    powers = {name: Expr("symbol", f"p_{name}") for name in keywords}
    known = {keyword: powers[name] for name, keyword in keywords.items()}
    try:
        g = [expr(slope) for slope in partials(*x, *own)]
        moved, kept = step_of(rule, effects, numbers)(x, g, slots, lr, t, draw, x0, known)
        loss = [expr(height(*x, *own))] if height else []
    except Unrecorded:
        return None
    after = [expr(value) for value in (*moved, *_by_slot(kept))]
    after += [power * numbers[name] for name, power in powers.items()]

    def named(*every: Expr) -> tuple[str, ...]:
        return tuple(symbol.args[0] for symbol in every)

    return StepRecord(
        before=named(*x, *_by_slot(slots), *powers.values()),
        after=tuple(after),
        loss=tuple(loss),
        given=named(lr, t, *(draw if "noise" in effects else ())),
        settled=named(*numbers.values(), *fixed),
    )


@dataclass(frozen=True)
class Flat:
    """A `StepRecord` as functions of floats or of arrays (runs,).

    once    (*settled) → what can be computed of them before the first step
    step    (*before, loss, *given, *settled, *once) → (*after, loss)

    There is no loss among them without a `height`.
    """

    once: Function
    step: Function


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
    """For one run with `floats`, else for arrays; None where there is no record."""
    record = recorded_step(rule, effects, parameters, partials, constants, height)
    if record is None:
        return None
    outputs = [*record.after, *record.loss]
    if not floats:  # what does not depend on the run's state is an array nevertheless
        powers = len(carrying(rule)[1])
        state, first = {*record.before[: len(record.before) - powers]}, Expr("symbol", record.before[0])
        spread = range(len(record.after) - powers), range(len(record.after), len(outputs))
        for i in (*spread[0], *spread[1]):
            if not {part.args[0] for part in parts_of([outputs[i]]) if part.op == "symbol"} & state:
                outputs[i] = Expr("spread", outputs[i], first)
    told = [f"loss_{i}" for i in range(len(record.loss))]
    once, step = hoisted(outputs, [*record.before, *told, *record.given], record.settled, on_floats=floats)
    return Flat(once, step)


def _by_slot(slots: Sequence[Sequence[Any]]) -> list[Any]:
    """The slots of each part, as all parts of the first slot, then all of the next."""
    return [slot for together in zip(*slots, strict=True) for slot in together]
