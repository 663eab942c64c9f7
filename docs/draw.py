"""Draws docs/house.svg, the picture of the house, from the imports: `python -m docs.draw`."""

import ast
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "house.svg"

FLOORS = (
    ("app", "pages"),
    ("ui",),
    ("experiments", "figures"),
    ("networks",),
    ("optimizers", "surfaces"),
    ("core",),
)
"""From the top down; who stands on a floor may import what stands below it, and beside it as the house allows."""

WORDS = {
    "app": "where it begins",
    "pages": "controls → spec → run → words",
    "ui": "Streamlit and JavaScript",
    "experiments": "what a page asks, runs, says",
    "figures": "plain data → plotly",
    "networks": "data, layers, trainings; torch",
    "optimizers": "update rules, wrappers",
    "surfaces": "formulas and claims",
    "core": "the language, the one loop; numpy",
}
"""What is in each room."""

WIDTH, ROOM, STOREY, GAP = 760, 220, 62, 46


def files(room: str) -> list[Path]:
    """The files of a room."""
    place = ROOT / room
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def doors() -> set[tuple[str, str]]:
    """Which room imports from which other."""
    found: set[tuple[str, str]] = set()
    for room in WORDS:
        for file in files(room):
            named = set()
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module:
                    named.add(node.module.partition(".")[0])
                elif isinstance(node, ast.Import):
                    named |= {alias.name.partition(".")[0] for alias in node.names}
            found |= {(room, other) for other in named & WORDS.keys() - {room}}
    return found


def drawn() -> str:
    """The picture, as SVG: rooms on their floors, and an arrow from each to those that it imports from."""
    middles, boxes = {}, []
    for level, floor in enumerate(FLOORS):
        y = 20 + level * (STOREY + GAP)
        for i, room in enumerate(floor):
            x = WIDTH * (i + 1) / (len(floor) + 1) - ROOM / 2
            middles[room] = x + ROOM / 2, y
            boxes.append(
                f'<rect x="{x:.0f}" y="{y}" width="{ROOM}" height="{STOREY}" rx="8" class="room"/>'
                f'<text x="{x + ROOM / 2:.0f}" y="{y + 26}" class="name">{escape(room)}</text>'
                f'<text x="{x + ROOM / 2:.0f}" y="{y + 46}" class="small">{escape(WORDS[room])}</text>'
            )
    arrows = [_arrow(middles[a], middles[b]) for a, b in sorted(doors())]
    height = 20 + len(FLOORS) * (STOREY + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">\n'
        "<style>.room{fill:#eef3f7;stroke:#4a6b86}.name{font-size:17px;text-anchor:middle;fill:#12324f}"
        ".small{font-size:12px;text-anchor:middle;fill:#4a6b86}.door{stroke:#8fa9bd;fill:none}</style>\n"
        '<rect width="100%" height="100%" fill="#ffffff"/>\n'
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#8fa9bd"/></marker>\n' + "\n".join([*arrows, *boxes]) + "\n</svg>\n"
    )


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """From a room's lower edge to the other's upper edge, bent around what stands between."""
    (x0, y0), (x1, y1) = start, end
    floors = (y1 - y0) / (STOREY + GAP)
    if floors < 0.5:  # beside it
        side = ROOM / 2 if x1 > x0 else -ROOM / 2
        line = f"M{x0 + side:.0f} {y0 + STOREY / 2:.0f} L{x1 - side:.0f} {y1 + STOREY / 2:.0f}"
    else:
        bend = (ROOM / 2 + 24 * floors) * (1 if x1 >= x0 else -1) * (floors > 1.5)
        middle = (y0 + STOREY + y1) / 2
        line = f"M{x0:.0f} {y0 + STOREY} Q{(x0 + x1) / 2 + bend:.0f} {middle:.0f} {x1:.0f} {y1}"
    return f'<path class="door" marker-end="url(#head)" d="{line}"/>'


def below() -> dict[str, set[str]]:
    """For each room all that stand on lower floors."""
    return {
        room: {other for lower in FLOORS[level + 1 :] for other in lower}
        for level, floor in enumerate(FLOORS)
        for room in floor
    }


if __name__ == "__main__":
    PICTURE.write_text(drawn())
