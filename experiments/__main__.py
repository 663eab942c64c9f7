"""What the pages show, on the command line: `python -m experiments run "/race?surface=ravine&rules=sgd~adam" --csv`."""

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.words import quoted
from experiments import pages, run

_WIDE = 40
"""Characters of the progress bar."""


def main(arguments: Sequence[str]) -> int:
    """0; 2, with one sentence on the error stream, for what cannot be read, is not allowed or cannot be written."""
    asked = _parser().parse_args(arguments)
    if asked.command == "pages":
        print("\n".join(pages()))
        return 0
    bar = _bar if sys.stderr.isatty() and not asked.quiet else None
    try:
        found = run(_request(asked.request), bar)
        as_csv = asked.csv or (not asked.json and (asked.out or "").lower().endswith(".csv"))
        _give(_as_csv(found) if as_csv else _as_json(found), asked.out)
    except (ValueError, OSError) as error:
        print(f"{'' if bar is None else chr(10)}{str(error).rstrip('.')}.", file=sys.stderr)
        return 2
    if not asked.quiet:
        for problem in found["problems"]:
            print(problem, file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments", description="What Ravine’s pages show, without a browser.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("pages", help="the keys of the pages")
    one = commands.add_parser(
        "run",
        help="what a page shows for a link",
        description="Gives results, words and series of a page. Exit 0; 2 with one sentence where it cannot be.",
    )
    one.add_argument(
        "request", help='a page’s link, such as "/race?surface=ravine&rules=sgd~adam", or a .json file of its parts'
    )
    form = one.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all of it as JSON (as usual, unless FILE ends in .csv)")
    form.add_argument("--csv", action="store_true", help="the rows of the results alone, as CSV")
    one.add_argument("--out", metavar="FILE", help="write there instead of to the standard output")
    one.add_argument("--quiet", action="store_true", help="no progress bar, and no word of what was asked for in vain")
    return parser


def _request(text: str) -> str | dict[str, Any]:
    """A link as it is; a file's content, which must be an object of JSON."""
    if not text.endswith(".json"):
        return text
    try:
        asked = json.loads(Path(text).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{quoted(text)} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{quoted(text)} is no JSON: {error}") from None
    if not isinstance(asked, dict):
        raise ValueError(f'{quoted(text)} holds no object: write {{"page": "race", …}}')
    return asked


def _as_json(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _as_csv(found: dict[str, Any]) -> str:
    """The rows, with every column that one of them has; what is nested as name.part."""
    rows = [dict(_flat(row)) for row in found["results"]]
    names = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(row: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    parts = []
    for name, value in row.items():
        parts += _flat(value, f"{before}{name}.") if isinstance(value, dict) else [(before + name, value)]
    return parts


def _give(text: str, place: str | None) -> None:
    """All of it or nothing: a file is written beside and put in its place."""
    if place is None:
        sys.stdout.write(text)
        return
    target = Path(place)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ValueError(f"{quoted(place)} cannot be written: {error.strerror}") from None


def _bar(share: float) -> None:
    done = round(_WIDE * min(share, 1.0))
    sys.stderr.write(f"\r{'█' * done}{'░' * (_WIDE - done)} {min(share, 1.0):4.0%}" + ("\n" if share >= 1 else ""))
    sys.stderr.flush()


def _ended(work: Callable[[], int]) -> int:
    try:
        return work()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(_ended(lambda: main(sys.argv[1:])))
