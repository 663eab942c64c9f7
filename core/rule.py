"""An update rule: a pure function whose signature is its declaration."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal, get_args

from core.hyper import Hyper, LearningRate, declared
from core.symbolic.expression import Expr, expr
from core.symbolic.notation import lawful

Family = Literal["gradient", "adaptive", "sign", "average"]
FAMILIES: tuple[Family, ...] = get_args(Family)
SUPPLIED = ("t", "x")


@dataclass(frozen=True)
class Twin:
    """The torch.optim class and arguments a rule equals in float64, given the rule's own hyperparameters."""

    name: str
    arguments: Callable[[Mapping[str, float]], dict[str, Any]] = field(default=lambda h: {})


@dataclass(frozen=True)
class Rule:
    """One update rule.

    `update(g, *slots, **hypers)` returns the direction and the new slots; the driver does x ← x − lr·direction. `hypers`
    maps names to `Hyper`, "lr" first; `slots` maps state names to initial values; `needs` names what the driver supplies.
    """

    key: str
    title: str
    family: Family
    year: int
    source: str
    conventions: str
    update: Callable[..., Any] = field(repr=False)
    hypers: Mapping[str, Hyper] = field(repr=False, hash=False)
    slots: Mapping[str, float] = field(repr=False, hash=False)
    needs: tuple[str, ...]
    twin: Twin | None = field(repr=False, default=None)
    presets: Mapping[str, "Preset"] = field(repr=False, hash=False, default_factory=dict)

    @cached_property
    def code(self) -> str:
        """The source text of the rule's function, decorator and all."""
        return inspect.getsource(self.update)

    @property
    def teaching_order(self) -> tuple[int, int, int, str]:
        """Family, year, then how much the rule remembers."""
        return FAMILIES.index(self.family), self.year, len(self.slots), self.key

    def __reduce__(self) -> tuple[Any, ...]:
        return _found, (self.update.__module__, self.key)  # the function itself cannot go to another process, its name can

    def check(self, hypers: Mapping[str, Any] | None) -> dict[str, Any]:
        """All hyperparameters, given or default, as floats or (runs,) arrays; ValueError for an unknown or bad one."""
        given = dict(hypers or {})
        if unknown := [name for name in given if name not in self.hypers]:
            raise ValueError(f"{self.key} has no hyperparameter {unknown[0]!r}: it has {', '.join(self.hypers)}")
        return {name: hyper.check(given.get(name, hyper.default)) for name, hyper in self.hypers.items()}


def _found(module: str, key: str) -> Rule:
    return getattr(import_module(module), key)


@dataclass(frozen=True)
class Preset:
    """A named way to run a rule: settings of the driver (such as decoupled weight decay) that make it another method."""

    title: str
    source: str
    settings: Mapping[str, float] = field(hash=False)
    twin: Twin | None = field(default=None, repr=False)


def rule(
    *,
    title: str,
    family: Family,
    year: int,
    source: str,
    lr: float,
    conventions: str,
    twin: Twin | None = None,
    presets: Mapping[str, Preset] = MappingProxyType({}),
) -> Callable[[Callable[..., Any]], Rule]:
    """Declare an update rule from its function: see `Rule`. `lr` is the default learning rate.

    Raises ValueError at import when the signature asks for something the driver does not supply, and where the function is
    more than equations: see `core.symbolic.notation.lawful`.
    """

    def declare(update: Callable[..., Any]) -> Rule:
        parameters = _parameters(update)
        slots = {p.name: float(p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
        hypers = declared(update)
        needs = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty)
        for p in parameters:
            if p.kind is p.KEYWORD_ONLY and p.name not in hypers and p.name not in needs:
                raise ValueError(f"{update.__name__}: keyword {p.name!r} has a default but no Hyper")
        if unknown := set(needs) - set(SUPPLIED):
            raise ValueError(f"{update.__name__} asks for {sorted(unknown)}: the driver supplies {', '.join(SUPPLIED)}")
        lawful(update)
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
            hypers=MappingProxyType({"lr": replace(rate, name="lr", default=lr), **hypers}),
            slots=MappingProxyType(slots),
            needs=needs,
            twin=twin,
            presets=MappingProxyType(dict(presets)),
        )

    return declare


def _parameters(update: Callable[..., Any]) -> list[inspect.Parameter]:
    """What a rule's signature declares after g; ValueError for what is neither a slot nor a keyword."""
    name, parameters = update.__name__, list(inspect.signature(update).parameters.values())
    if not parameters or parameters[0].name != "g":
        raise ValueError(f"{name}: the first argument must be g, the gradient")
    for p in parameters[1:]:
        if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            raise ValueError(f"{name}: {p} is neither a slot, which has a number to begin with, nor a keyword")
        if p.kind is p.POSITIONAL_OR_KEYWORD and not isinstance(p.default, int | float):
            raise ValueError(f"{name}: the slot {p.name!r} has no number to begin with")
    return parameters[1:]


def record(update: Callable[..., Any], slots: Sequence[str], keywords: Sequence[str]) -> tuple[dict[str, Expr], Any]:
    """A step as recorded arithmetic: the symbols it was given, by name, and what it returns, made of them."""
    given = {name: Expr("symbol", f"given_{name}") for name in ("g", *slots, *keywords)}
    return given, update(*(given[name] for name in ("g", *slots)), **{name: given[name] for name in keywords})


def _dry_run(update: Callable[..., Any], slots: Mapping[str, float], keywords: Sequence[str]) -> None:
    """Raise ValueError where a step cannot be recorded, or does not return its direction and all slots."""
    name, wanted = update.__name__, f"its direction{''.join(f', {slot}' for slot in slots)}"
    try:
        _, moved = record(update, list(slots), keywords)
        parts = [expr(part) for part in moved] if slots else [expr(moved)]
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{name} cannot be recorded, or does not return {wanted}: {error}") from None
    if len(parts) != 1 + len(slots):
        raise ValueError(f"{name} returns {len(parts)} values: it must return {wanted}")
