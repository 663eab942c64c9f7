"""Widths of the layers of a network, told once: what is allowed, how they are written in a link and read from a field."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from core.hyper import Hyper
from core.words import quoted


@dataclass(frozen=True)
class Widths:
    """From `least` to `most` layers, the width of each a `Hyper`."""

    each: Hyper
    most: int
    least: int = 0

    @property
    def allowed(self) -> str:
        """What may be chosen, in words."""
        many = f"{self.least} to {self.most}" if self.least else f"up to {self.most}"
        return f"{many} widths from {self.each.low:g} to {self.each.high:g}, as in 32-16{'' if self.least else ', or nothing'}"

    def read(self, text: str) -> tuple[int, ...]:
        """What is written as 32-16; ValueError says in one sentence what is wrong."""
        words = re.split(r"\s*[-–,\s×x]\s*", text.strip()) if text.strip() else []
        low, high = self.each.low, self.each.high
        fine = [word for word in words if word.isdecimal() and len(word) <= 9 and low <= int(word) <= high]
        if len(fine) < len(words) or not self.least <= len(words) <= self.most:
            raise ValueError(f"hidden layers = {quoted(text)} is not allowed: it must be {self.allowed}")
        return tuple(map(int, words))

    @staticmethod
    def write(widths: Sequence[int]) -> str:
        return "-".join(map(str, widths))


HIDDEN_LAYERS = Widths(Hyper(1, 1024, "log", whole=True, name="width"), most=10)

Hidden = Annotated[tuple[int, ...], HIDDEN_LAYERS]
