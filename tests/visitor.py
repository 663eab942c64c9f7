"""A visitor without a browser: a session over the websocket, which asks for pages and reads what they say."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol


@contextmanager
def visitor(address: str) -> Iterator["Visitor"]:
    """One who has come to the app at an address, as `tests.browser.server` yields it, and goes as a tab is closed."""
    place = address.replace("http", "ws", 1) + "/_stcore/stream"
    with connect(
        place, origin=Origin(address), subprotocols=[Subprotocol("streamlit")], max_size=None, max_queue=None, close_timeout=1
    ) as connection:
        yield Visitor(connection)


class Visitor:
    """Asks over a connection, and listens."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def ask(self, page: str = "", query: str = "") -> None:
        """Ask for a page by its name, the first one without, as its link with such a query does."""
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_name = page
        self._connection.send(message.SerializeToString())

    def heard(self, seconds: float) -> ForwardMsg | None:
        """The next thing that is said, None where nothing is for so long."""
        try:
            said = self._connection.recv(seconds)
        except TimeoutError:
            return None
        message = ForwardMsg()
        message.ParseFromString(said)  # type: ignore[arg-type]
        return message

    def visit(self, page: str = "", query: str = "", seconds: float = 30) -> list[ForwardMsg]:
        """All that is said until the page is done; AssertionError where that takes longer."""
        self.ask(page, query)
        said, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            message = self.heard(left)
            if message is None:
                break
            assert not message.HasField("page_not_found"), f"there is no page {page}"
            said.append(message)
            if message.WhichOneof("type") == "script_finished":
                return said
        raise AssertionError(f"{page or 'the first page'} was not done within {seconds} s")

    def stay(self, page: str, query: str, ended: threading.Event) -> None:
        """Open a page and look on as a browser does: the part of it that asks to be run again and again is, until `ended`."""
        self.ask(page, query)
        again, interval, due = BackMsg(), 0.0, float("inf")
        again.rerun_script.query_string, again.rerun_script.page_name, again.rerun_script.is_auto_rerun = query, page, True
        while not ended.is_set():
            try:
                message = self.heard(0.05)
            except ConnectionClosed:
                return
            if message is not None and message.HasField("auto_rerun"):
                again.rerun_script.fragment_id, interval = message.auto_rerun.fragment_id, message.auto_rerun.interval
                due = time.monotonic() + interval
            if time.monotonic() >= due:
                due = time.monotonic() + interval
                self._connection.send(again.SerializeToString())
