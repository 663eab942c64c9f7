"""Pages opened by links at random, as a browser opens them: what they say and give away, without exception or stall.

    python -m tests.random_pages 300 [FIRST]

prints a line for each link that fails, and the figures at the end; exit 1 where one failed.
"""

import logging
import random
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from networks.export.script import checkpoint, curves_csv, script
from networks.export.tensorboard import events
from tests.links import PAGES, Link, spoilt
from tests.scripts import Apart, apart

ROOT = Path(__file__).parent.parent
LONGEST = 20.0
"""Seconds that a page may take to answer, and to be done with what goes on behind it."""

OPENED: Mapping[str, Mapping[str, Any]] = {"race": {"race.terms": True, "race.finder": True, "race.code": True}}
"""What is folded on a page when it is opened, and unfolded here."""

GOING = ("networks.going", "sweep.going")
"""What goes on behind a page."""


@dataclass
class Visit:
    """One page and link: what went wrong, the seconds that the page took, and how far exported scripts are apart."""

    page: str
    link: Link
    problem: str = ""
    seconds: float = 0.0
    sentences: list[str] = field(default_factory=list)
    scripts: list[Apart] = field(default_factory=list)


def visit(page: str, link: Link) -> Visit:
    """The page opened by the link, to its end."""
    done, begin = Visit(page, link), time.perf_counter()
    app = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=10 * LONGEST)
    for name, text in link.items():
        app.query_params[name] = text
    for name, value in OPENED.get(page, {}).items():
        app.session_state[name] = value
    try:
        app.run()
        going = next((app.session_state[key] for key in GOING if key in app.session_state), None)
        done.seconds = time.perf_counter() - begin
        if going is not None:
            going.wait(LONGEST)
            if going.running:
                going.stop()
                going.wait(LONGEST)
            begin = time.perf_counter()
            app.run()
            done.seconds = max(done.seconds, time.perf_counter() - begin)
            done.problem = taken_along(page, going, done.scripts)
    except Exception as error:  # whatever it is, it is what is looked for
        done.problem = f"{type(error).__name__}: {error}"
    for error in app.exception:
        done.problem = f"{error.message} {' '.join(error.stack_trace[-2:])}"
    if not done.problem and done.seconds > LONGEST:
        done.problem = f"{done.seconds:.0f} s"
    done.sentences = [warning.value for warning in app.warning]
    return done


def taken_along(page: str, going: Any, scripts: list[Apart]) -> str:
    """What can be downloaded of a training; and of one run how far its script is off."""
    training = going.so_far
    if page != "training" or training is None or training.x.shape[1] == 0:
        return ""
    titles = [str(run) for run in range(training.runs)]
    for made in (curves_csv(training, titles), events(training, titles), checkpoint(training)):
        assert made
    for run in range(training.runs):
        try:
            text = script(training, run)
        except ValueError:
            continue
        scripts.append(apart(training, run, text))
        return "" if scripts[-1].fine else f"the script of run {run}: {scripts[-1]}"
    return ""


def visits(many: int, first: int = 0) -> Iterator[Visit]:
    """As many pages in turn, each by a link of its own seed."""
    for seed in range(first, first + many):
        rng, page = random.Random(seed), list(PAGES)[seed % len(PAGES)]
        yield visit(page, spoilt(rng, PAGES[page](rng)))


def main(many: int, first: int) -> int:
    logging.disable(logging.WARNING)  # AppTest has no browser, and Streamlit says so at every page
    failed, slowest, found = 0, Visit("", {}), []
    for i, one in enumerate(visits(many, first), first):
        found += one.scripts
        slowest = max(slowest, one, key=lambda visit: visit.seconds)
        if one.problem:
            failed += 1
            print(f"{i} /{one.page} {one.link}: {one.problem}", flush=True)
    print(f"{many} links: {failed} failed; the slowest page took {slowest.seconds:.1f} s: /{slowest.page} {slowest.link}")
    near = sum(one.near for one in found)
    print(f"{len(found)} scripts: {near} within the rounding of the page, {len(found) - near} that say they are not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*(int(text) for text in [*sys.argv[1:], *("300", "0")[len(sys.argv) - 1 :]])))
