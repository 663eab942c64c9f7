"""What a page asks, runs and says, as one record: the app, a script and the command line get the same of it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

import numpy as np


class Spec(Protocol):
    """What a page shows, frozen and hashable; its link restores it."""

    def link(self) -> dict[str, str]: ...


S = TypeVar("S", bound=Spec)


@dataclass(frozen=True)
class Report:
    """What an experiment came to.

    results  rows of the page's table, numbers as numbers
    words    the sentences that the page says
    series   {name: numbers}, what it draws
    """

    results: list[dict[str, Any]]
    words: list[str]
    series: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment(Generic[S]):
    """One page's: its word in links, what it shows first, how a link is read, and what comes of a spec.

    `read` (link, default) gives a spec and a sentence for each thing that the link asks for in vain.
    """

    path: str
    first: S
    read: Callable[[Mapping[str, str], S], tuple[S, list[str]]]
    report: Callable[[S], Report]

    def link(self, spec: S) -> str:
        """The address of a spec, from the app's root on."""
        return f"/{self.path}?{urlencode(spec.link())}"


def jsonable(value: Any) -> Any:
    """The same as JSON has it: arrays as lists, and what is not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, np.generic):
        return jsonable(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
