"""What visits leave behind: sessions are opened on a page and closed again, and the server's memory is looked at.

The first visits fill what is kept for all; then a hundred more are to leave no more than a third of GROWN megabytes.

    python -m benchmarks.soak [page …]
"""

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.browser import ROOT, started
from tests.visitor import visitor
from ui.page import page_of

FIRST = "race"
"""The page that needs no name in the address."""

PAGES = [page_of(file).path for file in sorted((ROOT / "pages").glob("*.py"))]
WARM, VISITS = 20, 100
GROWN = 60.0
"""Megabytes that three hundred visits may leave behind."""

REST, TIDIED = 160.0, 10.0
"""Seconds after which a lost session is given up, with what it trained, once the next visitor has come; and those in which the
server tidies up then."""


@dataclass(frozen=True)
class Row:
    """Megabytes of the server and its children after the first visits and after so many more."""

    page: str
    warm: float
    after: float

    @property
    def grown(self) -> float:
        return self.after - self.warm


def measured(page: str, visits: int = VISITS) -> Row:
    """One page, on a server of its own."""
    with started() as (address, process):
        levels = []
        for many in (WARM, visits):
            for _ in range(many - 1):
                come(address, page)
            time.sleep(REST)
            come(address, page)
            time.sleep(TIDIED)
            levels.append(sum(map(resident, [process.pid, *descendants(process.pid)])) / 1e6)
    return Row(page, *levels)


def come(address: str, page: str) -> None:
    """One visit."""
    with visitor(address) as one:
        one.visit("" if page == FIRST else page)


def resident(process: int) -> int:
    """Bytes of a process that are in memory and its own."""
    try:
        told = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    return 1024 * sum(map(int, re.findall(r"Private_\w+: +(\d+)", told)))


def descendants(process: int) -> list[int]:
    """The children of a process, and theirs."""
    found = [int(word) for place in Path(f"/proc/{process}/task").glob("*/children") for word in place.read_text().split()]
    return found + [one for child in found for one in descendants(child)]


def main(pages: list[str]) -> bool:
    """Prints a line a page; whether none has grown too much."""
    good = True
    for page in pages or PAGES:
        row = measured(page)
        good &= row.grown <= GROWN * VISITS / 300
        print(f"{row.page:12} {row.warm:7.1f} MB after {WARM} visits, {row.grown:+7.1f} MB after {VISITS} more", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:]))
