"""A real server and a real browser, for tests and benchmarks: Debian's Chromium, headless, driven by Playwright."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]

# The stage keeps a handle to itself on its element, inside the component's shadow root.
HANDLE = """(code) => {
    const find = (node) => {
        for (const e of node.querySelectorAll("*")) {
            const found = e.stage ?? (e.shadowRoot && find(e.shadowRoot));
            if (found) return found;
        }
    };
    const stage = find(document);
    return stage && stage.data ? eval(code) : undefined;
}"""


@contextmanager
def started(log: Any = subprocess.DEVNULL) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The app on a free port of 127.0.0.1, what it prints in a log; yields its address and process and ends what it started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError("the app did not start within 15 seconds")
        yield address, process
    finally:
        process.terminate()
        process.wait(timeout=10)


@contextmanager
def server() -> Iterator[str]:
    """The same, its address alone."""
    with started() as (address, _):
        yield address


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium; RuntimeError where Debian's is not installed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise RuntimeError("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET, env={**os.environ, "DISPLAY": ""})
        try:
            yield browser
        finally:
            browser.close()


def stage(page: Page, code: str) -> Any:
    """The value of a JavaScript expression over `stage`, the instance on the page."""
    return page.evaluate(HANDLE, code)


def wait_for(page: Page, code: str, seconds: float = 10) -> Any:
    """The expression's value once it is true; AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := stage(page, code):
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {code}")


def settle(page: Page) -> None:
    """Wait until the stage is drawn and nothing it asked for is outstanding."""
    wait_for(page, "stage.map.w && !stage.flight && !stage.waiting && !stage.due")


def grasp(page: Page, control: str) -> None:
    """Press the mouse on a slider's thumb and wait for its band."""
    slider = page.locator(f"[id='{control}']")
    box = slider.bounding_box()
    assert box is not None
    share = slider.evaluate("e => e.value / e.max")
    page.mouse.move(box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2)
    page.mouse.down()
    wait_for(page, f"stage.band?.told.id === '{control}' && !stage.flight")
