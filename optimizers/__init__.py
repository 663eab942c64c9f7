"""Update rules, one file each; the file's name is the rule's key."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType

from core import DRIVER, Hyper, Rule
from core.registry import discover, keyed


@dataclass(frozen=True)
class Entrant:
    """What can be entered in a race: a rule as it is, or one of its presets with the settings that make it."""

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


def entrants_of(rules: Mapping[str, Rule]) -> Mapping[str, Entrant]:
    """Each rule followed by its presets. A preset's settings become hyperparameters with their own defaults."""

    def every() -> Iterator[Entrant]:
        for rule in rules.values():
            yield Entrant(rule.key, rule.title, rule.source, rule, rule.hypers)
            for key, preset in rule.presets.items():
                own = {name: DRIVER[name].with_default(value) for name, value in preset.settings.items()}
                yield Entrant(key, preset.title, preset.source, rule, MappingProxyType({**rule.hypers, **own}))

    return MappingProxyType(keyed(every()))


RULES = rules_in(sys.modules[__name__])
ENTRANTS = entrants_of(RULES)
