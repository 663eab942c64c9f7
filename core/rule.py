"""An update rule: a pure function whose signature is its declaration."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from core.hyper import Hyper, LearningRate, declared
from core.knowledge import KNOWLEDGE, lacking
from core.symbolic.expression import Expr, Unrecorded, expr
from core.symbolic.notation import lawful
from core.symbolic.source import again, constants, remembered, text_of

_Family = Literal["gradient", "adaptive", "sign", "average"]
FAMILIES: tuple[_Family, ...] = get_args(_Family)


@dataclass(frozen=True)
class Twin:
    """The torch.optim class and arguments a rule equals in float64, given the rule's own hyperparameters."""

    name: str
    arguments: Callable[[Mapping[str, float]], dict[str, Any]] = field(default=lambda h: {})


@dataclass(frozen=True)
class Rule:
    """One update rule.

    `update(g, *slots, **hypers)` returns the direction and the new slots; the driver does x ← x − lr·direction. `hypers`
    maps names to `Hyper`, "lr" first; `slots` maps state names to initial values; `needs` names what else it asks for, see
    `core.knowledge`. `settings` are numbers of the driver that belong to it (decoupled decay makes Adam AdamW).

    `text` is its own source, and `numbers` those of its module that it names: they tell one rule from another, and it travels
    to other processes as them.
    """

    key: str
    title: str
    family: _Family
    year: int
    source: str
    conventions: str
    update: Callable[..., Any] = field(repr=False, compare=False)
    text: str = field(repr=False)
    numbers: tuple[tuple[str, float], ...] = field(repr=False)
    hypers: Mapping[str, Hyper] = field(repr=False, hash=False)
    slots: Mapping[str, float] = field(repr=False, hash=False)
    needs: tuple[str, ...]
    settings: Mapping[str, float] = field(repr=False, hash=False, default_factory=dict)
    twin: Twin | None = field(repr=False, compare=False, default=None)

    @property
    def together(self) -> bool:
        """Whether it sees all coordinates of a run together: its arrays are (runs, parameters) then."""
        return any(KNOWLEDGE[name].together for name in self.needs)

    @property
    def teaching_order(self) -> tuple[int, int, int, str]:
        """Family, year, then how much the rule remembers."""
        return FAMILIES.index(self.family), self.year, len(self.slots), self.key

    def refusal(self, objective: Any) -> str:
        """Why it cannot run on an objective, in one sentence; empty where it can."""
        told = lacking(self.needs, objective)
        return f"{self.title} needs {told}, and there are none here." if told else ""

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("update", "twin")}
        return _again, ({name: dict(value) if isinstance(value, Mapping) else value for name, value in kept.items()},)

    def check(self, hypers: Mapping[str, Any] | None) -> dict[str, Any]:
        """All hyperparameters, given or default, as floats or (runs,) arrays; ValueError for an unknown or bad one."""
        given = dict(hypers or {})
        if unknown := [name for name in given if name not in self.hypers]:
            raise ValueError(f"{self.key} has no hyperparameter {unknown[0]!r}: it has {', '.join(self.hypers)}")
        return {name: hyper.check(given.get(name, hyper.default)) for name, hyper in self.hypers.items()}


def _again(kept: dict[str, Any]) -> Rule:
    """A rule that comes from another process; its twin stays where it was declared."""
    frozen: Any = {name: MappingProxyType(part) if isinstance(part, dict) else part for name, part in kept.items()}
    return Rule(update=again(kept["text"], kept["numbers"]), **frozen)


def rule(
    *,
    title: str,
    family: _Family,
    year: int,
    source: str,
    lr: float,
    conventions: str,
    twin: Twin | None = None,
) -> Callable[[Callable[..., Any]], Rule]:
    """Declare an update rule from its function: see `Rule`. `lr` is the default learning rate.

    Raises ValueError at import when the signature asks for something that nobody supplies, and where the function is more than
    equations: see `core.symbolic.notation.lawful`.
    """

    def declare(update: Callable[..., Any]) -> Rule:
        if family not in FAMILIES:
            raise ValueError(f"{update.__name__}: family {family!r} is unknown: allowed is one of {', '.join(FAMILIES)}")
        slots, hypers, needs = signature(update, KNOWLEDGE)
        lawful(remembered(update), [name for name in needs if KNOWLEDGE[name].called])
        _dry_run(update, slots, [*needs, *hypers])
        (rate,) = get_args(LearningRate)[1:]
        return Rule(
            key=update.__name__,
            title=title,
            family=family,
            year=year,
            source=source,
            conventions=conventions,
            update=update,
            text=text_of(update),
            numbers=tuple(constants(update).items()),
            hypers=MappingProxyType({"lr": replace(rate, name="lr", default=lr), **hypers}),
            slots=MappingProxyType(slots),
            needs=needs,
            twin=twin,
        )

    return declare


def signature(
    update: Callable[..., Any], known: Sequence[str] | Mapping[str, Any]
) -> tuple[dict[str, float], Mapping[str, Hyper], tuple[str, ...]]:
    """What a signature declares after g: slots, hyperparameters, and what it asks for of what is `known`.

    Raises ValueError for what is none of these.
    """
    name, every = update.__name__, list(inspect.signature(update).parameters.values())
    if not every or every[0].name != "g":
        raise ValueError(f"{name}: the first argument must be g, the gradient")
    hypers = declared(update)
    slots, needs = {}, []
    for p in every[1:]:
        if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            raise ValueError(f"{name}: {p} is neither a slot, which has a number to begin with, nor a keyword")
        if p.kind is p.POSITIONAL_OR_KEYWORD:
            if not isinstance(p.default, int | float):
                raise ValueError(f"{name}: the slot {p.name!r} has no number to begin with")
            slots[p.name] = float(p.default)
        elif p.default is p.empty:
            needs.append(p.name)
        elif p.name not in hypers:
            raise ValueError(f"{name}: keyword {p.name!r} has a default but no Hyper")
    if unknown := set(needs) - set(known):
        raise ValueError(f"{name} asks for {sorted(unknown)}: the driver supplies {', '.join(known)}")
    return slots, hypers, tuple(needs)


def record(update: Callable[..., Any], slots: Sequence[str], keywords: Sequence[str]) -> tuple[dict[str, Expr], Any]:
    """A step as recorded arithmetic: the symbols it was given, by name, and what it returns, made of them."""
    given = {name: Expr("symbol", f"given_{name}") for name in ("g", *slots, *keywords)}

    def called(name: str) -> Callable[..., Expr]:
        return lambda *arguments: Expr("call", given[name], *map(expr, arguments))

    words = {name: called(name) if name in KNOWLEDGE and KNOWLEDGE[name].called else given[name] for name in keywords}
    return given, update(*(given[name] for name in ("g", *slots)), **words)


def _dry_run(update: Callable[..., Any], slots: Mapping[str, float], keywords: Sequence[str]) -> None:
    """Raise ValueError where a step cannot be recorded, or does not return its direction and all slots."""
    name, wanted = update.__name__, f"its direction{''.join(f', {slot}' for slot in slots)}"
    try:
        _, moved = record(update, list(slots), keywords)
        parts = list(map(expr, moved if isinstance(moved, tuple) else (moved,)))
    except (Unrecorded, TypeError, ValueError) as error:
        raise ValueError(f"{name} cannot be recorded, or does not return {wanted}: {error}") from None
    if len(parts) != 1 + len(slots):
        raise ValueError(f"{name} returns {len(parts)} values: it must return {wanted}")
