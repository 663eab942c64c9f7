"""The real page in a real browser: play, drag, click, link, divergence."""

import math
import re
import socket
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from experiments.race.run import trajectories
from experiments.race.spec import Race, read_race
from networks.data.text_table import csv_table
from tests.browser import ROOT, chromium, grasp, server, settle, stage, wait_for
from tests.lookalikes import LOOKALIKES
from tests.problems import UNDERCUT
from tests.races import leaving
from ui.page import sections

EMPTY = Race("ravine", ("sgd",))
RAVINE = "?surface=ravine&rules=sgd~adam&lrs=each&sgd.lr=0.015&adam.lr=0.1&ravine.kappa=100"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(address: str, browser: Browser) -> Iterator:
    """A function that opens a link; at the end the page must have printed no error and thrown none."""
    complaints: list[str] = []
    contexts = []

    def heard(message: ConsoleMessage) -> None:
        # Below a page's address Streamlit first looks for its server in the wrong place, and finds it at the second try.
        probe = re.search(r"/\w+/_stcore/", message.location["url"])
        if message.type == "error" and not probe:
            complaints.append(message.text)

    def open_(link: str = "", ready: str = ".stage canvas", **options) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 1000}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}/{link}")
        page.wait_for_selector(ready)
        if "stage" in ready:
            settle(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def drag(page: Page, locator, share: float) -> None:
    """Grasp a slider's thumb and pull it to a share of its width, in steps as a hand does."""
    box = locator.bounding_box()
    y = box["y"] + box["height"] / 2
    now = locator.evaluate("e => (e.value - e.min) / (e.max - e.min)")
    at = lambda u: box["x"] + 8 + u * (box["width"] - 16)  # noqa: E731
    page.mouse.move(at(now), y)
    page.mouse.down()
    for i in range(1, 13):
        page.mouse.move(at(now + (share - now) * i / 12), y)
        page.wait_for_timeout(16)


def search(page: Page) -> str:
    return page.evaluate("location.search")


def test_it_plays_by_itself_pauses_steps_and_scrubs(opened):
    page = opened()
    wait_for(page, "stage.playing && stage.frame > 5")
    page.get_by_label("Pause").click()
    frame = stage(page, "stage.frame")
    page.wait_for_timeout(150)
    assert stage(page, "stage.frame") == frame
    page.get_by_label("One step on").click()
    assert stage(page, "stage.frame") == frame + 1
    page.get_by_label("One step back").click()
    assert stage(page, "stage.frame") == frame
    page.locator(".scrub").fill("200")
    assert stage(page, "stage.frame") == 200
    assert page.locator(".step").inner_text() == "step 200 / 500"


def test_a_link_opens_at_the_step_where_it_was_left(opened):
    page = opened(RAVINE)
    page.get_by_label("Pause").click()
    page.locator(".scrub").fill("37")
    page.get_by_label("One step on").click()
    page.wait_for_function("location.search.includes('step=38')")
    again = opened(search(page))
    assert stage(again, "[stage.playing, stage.frame]") == [False, 38]
    again.get_by_role("button", name="Play").click()
    again.wait_for_function("!location.search.includes('step=')")


def test_it_stops_at_the_end_and_loops_when_asked(opened):
    page = opened(RAVINE + "&steps=20")
    page.locator(".speed").select_option("4")
    wait_for(page, "!stage.playing && stage.frame === 20")
    page.get_by_label("Loop").click()
    page.get_by_role("button", name="Play").click()
    wait_for(page, "stage.frame === 20")
    wait_for(page, "stage.frame < 20")


def test_what_is_drawn_is_what_was_computed(opened):
    """The head on the screen is where the projection of the last position is, to a pixel."""
    link = {"surface": "ravine", "rules": "sgd~adam", "lrs": "each", "sgd.lr": "0.015", "adam.lr": "0.1", "ravine.kappa": "100"}
    race, _ = read_race(link, Race("ravine", ("sgd",)))
    page = opened(RAVINE)
    page.locator(".scrub").fill("37")
    width = stage(page, "stage.map.w")
    for r, run in enumerate(trajectories(race).values()):
        drawn = stage(page, f"[...stage.map.at.slice(2 * ({r} * stage.data.frames + 37)).slice(0, 2)]")
        x, y = run.x[37, 0]
        assert drawn == pytest.approx([(x + 2) / 4 * width, (2 - y) / 4 * width], abs=1)


def test_dragging_a_slider_moves_the_picture_before_it_is_released(opened):
    page = opened(RAVINE)
    angle = page.locator("#angle")
    before = stage(page, "[stage.drawn.updates, stage.data.start[0]]")
    drag(page, angle, 0.625)
    wait_for(page, f"stage.drawn.updates > {before[0]} + 1")
    assert "angle" not in search(page)
    page.mouse.up()
    settle(page)
    assert stage(page, "stage.values.angle") == pytest.approx(45, abs=3)
    wait_for(page, "location.search.includes('angle=')")
    assert stage(page, "stage.data.start[0]") != before[1]


SLIDE = """(share) => {
    const { range } = stage.held;
    range.value = Math.round(share * range.max);
    range.dispatchEvent(new Event("input"));
}"""


@pytest.mark.parametrize("control", ["sgd.lr", "ravine.kappa"])
def test_a_grasped_slider_moves_the_picture_without_the_server(opened, control):
    """With the server out of reach the picture still follows the hand, and it is the one of the value that is shown."""
    page = opened(RAVINE)
    page.get_by_label("Pause").click()
    grasp(page, control)
    stage(page, "(stage.send = () => {}, stage.play(false), stage.seek(500))")
    for share in (0.2, 0.45, 0.7):
        slides = stage(page, "stage.drawn.slides")
        stage(page, f"({SLIDE})({share})")
        wait_for(page, f"stage.drawn.slides > {slides}")
        value = stage(page, f"stage.data.shown['{control}']")
        assert float(stage(page, f"stage.sliders.inputs['{control}'].number.value")) == pytest.approx(value, rel=1e-5)
        link = {**dict(parse_qsl(RAVINE[1:])), control: f"{value:.12g}"}
        race, _ = read_race(link, Race("ravine", ("sgd",)))
        for r, run in enumerate(trajectories(race).values()):
            assert stage(page, f"stage.data.runs[{r}].stopped") == (int(run.stopped[0]) if run.diverged[0] else None)
            if run.diverged[0]:
                continue
            rows = stage(page, "[...stage.data.rows]")
            drawn = stage(page, f"[...stage.data.x.slice({2 * r * len(rows)}, {2 * (r + 1) * len(rows)})]")
            assert drawn == pytest.approx(run.x[rows, 0].ravel().tolist(), abs=1e-3)
        assert stage(page, "stage.root.classList.contains('sliding')")
    page.mouse.up()


def test_where_the_hand_rests_and_when_it_lets_go_the_exact_picture_follows(opened):
    page = opened(RAVINE)
    link = search(page)
    grasp(page, "sgd.lr")
    stage(page, f"({SLIDE})(0.31)")
    wait_for(page, "stage.data.shown")
    wait_for(page, "!stage.data.shown && stage.data.frames === 501")
    exact = stage(page, "stage.held.c.stops[stage.held.range.value]")
    assert stage(page, "stage.data.values['sgd.lr']") == exact
    assert search(page) == link
    page.mouse.up()
    drag(page, page.locator("[id='sgd.lr']"), 0.55)
    page.mouse.up()
    settle(page)
    wait_for(page, "!stage.data.shown && !stage.held")
    value = stage(page, "stage.values['sgd.lr']")
    wait_for(page, f"new URLSearchParams(location.search).get('sgd.lr') == {value}")


def test_a_slider_dragged_back_to_where_it_was_shows_what_was(opened):
    page = opened(RAVINE)
    before = stage(page, "[stage.values['sgd.lr'], +stage.sliders.inputs['sgd.lr'].range.value]")
    exact = stage(page, "[...stage.data.x]")
    grasp(page, "sgd.lr")
    stage(page, f"({SLIDE})(0.4)")
    wait_for(page, "stage.data.shown")
    stage(page, f"(stage.held.range.value = {before[1]}, stage.held.range.dispatchEvent(new Event('input')))")
    page.mouse.up()
    settle(page)
    wait_for(page, "!stage.data.shown")
    assert stage(page, "stage.values['sgd.lr']") == before[0]
    assert stage(page, "[...stage.data.x]") == exact


def test_rotation_leaves_sgd_as_it_is_and_spoils_adam(opened):
    page = opened(RAVINE)
    final = "Object.fromEntries(stage.data.runs.map((r, i) => [r.key, stage.data.gap[(i + 1) * stage.data.frames - 1]]))"
    straight = stage(page, final)
    drag(page, page.locator("#angle"), 0.625)
    page.mouse.up()
    settle(page)
    turned = stage(page, final)
    assert turned["sgd"] == pytest.approx(straight["sgd"], rel=1e-4)
    assert not math.isclose(turned["adam"], straight["adam"], rel_tol=0.5)


def test_click_drag_and_keys_set_the_start(opened):
    page = opened(RAVINE)
    box = page.locator(".map").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
    settle(page)
    assert stage(page, "stage.data.start") == pytest.approx([1, 1], abs=0.02)
    assert stage(page, "stage.data.x[0]") == pytest.approx(1, abs=0.02)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.3, steps=4)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.4, steps=4)
    page.mouse.up()
    settle(page)
    assert stage(page, "stage.data.start") == pytest.approx([0, 0.4], abs=0.02)
    page.locator(".map").focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert stage(page, "stage.data.start") == pytest.approx([0.04, 0.4], abs=0.02)
    wait_for(page, "location.search.includes('start=0.0')")


def test_pan_and_zoom_recompute_the_map_and_home_restores_it(opened):
    page = opened(RAVINE)
    box = page.locator(".map").bounding_box()
    middle = (box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + box["width"] / 4, middle[1], steps=5)
    page.mouse.up()
    settle(page)
    assert stage(page, "stage.data.view") == pytest.approx([-3, 1, -2, 2], abs=0.03)
    assert stage(page, "stage.map.grid.window") == stage(page, "stage.data.view")
    page.get_by_label("Zoom in").click()
    settle(page)
    assert stage(page, "stage.data.view[1] - stage.data.view[0]") == pytest.approx(2.8, abs=0.01)
    page.get_by_label("Show the whole domain").click()
    settle(page)
    assert stage(page, "stage.data.view") == [-2, 2, -2, 2]


def test_hover_reads_step_position_loss_and_gradient(opened):
    page = opened(RAVINE)
    page.locator(".scrub").fill("500")
    x, y = stage(page, "[...stage.map.at.slice(2 * 30, 2 * 30 + 2)]")
    box = page.locator(".map").bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + y)
    tip = page.locator(".tip").inner_text()
    assert "SGD, step" in tip
    assert "loss" in tip
    assert "|gradient|" in tip


def test_legend_hides_a_rule_and_the_link_keeps_it(opened):
    page = opened(RAVINE)
    page.locator(".legend button", has_text="Adam").click()
    settle(page)
    assert stage(page, "[...stage.hidden]") == ["adam"]
    wait_for(page, "location.search.includes('hidden=adam')")


def test_relief_and_linear_axis(opened):
    page = opened(RAVINE)
    page.get_by_text("3D").click()
    page.get_by_text("log", exact=True).click()
    settle(page)
    assert stage(page, "[stage.map.relief, stage.curves.logarithmic]") == [True, False]
    wait_for(page, "location.search.includes('look=3d~linear')")
    box = page.locator(".map").bounding_box()
    turn = stage(page, "stage.map.camera.turn")
    page.mouse.move(box["x"] + 60, box["y"] + box["height"] - 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + box["height"] - 60, steps=4)
    page.mouse.up()
    assert stage(page, "stage.map.camera.turn") != turn


def test_a_copied_link_opens_the_same_race(opened):
    page = opened(RAVINE + "&noise=0.3&seed=5&schedule=cosine")
    drag(page, page.locator("#angle"), 0.6)
    page.mouse.up()
    box = page.locator(".map").bounding_box()
    page.mouse.click(box["x"] + 90, box["y"] + 90)
    settle(page)
    wait_for(page, "location.search.includes('start=')")
    other = opened(search(page))
    compared = "JSON.stringify([stage.values, stage.data.start, stage.data.runs, [...stage.data.x], [...stage.data.gap]])"
    assert stage(other, compared) == stage(page, compared)


def test_divergence_is_marked_where_it_happens(opened):
    page = opened("?surface=rosenbrock&rules=sgd~adam&lrs=each&sgd.lr=1")
    stopped = stage(page, "stage.data.runs[0].stopped")
    assert 0 < stopped < 20
    assert page.locator(".legend button", has_text="SGD").inner_text().endswith(f"✕ step {stopped}")
    assert f"diverged at step {stopped}" in page.locator("table").inner_text()
    assert stage(page, "stage.data.runs[1].stopped") is None


def test_typed_values_are_taken_or_refused_in_words(opened):
    page = opened(RAVINE)
    box = page.get_by_label("steps, exact value")
    box.fill("123")
    box.press("Enter")
    settle(page)
    assert stage(page, "stage.data.steps") == 123
    box.fill("-4")
    box.press("Enter")
    page.wait_for_selector(".problem:not([hidden])")
    assert "steps = -4 is not allowed" in page.locator(".problem").inner_text()
    assert stage(page, "stage.data.steps") == 123
    assert box.input_value() == "123"


def test_a_bad_link_shows_a_sentence_and_a_race(opened):
    page = opened("?surface=atlantis&rules=sgd~adam&lr=-3")
    assert "“atlantis” is unknown" in page.locator(".problem").inner_text()
    wait_for(page, "stage.frame > 3")


def test_a_hostile_link_is_shown_as_text(opened):
    page = opened("?rules=sgd~<img src=x onerror=alert(1)>&surface=<b>x</b>")
    assert page.locator(".problem img, .problem b").count() == 0
    assert "<b>x</b>" in page.locator(".problem").inner_text()


@pytest.mark.parametrize("width", [1400, 400])
def test_every_page_is_one_click_away_under_its_section(opened, width):
    """In one line, or folded away as a whole where that is too long."""
    page = opened("race", viewport={"width": width, "height": 1000})
    assert page.get_by_text("Page not found").count() == 0
    place = "stTopNav"
    if width < 768:
        page.get_by_test_id("stExpandSidebarButton").click()
        place = "stSidebarNavItems"
    links = page.get_by_test_id(place).locator("a")
    links.nth(6).wait_for()
    assert links.all_inner_texts() == [one.title for pages in sections(ROOT / "pages").values() for one, _ in pages]
    named = "e => [...e.children].map(c => getComputedStyle(c, '::before').content).filter(c => c !== 'none')"
    assert page.get_by_test_id(place).evaluate(named) == [f'"{section}"' for section in sections(ROOT / "pages")]
    links.filter(has_text="Map").click()
    page.get_by_role("heading", name="Map of outcomes").wait_for()
    assert page.url.endswith("/map")


OBEYED = "a[href*=evil], img[src*=evil], strong, b, em, del, .katex"


@pytest.mark.parametrize("name", ["", "anatomy", "backprop", "effects", "map", "networks", "sweep"])
def test_no_page_obeys_the_markup_of_a_link(opened, name):
    """Every word that is told is there to be read, and none of it is bold, a link, a picture or a formula."""
    hostile = (
        ", **bold** [log in](http://evil.example)",
        "![](http://evil.example/x.png) $x$ _y_ ~~z~~",
        "http://evil.example <b>b</b> www.evil.example",
        "a@evil.example <img src=//evil.example/x>",
    )
    keys = ("steps", "task", "rules", "surface", "activation", "hidden", "across", "axis", "number", "seed", "**x**")
    link = urlencode({key: hostile[i % len(hostile)] for i, key in enumerate(keys)})
    page = opened(f"{name}?{link}", ".stMain .stAlert, .problem:not([hidden])")
    page.wait_for_timeout(300)
    told = page.locator(".stMain .stAlert, .problem")
    assert "**bold** [log in](http://evil.example)" in " ".join(told.all_inner_texts())
    for i in range(told.count()):
        assert told.nth(i).locator(OBEYED).count() == 0
    assert page.locator("a[href*=evil], img[src*=evil]").count() == 0


DEEP = "JSON.parse('['.repeat(3000) + ']'.repeat(3000))"


@pytest.mark.parametrize("bad", ["'x'", "[1]", "{seq: null, values: {}}", "{seq: 1e300, values: {}, released: true}", DEEP])
def test_a_stage_that_sends_nonsense_is_answered_when_it_makes_sense_again(opened, bad):
    page = opened(RAVINE)
    stage(page, f"(stage.send('ask', {bad}), 1)")
    page.wait_for_timeout(400)
    drag(page, page.locator("[id='ravine.kappa']"), 0.6)
    page.mouse.up()
    settle(page)
    wait_for(page, "!stage.data.shown && stage.data.values['ravine.kappa'] !== 100 && stage.data.frames === 501")
    assert page.locator(".stAlert, .stException").count() == 0


def test_reduced_motion_shows_the_end_without_playing(opened):
    page = opened(RAVINE, reduced_motion="reduce")
    assert stage(page, "[stage.playing, stage.frame]") == [False, 500]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 800, 1400])
def test_nothing_is_wider_than_the_screen(opened, scheme, width):
    page = opened("", viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert stage(page, "stage.root.getBoundingClientRect().right") <= width
    assert stage(page, "stage.root.style.colorScheme") == scheme
    light = sum(
        page.evaluate("[...getComputedStyle(document.querySelector('.stApp')).backgroundColor.matchAll(/\\d+/g)].map(Number)")[
            :3
        ]
    )
    assert (light < 384) == (scheme == "dark")


def test_the_picker_changes_the_surface_and_starts_anew(opened):
    page = opened()
    page.get_by_role("combobox", name="Surface").click()
    page.get_by_role("option", name="Himmelblau").click()
    wait_for(page, "stage.data.minima.length === 4")
    settle(page)
    wait_for(page, "location.search.includes('surface=himmelblau')")
    assert stage(page, "stage.frame") < 400


def test_going_back_to_a_surface_brings_its_controls_and_map_back(opened):
    page = opened(RAVINE)
    drag(page, page.locator("#angle"), 0.55)
    page.mouse.up()
    settle(page)
    for name in ("Himmelblau", "Ravine"):
        page.get_by_role("combobox", name="Surface").click()
        page.get_by_role("option", name=name, exact=True).click()
        wait_for(page, f"stage.data.minima.length === {4 if name == 'Himmelblau' else 1}")
    settle(page)
    assert page.locator("[id='ravine.kappa']").count() == 1
    drawn = stage(page, "[...stage.map.grid.z.slice(0, 5)]")
    assert drawn == stage(opened(search(page)), "[...stage.map.grid.z.slice(0, 5)]")


def test_the_theme_can_change_while_the_page_is_open(opened):
    page = opened(RAVINE)
    light = stage(page, "JSON.stringify(stage.colours)")
    page.emulate_media(color_scheme="dark")
    wait_for(page, "stage.root.style.colorScheme === 'dark'")
    assert stage(page, "JSON.stringify(stage.map.colours)") != light


def test_back_in_the_browser_is_back_to_the_last_race(opened):
    page = opened(RAVINE)
    page.get_by_role("combobox", name="Surface").click()
    page.get_by_role("option", name="Booth", exact=True).click()
    wait_for(page, "stage.data.minima[0][0] === 1 && location.search.includes('booth')")
    with page.expect_event("load"):
        page.go_back()
    wait_for(page, "stage.data.minima[0][0] === 0 && location.search.includes('ravine')")
    with page.expect_event("load"):
        page.go_forward()
    wait_for(page, "stage.data.minima[0][0] === 1 && location.search.includes('booth')")


def test_zoom_ends_before_there_is_nothing_to_see(opened):
    page = opened(RAVINE)
    for _ in range(60):
        page.get_by_label("Zoom in").click()
    settle(page)
    assert page.locator(".problem").is_hidden()
    x0, x1, y0, y1 = stage(page, "stage.data.view")
    assert x1 - x0 == pytest.approx(y1 - y0, rel=1e-2)
    assert 1e-7 < x1 - x0 < 1e-5


def test_every_step_of_a_long_run_is_there_once_the_hand_rests(opened):
    page = opened(RAVINE)
    box = page.get_by_label("steps, exact value")
    box.fill("3000")
    box.press("Enter")
    settle(page)
    assert stage(page, "[stage.data.frames, stage.data.stride]") == [3001, 1]


def test_the_finders_rate_can_be_used(opened):
    page = opened("?surface=rosenbrock&rules=sgd~adam&lrs=shared&lr=0.001")
    page.get_by_text("Learning-rate finder").click()
    button = page.get_by_role("button", name=re.compile(r"^Use \S+ for SGD"))
    button.wait_for()
    lr = float(re.findall(r"Use (\S+)", button.text_content() or "")[0])
    button.click()
    wait_for(page, f"stage.data.values['sgd.lr'] === {lr}")
    settle(page)
    assert stage(page, "stage.data.values['adam.lr']") == 0.001
    page.wait_for_function(f"location.search.includes('sgd.lr={lr:g}')")


CHART = ".st-key-map-chart-256-0 .js-plotly-plot .nsewdrag"


def test_a_click_on_the_map_plays_that_run(opened):
    page = opened()
    page.get_by_role("link", name="Map").click()
    page.wait_for_selector(CHART)
    page.wait_for_timeout(500)
    box = page.locator(CHART).first.bounding_box()
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    page.wait_for_selector(".hoverlayer .hovertext")
    page.mouse.click(x, y)
    page.wait_for_selector(".stage canvas")
    settle(page)
    assert stage(page, "stage.data.runs.map(run => run.title)") == ["Momentum"]
    lr, mu = stage(page, "[stage.data.values['momentum.lr'], stage.data.values['momentum.mu']]")
    assert lr == pytest.approx(10 ** (-3 + 3 * 0.4), rel=0.15)
    assert mu == pytest.approx(0.52, abs=0.1)
    page.wait_for_function("location.search.includes('cell=momentum')")
    again = opened("map" + search(page))
    assert stage(again, "[...stage.data.x]") == stage(page, "[...stage.data.x]")


def test_a_box_on_the_map_is_computed_anew_and_its_link_restores_it(opened):
    page = opened("map", CHART)
    page.wait_for_timeout(500)
    page.locator('[data-title="Box Select"]').first.click()
    box = page.locator(CHART).first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.7, steps=6)
    page.mouse.up()
    page.wait_for_function("location.search.includes('across=lr~0.00')")
    across = page.evaluate("decodeURIComponent(location.search).match(/across=lr~([^~]+)~([^&]+)/).slice(1).map(Number)")
    assert across == [pytest.approx(10**-2.4, rel=0.1), pytest.approx(10**-1.5, rel=0.1)]
    again = opened("map" + search(page), CHART)
    again.wait_for_timeout(500)
    ends = again.evaluate("document.querySelector('.st-key-map-chart-256-0 .js-plotly-plot')._fullLayout.xaxis.range")
    assert [10**end for end in ends] == pytest.approx(across, rel=1e-4)


def test_the_anatomy_shows_the_numbers_of_the_step_at_hand(opened):
    page = opened("anatomy?surface=plane&rules=adam&adam.lr=0.1&steps=40&age=1000000")
    page.get_by_label("Pause").click()
    page.locator(".stage .scrub").fill("11")
    assert page.locator(".insides h4").inner_text() == "Step 12 of 40"
    step = page.locator(".charts > div", has_text="Size of each coordinate")
    assert "x 6.56852 lr" in step.inner_text()
    assert "most 6.56852 lr (x) at step 12" in step.inner_text()
    race, _ = read_race(
        {"surface": "plane", "rules": "adam", "lrs": "each", "adam.lr": "0.1", "steps": "40", "age": "1e6"}, EMPTY
    )
    run = trajectories(race)["adam"]
    (moment, _) = run.state["m"][12, 0]
    first = page.locator(".equation").first
    assert first.locator(".numbers").first.locator("mn").last.text_content() == f"{moment:.4g}"


def test_the_anatomy_follows_a_dragged_slider_and_says_why_a_run_diverged(opened):
    page = opened("anatomy?surface=ravine&rules=momentum&lrs=each&momentum.lr=0.1&steps=300")
    assert page.locator(".why").is_hidden()
    assert page.locator(".modes tr").nth(1).inner_text().split()[0] == "steepest"
    drag(page, page.locator("[id='momentum.lr']"), 0.72)
    page.mouse.up()
    settle(page)
    wait_for(page, "!stage.data.shown && stage.values['momentum.lr'] > 0.19")
    page.wait_for_selector(".why:visible")
    assert "no lr above 0.19 is" in page.locator(".why").inner_text()
    assert "unstable" in page.locator(".modes").inner_text()
    page.wait_for_function("location.search.includes('momentum.lr')")


@pytest.mark.parametrize("width", [400, 1400])
def test_the_anatomy_fits_the_screen(opened, width):
    page = opened("anatomy?rules=radam", viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert stage(page, "stage.root.getBoundingClientRect().right") <= width


BOARD = """(() => {
    const find = (node) => {
        for (const e of node.querySelectorAll("*")) {
            const found = e.board ?? (e.shadowRoot && find(e.shadowRoot));
            if (found) return found;
        }
    };
    return find(document)?.message;
})()"""


def test_networks_train_at_once_and_anew_when_a_number_changes(opened):
    page = opened("networks?task=moons_mlp&rules=sgd~adam&steps=200", ".board canvas")
    page.wait_for_function(f"{BOARD}?.state === 'done'", timeout=20000)
    assert page.evaluate(f"{BOARD}.runs.map(run => run.title)") == ["SGD", "Adam"]
    assert page.evaluate(f"{BOARD}.panels[0].lines.at(-1).steps.at(-1)") == 200
    assert page.locator(".panels figure").count() == 6
    assert page.locator(".planes figure").count() == 2
    page.get_by_role("combobox", name="Task").click()
    page.get_by_role("option", name="Iris, 4-8-3").click()
    page.wait_for_function(f"{BOARD}?.state === 'done' && !{BOARD}.shares", timeout=20000)
    assert page.locator(".planes figure").count() == 0
    assert page.locator(".board").count() == 1
    page.wait_for_function("location.search.includes('task=iris_mlp')")


def handshake(address: str, host: str, origin: str | None) -> int:
    """The status with which the server answers who wants to talk to it, 101 for yes."""
    headers = {
        "Host": host,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Protocol": "streamlit",
        **({"Origin": origin} if origin else {}),
    }
    where = urlsplit(address)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as line:
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line.sendall(f"GET /_stcore/stream HTTP/1.1\r\n{told}\r\n".encode())
        return int(line.recv(4096).split()[1])


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_who_comes_under_the_servers_own_name_is_served(address, name):
    host = f"{name}:{urlsplit(address).port}"
    assert handshake(address, host, f"http://{host}") == 101
    assert handshake(address, host, None) == 101


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{}", "localhost.evil.example:{}", "127.0.0.1.evil.example", "evil:80"]
)
def test_who_comes_under_another_name_is_not(address, host):
    host = host.format(urlsplit(address).port)
    for origin in (f"http://{host}", "http://evil.example", address, None):
        assert handshake(address, host, origin) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example", "file://"])
def test_a_page_of_somebody_elses_is_not_served(address, origin):
    assert handshake(address, urlsplit(address).netloc, origin) == 403


def test_the_first_visitor_of_a_fresh_server_may_come_by_any_link(browser):
    with server() as address, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{address}/networks?task=iris_mlp&rules=adam&steps=20")
        page.wait_for_function(f"{BOARD}?.state === 'done'", timeout=60000)
        assert page.get_by_role("dialog").count() == 0
        assert page.get_by_role("link", name="Race").count() == 1


LONG = "sgd~adam~rprop~nadam~radam~amsgrad~adamax~adadelta~momentum"


def test_a_long_training_is_paused_continued_and_stopped(opened):
    page = opened(f"networks?task=digits_mlp&rules={LONG}&steps=5000", ".board canvas")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_function(f"{BOARD}?.state === 'paused'", timeout=15000)
    before = page.evaluate(f"{BOARD}.share")
    assert before < 1
    page.get_by_role("button", name="Continue").click()
    page.wait_for_function(f"{BOARD}?.state === 'running' && {BOARD}.share > {before}", timeout=15000)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_function(f"{BOARD}?.state === 'stopped'", timeout=15000)
    assert page.evaluate(f"{BOARD}.share") < 1


def test_a_fork_is_drawn_beside_its_parent(opened):
    page = opened("networks?task=iris_mlp&rules=adam&steps=60", ".board canvas")
    page.wait_for_function(f"{BOARD}?.state === 'done'", timeout=20000)
    page.get_by_role("tab", name="Fork").click()
    page.get_by_role("button", name="Fork", exact=True).click()
    page.wait_for_function(f"{BOARD}?.panels[0].lines.filter(line => line.steps.at(-1) === 60).length === 4", timeout=10000)
    assert page.evaluate(f"{BOARD}.runs[1].forked") == 30
    lines = page.evaluate(f"{BOARD}.panels[0].lines.filter(line => !line.dashed).map(line => line.values.at(-1))")
    assert lines[0] == lines[1]  # unchanged


@pytest.mark.parametrize("key", UNDERCUT)
def test_a_curve_that_leaves_below_the_minimum_goes_to_a_strip_of_its_own(opened, key):
    race = leaving(key, "sgd")
    page = opened(f"?{urlencode(race.link())}&step=300")
    under = stage(page, "stage.curves.under")
    ends = "(r) => stage.curves.at[2 * (r * stage.data.frames + stage.data.runs[r].last) + 1]"
    assert under == stage(page, f"({ends})(0)") > stage(page, "stage.curves.box.bottom") > stage(page, f"({ends})(1)")
    left = stage(page, "stage.data.runs[0].left")
    assert page.locator(".legend button").first.text_content() == f"Momentum▼ step {left}"
    assert "left below it" in (page.locator(".verdict").text_content() or "")
    assert page.locator(".scroll tr").last.text_content().endswith(f"left below the minimum at step {left}")
    grasp(page, "lr")
    assert stage(page, "stage.band.at(0, stage.base, 0).runs.map((run) => run.left)") == [None, None]
    page.mouse.up()


def test_tables_that_people_try_first_train_and_every_column_is_told(opened):
    page = opened("networks?task=iris_mlp&rules=adam&steps=20", ".board canvas")
    page.get_by_text("Rules’ numbers, network, data, training").click()
    page.get_by_role("tab", name="Data").click()
    target = page.get_by_label("Its target column")
    for lookalike in sorted(LOOKALIKES, key=lambda one: one.target):  # a change of the target alone would train anew
        table = csv_table(lookalike.content, lookalike.target or None)
        if target.input_value() != lookalike.target:
            target.fill(lookalike.target)
            target.press("Enter")
        page.wait_for_timeout(1000)  # Streamlit loses what is brought while the page is still being drawn
        file = {"name": lookalike.name, "mimeType": "text/csv", "buffer": lookalike.content}
        page.locator("input[type=file]").set_input_files(file)
        told = page.locator("table", has=page.get_by_role("columnheader", name="became")).filter(has_text=table.target)
        told.filter(has_text=f"{lookalike.classes} classes" if lookalike.classes else "to predict").wait_for(timeout=60_000)
        text = told.inner_text()
        assert not [column.name for column in table.columns if column.name not in text]
        assert page.evaluate(f"{BOARD}.state") == "done"
        assert page.evaluate(f"{BOARD}.panels[0].lines.at(-1).steps.at(-1)") == 20
        assert not page.get_by_text("will not do").count()


@pytest.mark.parametrize("width", [400, 1400])
def test_what_was_done_to_each_column_fits_the_screen(opened, width):
    page = opened("networks?task=iris_mlp&rules=adam&steps=20", ".board canvas", viewport={"width": width, "height": 900})
    page.get_by_text("Rules’ numbers, network, data, training").click()
    page.get_by_role("tab", name="Data").click()
    file = {"name": "sonar.all-data", "mimeType": "text/csv", "buffer": LOOKALIKES[-1].content}
    page.locator("input[type=file]").set_input_files(file)
    told = page.locator("table", has=page.get_by_role("columnheader", name="became"))
    told.wait_for(timeout=90_000)
    box = told.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
