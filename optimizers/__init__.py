"""Update rules, one file each; the file's name is the rule's key."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType

from core import DRIVER, Hyper, Rule, Wrapper
from core.registry import discover, keyed
from optimizers import wrappers


@dataclass(frozen=True)
class Entrant:
    """What can be entered in a race: a rule, with the settings of the driver that belong to it."""

    key: str
    title: str
    source: str
    rule: Rule
    hypers: Mapping[str, Hyper] = field(hash=False, repr=False)


def rules_in(package: ModuleType) -> Mapping[str, Rule]:
    """The rules of a package in teaching order; ValueError where a file's name is not its rule's key."""
    found = list(discover(package, Rule))
    for module, rule in found:
        if module != rule.key:
            raise ValueError(f"{package.__name__}/{module}.py declares the rule {rule.key!r}: name file and rule alike")
    return MappingProxyType(keyed(iter(sorted((rule for _, rule in found), key=lambda rule: rule.teaching_order))))


def wrappers_in(package: ModuleType) -> Mapping[str, Wrapper]:
    """The wrappers of a package; ValueError where a file's name is not its wrapper's key."""
    found = list(discover(package, Wrapper))
    for module, one in found:
        if module != one.key:
            raise ValueError(f"{package.__name__}/{module}.py declares the wrapper {one.key!r}: name file and wrapper alike")
    return MappingProxyType(keyed(one for _, one in found))


def entrants_of(rules: Mapping[str, Rule], wrappers: Mapping[str, Wrapper] = MappingProxyType({})) -> Mapping[str, Entrant]:
    """Each rule, followed by what has a name of its own around it; then what the other wrappers make of the rules."""

    for one in wrappers.values():
        if unknown := [key for key in one.around if key not in rules]:
            raise ValueError(f"{one.key}: around {unknown[0]!r} is no rule: allowed is one of {', '.join(rules)}")

    def made(*, named: bool, around: Mapping[str, Rule]) -> Iterator[Rule]:
        for key, rule in around.items():
            yield from (one(rule) for one in wrappers.values() if key in one.around and bool(one.around[key]) == named)

    def every() -> Iterator[Entrant]:
        first = [one for key, rule in rules.items() for one in (rule, *made(named=True, around={key: rule}))]
        for rule in (*first, *made(named=False, around=rules)):
            own = {name: DRIVER[name].with_default(value) for name, value in rule.settings.items()}
            yield Entrant(rule.key, rule.title, rule.source, rule, MappingProxyType({**rule.hypers, **own}))

    return MappingProxyType(keyed(every()))


RULES = rules_in(sys.modules[__name__])
WRAPPERS = wrappers_in(wrappers)
ENTRANTS = entrants_of(RULES, WRAPPERS)
