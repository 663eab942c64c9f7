"""Which rules a problem can serve, and which of those a link asks for."""

from collections.abc import Mapping
from typing import Any

from experiments.link import Asked
from optimizers import ENTRANTS, Entrant


def able(objective: Any) -> Mapping[str, Entrant]:
    """All that can run on an objective, in their order."""
    return {key: one for key, one in ENTRANTS.items() if not one.rule.refusal(objective)}


def unable(objective: Any) -> str:
    """Why the others cannot, a sentence each; empty where there are none."""
    return " ".join(filter(None, (one.rule.refusal(objective) for one in ENTRANTS.values())))


def rules_asked(link: Asked, objective: Any) -> tuple[str, ...]:
    """The rules that a link names and that can run."""
    offered = able(objective)

    def refusal(word: str) -> str:
        if word in offered:
            return ""
        return f"is left out: {ENTRANTS[word].rule.refusal(objective)}" if word in ENTRANTS else "is unknown: it is left out."

    return link.words("rules", refusal)
