"""The server keeps nothing of visitors who have gone; it ends when it is told to, whatever runs, and leaves nobody behind."""

import gc
import os
import signal
import socket
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from tests.browser import started
from tests.core.engine.test_workers import alive, wait_for
from tests.visitor import visitor
from ui.page import page_of
from ui.server import HOUSE, VISITS, House

PAGES = sorted((Path(__file__).parents[2] / "pages").glob("*.py"))
LONG = {
    "map": "steps=3000&rules=adam~radam~nadam",
    "networks": "task=digits_cnn&rules=adam~sgd&steps=2000",
    "race": "lrs=tuned&tries=256&steps=5000&rules=adam~nadam~radam~rprop",
}
"""Pages, and links to work on them that goes on for long."""

LARGEST = max(Path(streamlit.__file__).parent.glob("static/static/js/*.js"), key=lambda file: file.stat().st_size)


def descendants(process: int) -> Iterator[int]:
    for place in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, place.read_text().split()):
            yield child
            yield from descendants(child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_the_server_and_all_that_it_began(number, tmp_path):
    with ExitStack() as here:
        log = here.enter_context((tmp_path / "log").open("w+"))
        address, process = here.enter_context(started(log))
        for page, link in LONG.items():
            here.enter_context(visitor(address)).ask(page, link)
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as frozen:  # a browser that does not take what it asked for
            frozen.sendall(f"GET /static/js/{LARGEST.name} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            wait_for(lambda: len(set(descendants(process.pid))) >= 2, 30)
            time.sleep(1)  # all are at it
            children = set(descendants(process.pid))
            os.killpg(process.pid, number)  # as Ctrl-C at a terminal: to it and to whoever is in its group
            began = time.monotonic()
            process.wait(10)
            print(f"{number.name}: {time.monotonic() - began:.2f} s")
        wait_for(lambda: not any(map(alive, children)))
        log.seek(0)
        assert "Traceback" not in log.read()


class Circle:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.round = self


def test_what_visitors_leave_behind_is_collected_once_enough_have_come():
    house, before = House(), gc.isenabled()
    gc.disable()
    Thread(target=house.live, daemon=True).start()
    try:
        left = weakref.ref(Circle())
        for _ in range(VISITS):
            assert left() is not None
            house.entered()
        wait_for(lambda: left() is None)
    finally:
        if before:
            gc.enable()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_nothing_of_a_page_outlives_its_visitor(page):
    left = []
    for _ in range(2):
        app, going = AppTest.from_file(str(page), default_timeout=30).run(), f"{page_of(page).path}.going"
        assert not app.exception
        left.append(weakref.ref(app.session_state))
        if going in app.session_state:
            work = app.session_state[going]
            work.stop()
            work.wait(30)
            left.append(weakref.ref(work))
            del work
        del app
    AppTest.from_string("").run()  # the page that ran last is __main__ until another is
    HOUSE.tidied()
    assert [one() for one in left if one() is not None] == []
