"""The board: the curves of a training while it goes on, one component. Python computes, the browser only draws."""

from functools import partial
from pathlib import Path

from streamlit.components.v2 import component

from ui.components.transport import joined

_part = partial(joined, Path(__file__).parent)
BOARD_HTML = '<div class="board"></div>'
BOARD_SCRIPTS = ("../stage/wire.js", "../stage/lines.js", "board.js")
_board = component("ravine_board", html=BOARD_HTML, css=_part("board.css"), js=_part(*BOARD_SCRIPTS))


def board(message: bytes, *, key: str) -> None:
    """Show a message made by `ui.components.board.message.pack`."""
    _board(key=key, data=message)
