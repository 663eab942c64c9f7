"""Every colour of Ravine."""

from collections.abc import Iterable
from typing import TypedDict

RULE_COLOURS = (
    "#4269d0",
    "#ff725c",
    "#e0a30b",
    "#3ca951",
    "#a463f2",
    "#9c6b4e",
    "#d6246e",
    "#ff8ab7",
    "#12a5a0",
    "#2fa8e8",
    "#8a8f98",
    "#a3a000",
    "#00b583",
    "#f08000",
    "#5b5bd6",
    "#2f7d8c",
    "#b8502f",
    "#7a9e2e",
    "#b052a1",
)
"""One for each entrant, in registry order, told apart on the light and on the dark map."""

Colour = tuple[int, int, int]


class Shades(TypedDict):
    """What the stage and the board draw with, beside the page's own colours."""

    ramp: tuple[Colour, ...]
    contour: str
    casing: str
    line: str
    classes: tuple[Colour, ...]
    gradient: str
    memory: str
    newton: str
    mode: str
    bad: str
    sheen: float
    dim: float


STAGE: dict[str, Shades] = {
    "light": {
        "ramp": ((122, 164, 190), (157, 190, 207), (194, 214, 221), (224, 232, 230), (243, 241, 233), (250, 247, 240)),
        "contour": "rgba(52, 84, 110, 0.30)",
        "casing": "rgba(255, 255, 255, 0.85)",
        "line": "rgba(60, 70, 90, 0.16)",
        "classes": ((201, 110, 40), (38, 104, 168), (60, 150, 84)),
        "gradient": "#6b7280",
        "memory": "#c77700",
        "newton": "#7a3cff",
        "mode": "#1f7a6d",
        "bad": "#d02c2c",
        "sheen": 32,
        "dim": 0.9,
    },
    "dark": {
        "ramp": ((58, 104, 138), (44, 80, 110), (34, 60, 86), (27, 45, 66), (23, 36, 53), (21, 31, 45)),
        "contour": "rgba(190, 215, 235, 0.20)",
        "casing": "rgba(10, 14, 22, 0.80)",
        "line": "rgba(200, 215, 235, 0.16)",
        "classes": ((240, 160, 90), (96, 168, 230), (110, 205, 130)),
        "gradient": "#a3adbb",
        "memory": "#f2a93b",
        "newton": "#b692ff",
        "mode": "#4cc7b4",
        "bad": "#ff6b6b",
        "sheen": 30,
        "dim": 0.0,
    },
}
"""The stage, light and dark: `ramp` runs from the lowest loss to the highest, `sheen` is how much a slope
shines in the relief, `dim` how much darker than the map it is to begin with, so that it never meets the page's white."""


MAP = ("#12324f", "#1f5580", "#3f7fae", "#79aecb", "#b9d5e0", "#eae6d8", "#e9c99a", "#dd9a5f")
"""A map of results, from the best to the worst."""

EMPTY = "rgba(186, 82, 82, 0.36)"
"""A map's cells that have nothing to tell: the run diverged, or never arrived."""

BELOW = "rgba(120, 92, 176, 0.5)"
"""A map's cells whose run left below what is called the minimum."""

THEORY = "#d6246e"

MISTAKE = "#d8602a"

SIGNED = ("#2c6fbb", "#f4f1ea", "#c8501e")
"""Weights: the most negative, zero, the most positive."""

VALUES = ("#2c6fbb", "#3aa6a0", "#8fbf4d", "#e6b422", "#d8602a")
"""Runs along one number, from its low end to its high one."""

CURSOR = "#7a3cff"
TICK = "#8a8f98"
GROUND = "rgba(120, 135, 150, 0.45)"
START = {"symbol": "cross-thin", "size": 13, "line": {"width": 2, "color": "#8a8f98"}}


def rule_colours(keys: Iterable[str]) -> dict[str, str]:
    """A colour for each key, by its place; colours repeat when there are more keys than colours."""
    return {key: RULE_COLOURS[i % len(RULE_COLOURS)] for i, key in enumerate(keys)}
