"""Which rules a problem can serve, and which of those a link asks for."""

from collections.abc import Mapping
from typing import Any

from core.words import quoted
from experiments.control import SEPARATOR
from optimizers import ENTRANTS, Entrant


def able(objective: Any) -> Mapping[str, Entrant]:
    """All that can run on an objective, in their order."""
    return {key: one for key, one in ENTRANTS.items() if not one.rule.refusal(objective)}


def unable(objective: Any) -> str:
    """Why the others cannot, a sentence each; empty where there are none."""
    return " ".join(filter(None, (one.rule.refusal(objective) for one in ENTRANTS.values())))


def asked(rules: str, objective: Any) -> tuple[tuple[str, ...], list[str]]:
    """The rules that are named in a link and can run, and a sentence for each other name."""
    words = dict.fromkeys(word for word in rules.replace(",", SEPARATOR).split(SEPARATOR) if word)
    offered, problems = able(objective), []
    for word in words:
        if word not in ENTRANTS:
            problems.append(f"The link's rule {quoted(word)} is unknown: it is left out.")
        elif word not in offered:
            problems.append(f"The link's rule {quoted(word)} is left out: {ENTRANTS[word].rule.refusal(objective)}")
    return tuple(word for word in words if word in offered), problems
