"""What each page asks, runs and says, without a page: the app, a script and the command line share it."""

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.words import quoted
from experiments.experiment import Experiment, jsonable
from experiments.host import heard
from experiments.link import SEPARATOR


def pages() -> list[str]:
    """The keys of all pages: each has a folder here."""
    return [info.name for info in pkgutil.iter_modules(__path__) if info.ispkg]


def experiment_of(key: str) -> Experiment[Any]:
    """A page's experiment; those with networks take a second, for torch comes with them."""
    return import_module(f"{__name__}.{key}.experiment").EXPERIMENT


def run(request: str | Mapping[str, Any], progress: Callable[[float], None] | None = None) -> dict[str, Any]:
    """What a page shows for a link, such as "/race?surface=ravine&rules=sgd~adam", or for {"page": "race", …} with its parts.

    Gives the page, its normalised link, `problems` (a sentence for each thing that was asked for in vain), `results` (rows
    as in the page's table), `words` (what the page says) and `series` (what it draws): plain, and as JSON has it, so what is
    not finite is None. `progress` is told the share done. Raises ValueError for an unknown page, and with the page's own
    sentence for what it does not compute.
    """
    page, link = _asked(request)
    experiment = experiment_of(page)
    spec, problems = experiment.read(link, experiment.first)
    with heard(progress or (lambda share: None)):
        report = experiment.report(spec)
    told = {"results": report.results, "words": report.words, "series": report.series}
    return {"page": page, "link": experiment.link(spec), "problems": problems, **jsonable(told)}


def _asked(request: str | Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The page's key, and what is asked of it."""
    if isinstance(request, Mapping):
        if "link" in request:
            return _asked(str(request["link"]))
        parts = {str(name): _text(value) for name, value in request.items()}
        return _page(parts.pop("page", "")), parts
    address = urlsplit(request.strip())
    word = address.path.strip("/").rpartition("/")[2]
    return _page(word), dict(parse_qsl(address.query, keep_blank_values=True))


def _text(value: Any) -> str:
    return SEPARATOR.join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)


def _page(word: str) -> str:
    """A page by its key or by its word in links; none is the race, which comes first."""
    known = pages()
    if not word:
        return "race"
    if word in known:
        return word
    for key in known:
        if experiment_of(key).path == word:
            return key
    raise ValueError(f"page {quoted(word)} is unknown: allowed is one of {', '.join(known)}")
