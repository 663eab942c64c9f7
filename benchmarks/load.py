"""A crowd: ten visitors train networks while another drags a slider of the race; and what the largest links take of memory.

python -m benchmarks.load
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page

from tests.browser import chromium, server, settle, stage, wait_for
from tests.visitor import visitor

TRAINING = "task=mnist_mlp_wide&rules=sgd~momentum~adam~rmsprop&steps=5000"
TEN = "-".join(["1024"] * 10)
RULES = "sgd~momentum~nesterov~adagrad~rmsprop~adadelta~adam~adamw~adamax~nadam~amsgrad~radam"
LARGEST = {
    "ten layers of 1024, 12 rules, 5 seeds": f"networks?task=digits_mlp&hidden={TEN}&rules={RULES}&seeds=5",
    "a sweep of 5120 of them": f"sweep?hidden={TEN}&rules=sgd~adam~rmsprop~momentum&seeds=5&values=16&other=l2~0.001~1",
    "mnist_cnn, batch 3500, 12 rules, 5 seeds": f"networks?task=mnist_cnn&batch=3500&rules={RULES}&seeds=5",
    "mnist_cnn, batch 3500": "networks?task=mnist_cnn&batch=3500&rules=adam&steps=10",
}
SECONDS = 12


def family(process: int) -> Iterator[int]:
    """A process and all that it has begun."""
    yield process
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        for child in thread.read_text().split():
            yield from family(int(child))


def memory(process: int) -> float:
    """Megabytes that a process and its children have, what they share counted once."""
    total = 0
    for one in family(process):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def served() -> int:
    """The process of the server that this one has begun."""
    return next(one for one in family(os.getpid()) if "streamlit" in Path(f"/proc/{one}/cmdline").read_text())


@contextmanager
def visit(browser: Browser, address: str, ready: str = ".stage canvas") -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(ready, timeout=60_000)
    yield page
    context.close()


def dragged(page: Page) -> list[float]:
    """Milliseconds from slider to picture, while the rotation is dragged for some seconds without its band."""
    settle(page)
    stage(page, "(stage.play(false), stage.drawn.delay.length = 0)")
    slider = page.locator("#angle")
    slider.evaluate("e => (e.onpointerdown = null)")
    box = slider.bounding_box()
    assert box
    left, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(left, y)
    page.mouse.down()
    begin = time.monotonic()
    while (spent := time.monotonic() - begin) < SECONDS:
        page.mouse.move(left - 40 * abs((spent * 0.7) % 2 - 1), y)
        time.sleep(0.03)
    page.mouse.up()
    settle(page)
    return stage(page, "stage.drawn.delay")


def told(name: str, times: list[float]) -> None:
    print(f"{name:44}{np.median(times):>7.0f} ms{np.quantile(times, 0.95):>9.0f} ms", flush=True)


def main() -> None:
    with server() as address, chromium() as browser, ExitStack() as crowd:
        process = served()
        racer = crowd.enter_context(visit(browser, f"{address}/?surface=rosenbrock&rules={RULES}"))
        wait_for(racer, "stage.drawn.updates")
        print(f"{'from slider to picture':44}{'median':>10}{'p95':>12}")
        told("alone", dragged(racer))
        before = memory(process)
        ended = threading.Event()
        # Without browsers of their own: ten of those on one machine would be measured instead of the server.
        for _ in range(10):
            one = crowd.enter_context(visitor(address))
            threading.Thread(target=one.stay, args=("networks", TRAINING, ended), daemon=True).start()
        crowd.callback(ended.set)
        time.sleep(SECONDS)  # until the first of them train
        told("while ten visitors train", dragged(racer))
        print(f"the server with them: {memory(process) - before:.0f} MB more than before")
    for name, link in LARGEST.items():
        with server() as address, chromium() as browser, visit(browser, f"{address}/{link}", ".stAlert, .board") as page:
            process, most = served(), 0.0
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                most = max(most, memory(process))
                time.sleep(0.1)
            said = page.locator(".stAlert").all_inner_texts()
            print(f"{name}: {most:.0f} MB at its height; {said[0] if said else 'it trains'}", flush=True)


if __name__ == "__main__":
    main()
