"""The server ends when it is told to, whatever runs, and leaves nobody behind."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import streamlit

from tests.browser import started
from tests.test_workers import alive, wait_for
from tests.visitor import visitor

LONG = {
    "map": "steps=3000&rules=adam~radam~nadam",
    "training": "task=digits_cnn&rules=adam~sgd&steps=2000",
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
