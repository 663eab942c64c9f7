"""The stage in Chromium: ten rules × 500 steps, played and dragged as a person would.

The peer of each row is the way Streamlit offers by itself, as measured on the same kind of machine (a plotly chart with
frames and st.slider): frames 56–60 in 2-D and 5 in 3-D, no live drag at all, 531–650 ms from slider to picture, 470 KB.

    python -m benchmarks.stage
"""

import statistics
import time

from playwright.sync_api import Browser, Page

from tests.browser import chromium, grasp, server, settle, stage, wait_for

LINK = "?surface=rosenbrock&rules=sgd~momentum~nesterov~adagrad~rmsprop~adadelta~adam~adamax~nadam~amsgrad&lrs=shared&lr=0.001"
SECONDS = 3


def frames(page: Page) -> float:
    """Frames a second while playing, over a few seconds."""
    page.evaluate("1")
    stage(page, "(stage.looping = true, stage.seek(0), stage.play(true))")
    page.wait_for_timeout(300)
    before, begin = stage(page, "[stage.drawn.frames, performance.now()]")
    page.wait_for_timeout(SECONDS * 1000)
    after, end = stage(page, "[stage.drawn.frames, performance.now()]")
    return (after - before) / (end - begin) * 1000


def drag(page: Page, control: str) -> tuple[float, float]:
    """Updates a second while a slider is dragged with the mouse, and the median milliseconds from slider to drawn."""
    stage(page, "(stage.play(false), stage.seek(stage.data.frames - 1), stage.drawn.delay.length = 0)")
    box = page.locator(f"[id='{control}']").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.locator(f"[id='{control}']").evaluate("e => (e.onpointerdown = null)")  # the stream alone, without the band
    share = page.locator(f"[id='{control}']").evaluate("e => e.value / e.max")
    left = box["x"] + 8 + share * (box["width"] - 16)
    page.mouse.move(left, y)
    page.mouse.down()
    before, begin = stage(page, "stage.drawn.updates"), time.perf_counter()
    moved = 0
    while (spent := time.perf_counter() - begin) < SECONDS:
        moved += 1
        page.mouse.move(left - 40 * abs((spent * 0.7) % 2 - 1), y)
        time.sleep(0.012)
    rate = (stage(page, "stage.drawn.updates") - before) / spent
    page.mouse.up()
    settle(page)
    return rate, statistics.median(stage(page, "stage.drawn.delay"))


# Every message to and from the server is late by so many milliseconds.
LATE = """
const Plain = WebSocket;
window.WebSocket = class extends Plain {
    send(data) { setTimeout(() => super.send(data), 150); }
    set onmessage(heard) { super.onmessage = (event) => setTimeout(() => heard(event), 150); }
};
"""

# The held slider is moved at every frame of the screen, as by a hand; resolves to pictures a second.
SCRUB = """new Promise((done) => {
    const { range } = stage.held;
    const [at, begin, before] = [+range.value, performance.now(), stage.drawn.slides];
    const move = () => {
        const spent = performance.now() - begin;
        range.value = at - Math.abs((spent / 6) % 120 - 60);
        range.dispatchEvent(new Event("input"));
        if (spent < MILLISECONDS) requestAnimationFrame(move);
        else done(((stage.drawn.slides - before) / spent) * 1000);
    };
    requestAnimationFrame(move);
})""".replace("MILLISECONDS", str(SECONDS * 1000))


def bands(browser: Browser, address: str, control: str) -> tuple[float, float]:
    """Median milliseconds from grasp to band, and pictures a second while the band is scrubbed on a slow connection."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    ready = []
    for place in range(1, 8):  # another start each time, so that nothing is kept from the last
        page.goto(f"{address}/{LINK}&start=-1.2~1.0{place}")
        ready.append(band_ready(page, control))
        page.mouse.up()
    page.add_init_script(LATE)
    page.goto(address + "/" + LINK)
    band_ready(page, control)
    rate = stage(page, SCRUB)
    page.mouse.up()
    page.close()
    return statistics.median(ready[2:]), rate  # the first two wake what is asleep in a fresh server


def band_ready(page: Page, control: str) -> float:
    """The milliseconds from grasping a slider until its band is there."""
    wait_for(page, "stage.drawn.updates")
    settle(page)
    stage(page, "(stage.play(false), stage.seek(stage.data.steps))")
    grasp(page, control)
    return stage(page, "stage.drawn.bands.at(-1)")


def report() -> list[tuple[str, float, str, str]]:
    """Rows: what, the figure, its unit, what was promised."""
    with server() as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        sizes: list[int] = []
        page.on("websocket", lambda ws: ws.on("framereceived", lambda data: sizes.append(len(data))))
        firsts = []
        for _ in range(3):
            begin = time.perf_counter()
            page.goto(address + "/" + LINK)
            wait_for(page, "stage.drawn.updates")
            firsts.append((time.perf_counter() - begin) * 1000)
        settle(page)
        flat = frames(page)
        page.get_by_text("3D").click()
        settle(page)
        relief = frames(page)
        page.get_by_text("3D").click()
        settle(page)
        rows = []
        for control in ("lr", "angle"):
            sizes.clear()
            rate, delay = drag(page, control)
            rows += [
                (f"updates a second, dragging {control}", rate, "/s", "at least 15"),
                (f"slider → drawn, {control}, median", delay, "ms", "at most 60"),
                (f"bytes an update, {control}", statistics.median(s for s in sizes if s > 20_000) / 1000, "KB", "at most 150"),
            ]
        for control in ("lr", "angle"):
            ready, rate = bands(browser, address, control)
            rows += [
                (f"grasp → band of ten rules, {control}, median", ready, "ms", "at most 150"),
                (f"pictures a second in it, {control}, 2×150 ms", rate, "/s", "at least 55"),
            ]
    return [
        ("frames a second, 2-D", flat, "/s", "at least 55"),
        ("frames a second, 3-D", relief, "/s", "at least 55"),
        *rows,
        ("first paint, median of 3", statistics.median(firsts), "ms", "1100 or less"),
    ]


def main() -> None:
    for what, figure, unit, promise in report():
        print(f"{what:44}{figure:>9.1f} {unit:4}{promise:>16}")


if __name__ == "__main__":
    main()
