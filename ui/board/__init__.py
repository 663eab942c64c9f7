"""The board: the curves of a training while it goes on, one component. Python computes, the browser only draws."""

import re
from pathlib import Path

from streamlit.components.v2 import component

_HERE = Path(__file__).parent


def _part(*names: str) -> str:
    text = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)
    return re.sub(r"^\s*(//.*)?\n?", "", text, flags=re.MULTILINE)


_board = component(
    "ravine_board",
    html='<div class="board"></div>',
    css=_part("board.css"),
    js=_part("../stage/wire.js", "board.js"),
)


def board(message: bytes, *, key: str) -> None:
    """Show a message made by `ui.board.message.pack`."""
    _board(key=key, data=message)
