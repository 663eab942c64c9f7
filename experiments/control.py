"""Numbers that a person may set: what each may be, how it is typed, linked and written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from sys import intern
from typing import Any, Self

from core import Hyper
from core.symbolic.notation import symbol
from core.words import brief, cut, quoted
from experiments.link import Asked
from optimizers import ENTRANTS


@dataclass(frozen=True)
class Control:
    """One number a person may set: its name in links, the heading it stands under, and what it may be."""

    id: str
    group: str
    hyper: Hyper
    folded: bool = False

    @property
    def label(self) -> str:
        return symbol(self.hyper.name)

    def read(self, text: Any, name: str) -> float:
        """The number typed or linked; ValueError says in one sentence what is wrong with what is called `name`."""
        if isinstance(text, str) and text.strip().lower() == "off" and self.hyper.off is not None:
            return self.hyper.off
        if isinstance(text, str) and "," in text:
            raise ValueError(f"{name} = {cut(text)} has a comma: write a point, as in 0.5")
        if isinstance(text, bool) or not isinstance(text, str | int | float):
            raise ValueError(f"{name} = {brief(text)} is not a number: it must be {self.hyper.allowed}")
        return self.hyper.named(name).check(text)

    @property
    def title(self) -> str:
        """Its label, after the rule's name where it is a rule's own."""
        return f"{ENTRANTS[self.group].title}’s {self.label}" if self.group in ENTRANTS else self.label

    def write(self, value: float) -> str:
        # Streamlit keeps the words of every stop of a slider for every session: let them be the same ones.
        return "off" if value == self.hyper.off else intern(f"{value:.12g}")


class Numbered:
    """A frozen dataclass with numbers that a person may set; `numbers` holds what differs from its default."""

    numbers: tuple[tuple[str, float], ...]

    @property
    def controls(self) -> Mapping[str, Control]:
        """Every number, by its name in the link."""
        raise NotImplementedError

    @property
    def known(self) -> Mapping[str, Control]:
        """Every number that it may hold."""
        return self.controls

    def __getitem__(self, name: str) -> float:
        """A number, chosen or default."""
        return dict(self.numbers).get(name, self.known[name].hyper.default)

    def having(self, numbers: Mapping[str, float]) -> Self:
        """The same with some numbers changed; those that it has no control for are left out."""
        known, merged = self.known, {**dict(self.numbers), **numbers}
        kept = {k: v for k, v in merged.items() if k in known and v != known[k].hyper.default}
        return replace(self, numbers=tuple(sorted(kept.items())))  # type: ignore[type-var]

    def reading(self, link: Asked) -> Self:
        """The same with the numbers of a link of which nothing else is left to read."""
        known, numbers = self.known, {}
        for name in sorted(link.rest):
            if name not in known:
                link.problems.append(f"The link's setting {quoted(name)} is unknown: it is ignored.")
                continue
            usual = self[name]
            numbers[name] = link.granted(
                name, partial(known[name].read, name=name), usual, f"{known[name].write(usual)} is used instead"
            )
        return self.having(numbers)
