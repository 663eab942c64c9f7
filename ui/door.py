"""What a browser sends, looked at before Streamlit reads it: what its reader would fail at, again and again, is left out."""

import logging
import re
from typing import Any

from starlette.middleware import Middleware
from streamlit.proto.BackMsg_pb2 import BackMsg

LARGEST_MESSAGE = 8 * 2**20
"""Bytes of a message: what all widgets of a page hold; files come another way."""

_DEEPEST = 64
"""Brackets within brackets; Python's reader of JSON fails at a thousand."""

NUMERAL = re.compile(r"\d{400}")
"""Python refuses to read numbers of thousands of digits."""

TEXTS = {"json_value": "null", "json_trigger_value": "null", "string_value": "{}"}
"""Values that are read as JSON, or may be, and what stands for one that cannot be read."""


class Door:
    """Stands before an application that is served, as Starlette's middleware does."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def next_one() -> Any:
            while True:
                message = await receive()
                if message["type"] != "websocket.receive" or message.get("bytes") is None:
                    return message
                if (kept := let_in(message["bytes"])) is not None:
                    return {**message, "bytes": kept}

        await self.app(scope, next_one if scope["type"] == "websocket" else receive, send)


def let_in(content: bytes) -> bytes | None:
    """A message, without the values that cannot be read; None for one that is too large or none at all."""
    log = logging.getLogger(__name__)
    if len(content) > LARGEST_MESSAGE:
        log.warning("A browser's message of %d bytes was dropped", len(content))
        return None
    message = BackMsg()
    try:
        message.ParseFromString(content)
    except Exception:  # whatever it is, it is no message
        log.warning("A browser's message that is none was dropped")
        return None
    changed = False
    for state in message.rerun_script.widget_states.widgets:
        name = state.WhichOneof("value")
        if name in TEXTS and not readable(getattr(state, name)):
            setattr(state, name, TEXTS[name])
            changed = True
    if changed:
        log.warning("A value that cannot be read was dropped from a browser's message")
    return message.SerializeToString() if changed else content


def readable(text: str) -> bool:
    """Whether Python can read it as JSON, as far as depth and size of numbers go."""
    if NUMERAL.search(text):
        return False
    depth = 0
    if text.count("[") + text.count("{") > _DEEPEST:
        for bracket in re.findall(r"[\[\]{}]", text):
            depth += 1 if bracket in "[{" else -1
            if depth > _DEEPEST:
                return False
    return True


DOOR = Middleware(Door)
