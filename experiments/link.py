"""A link, read piece by piece: what is granted, and a sentence for each thing in it that is not."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from core.words import quoted

SEPARATOR = "~"  # needs no escape in a link, unlike the comma

_Granted = TypeVar("_Granted")


def parts(text: str) -> list[str]:
    """The pieces of one value of a link; a typed comma parts them as well."""
    return text.replace(",", SEPARATOR).split(SEPARATOR)


def split_link(link: Mapping[str, str], names: Collection[str]) -> tuple[dict[str, str], dict[str, str]]:
    """What a link says under these names, and the rest."""
    return {n: text for n, text in link.items() if n in names}, {n: text for n, text in link.items() if n not in names}


class Asked:
    """What a link asks for; whatever is read from it is gone from `rest`, whatever is refused has a sentence in `problems`."""

    def __init__(self, link: Mapping[str, str], problems: Iterable[str] = ()) -> None:
        self.rest = dict(link)
        self.problems = list(problems)

    def granted(self, name: str, wish: Callable[[str], _Granted], usual: _Granted, instead: str) -> _Granted:
        """What `wish` makes of the text; the usual one where the link is silent, or where `wish` says why not."""
        if name not in self.rest:
            return usual
        try:
            return wish(self.rest.pop(name))
        except ValueError as error:
            self.problems.append(f"The link's {error}; {instead}.")
            return usual

    def choice(self, name: str, options: Collection[str], usual: str, why: str = "is unknown", verb: str = "shown") -> str:
        """One of some words; the usual one where the link is silent or says another."""
        asked = self.rest.pop(name, usual)
        if asked in options:
            return asked
        self.problems.append(f"The link's {name} {quoted(asked)} {why}: {usual} is {verb} instead.")
        return usual

    def words(self, name: str, refusal: Callable[[str], str]) -> tuple[str, ...]:
        """The words that nothing speaks against, each once; a sentence for each other one."""
        found = {word: refusal(word) for word in parts(self.rest.pop(name, "")) if word}
        self.problems += [f"The link's {name.removesuffix('s')} {quoted(word)} {why}" for word, why in found.items() if why]
        return tuple(word for word, why in found.items() if not why)
