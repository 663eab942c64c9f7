"""Who waits for work is told how far it is, can stop it and go on, and keeps the last good picture meanwhile."""

import itertools
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import DRIVER, sweep
from core.hosting.admission import Hall
from experiments import hall
from experiments.axis import Axis
from experiments.effects.run import FAN, FINE
from experiments.host import heard, progress, through
from experiments.map import run as grid
from experiments.map.spec import Map
from experiments.race import run as runs
from experiments.race.controls import PROTOCOLS, TRIES, TUNED
from experiments.race.spec import MOST_ENTRANTS, Race
from experiments.race.standings import LENGTHS, standings
from optimizers import ENTRANTS
from tests.pages.test_app import ROOT, opened
from ui import visitor, waiting
from ui.waiting import HEAVY


@pytest.fixture
def told(monkeypatch):
    """All that `progress` tells who waits."""
    shares = []
    with heard(shares.append):
        yield shares


def test_parts_of_parts_are_shares_of_the_whole(told):
    for _ in through("ab"):
        for _ in through(range(5)):
            progress(0.5)
    progress(1.0)
    assert told == pytest.approx(sorted(told))
    assert told[:6] == pytest.approx([0, 0, 0.05, 0.1, 0.15, 0.2])
    assert told[-2:] == pytest.approx([0.95, 1.0])


@pytest.mark.parametrize("kind", ["map", "tuning", "races"])
def test_long_work_tells_how_far_it_is_and_asks_whether_it_is_wanted(told, monkeypatch, kind):
    asked = []
    monkeypatch.setattr(grid, "superseded", lambda: bool(asked.append(1)))
    monkeypatch.setattr(runs, "superseded", lambda: bool(asked.append(1)))
    race = Race("ravine", ("adam", "nadam")).having({"steps": 77.0})
    if kind == "map":
        axes = Axis("lr", 1e-3, 1.0), Axis("beta2", 0.0, 0.9)
        for key in through(race.entrants):
            grid.swept_along(axes, race, key, 9)
    elif kind == "tuning":
        runs.tuned(Race("ravine", ("adam",), TUNED).having({"steps": 77.0}), "adam")
    else:
        standings(race, (40, 77))
    assert len(asked) >= 3
    assert told[-1] == max(told) == 1
    assert len(set(told)) >= 3


def test_a_loop_that_asks_at_every_turn_looks_at_the_session_every_few_milliseconds(monkeypatch):
    looks, clock = [], itertools.count()
    monkeypatch.setattr(visitor, "st", SimpleNamespace(session_state=SimpleNamespace(get=looks.append)))
    monkeypatch.setattr(visitor, "time", SimpleNamespace(monotonic=lambda: next(clock) * visitor.OFTEN / 16))
    monkeypatch.setattr(visitor, "_looked", threading.local())
    asked = visitor.Browser().superseded
    assert not any(asked() for _ in range(1600))
    assert 90 < len(looks) <= 100


def test_what_is_awaited_shows_its_share_and_can_be_stopped_and_gone_on_with(monkeypatch):
    monkeypatch.setattr(waiting, "SOON", 0.0)
    monkeypatch.setattr(waiting, "_OFTEN", 0.0)

    def page() -> None:
        import streamlit as st

        from experiments.host import progress, through
        from ui.waiting import awaited, stopped

        place = st.empty()
        if not stopped("page", "this work"):
            with awaited("page", "this work", "Cells", place):
                for part in through(range(4)):
                    progress(0.5)
                    if part == 1 and st.session_state.get("long", True):
                        st.stop()  # as a page is left that goes on

    app = AppTest.from_function(page).run()
    (bar,) = app.get("progress")
    assert (bar.proto.value, bar.proto.text.partition(",")[0]) == (37, "Cells: 38%")
    app.button(key="page.stop.Cells").click().run()
    assert not app.get("progress")
    assert app.info[0].value.startswith("Stopped")
    app.session_state["long"] = False
    app.button(key="page.go on").click().run()
    assert not app.info
    assert not app.get("progress")
    assert not app.button


@pytest.mark.parametrize("page", ["map", "effects"])
def test_what_was_stopped_is_not_computed_and_the_last_picture_stays(page, monkeypatch):
    app = opened(ROOT / "pages" / f"{page}.py", rules="momentum", surface="ravine", steps="20")
    charts = [chart.proto.spec for chart in app.get("plotly_chart")]
    assert charts
    seen = app.session_state[f"{page}.seen"]
    made = []
    monkeypatch.setattr(grid, "sweep", lambda *given, **named: made.append(1) or sweep(*given, **named))
    app.session_state[f"{page}.steps"] = 30.0
    app.run()
    assert made
    made.clear()
    now = app.session_state[f"{page}.seen"]
    assert now != seen
    app.session_state[f"{page}.seen"] = seen  # as where the next was stopped before it had a picture
    work = now[0] if page == "map" else now.work
    app.session_state[f"{page}.stopped"] = work
    grid._swept.cache_clear()
    app.run()
    assert not app.exception
    assert app.info[0].value.startswith("Stopped")
    assert [chart.proto.spec for chart in app.get("plotly_chart")] == charts
    app.button(key=f"{page}.go on").click().run()
    assert not app.info
    assert app.session_state[f"{page}.seen"] == now


@pytest.mark.parametrize(("millions", "whole", "first"), [(2.7, True, True), (2.6, False, True), (0.1, False, False)])
def test_a_map_that_is_more_than_the_host_allows_is_refused_in_words(millions, whole, first, monkeypatch):
    monkeypatch.setattr(grid, "_MOST", millions * 1e6)
    app = opened(ROOT / "pages" / "map.py", rules="momentum~nesterov", surface="ravine", steps="20")  # 2 × 65,536 × 20
    assert not app.exception
    assert bool(app.warning) != whole
    assert (app.session_state["map.seen"][1] if first else None) == {(True, True): 256, (False, True): 64}.get((whole, first))
    if not whole:
        assert "2 rules × " in app.warning[0].value
        assert f"{int(millions * 1e6 / (2 * (65536 if first else 4096)))} steps would fit" in app.warning[0].value


class Full(Hall):
    """A hall with one place, which is taken, and so many in line."""

    def __init__(self, line: int) -> None:
        super().__init__(1, 1, 1e9)
        self.others = [self.enter(n, 0.0, lambda: True, lambda: False) for n in range(1 + line)]

    @property
    def line(self) -> int:
        """How many wait."""
        last = self.enter("last", 0.0, lambda: True, lambda: False)
        place = self.place(last)
        self.forget(last)
        return place - 1

    def empty(self) -> None:
        for one in self.others:
            self.forget(one)


def test_heavy_work_waits_in_line_where_it_can_be_stopped(monkeypatch):
    full = Full(2)
    monkeypatch.setattr(hall, "HALL", full)
    monkeypatch.setattr(waiting, "superseded", st.stop)  # as a page is left that waits

    def page() -> None:
        import streamlit as st

        from ui.waiting import HEAVY, awaited, stopped

        place = st.empty()
        if not stopped("page", "this work"):
            with awaited("page", "this work", "Cells", place, HEAVY + st.session_state.get("more", 1)):
                st.caption("At work.")

    app = AppTest.from_function(page).run()
    assert [bar.proto.text for bar in app.get("progress")] == ["Waiting, 3rd in line."]
    assert not app.caption
    assert full.line == 2
    app.button(key="page.stop.Cells").click().run()
    assert app.info[0].value.startswith("Stopped")
    assert not app.get("progress")
    assert full.line == 2
    app.session_state["more"] = 0
    app.button(key="page.go on").click().run()
    assert app.caption  # what is less waits for nobody
    app.session_state["more"] = 1
    full.empty()
    app.run()
    assert app.caption
    assert not app.get("progress")
    assert full.admitted(full.enter("next", 0.0, lambda: True, lambda: False), 0)


def test_a_heavy_map_waits_behind_its_first_look_and_what_is_kept_of_it_does_not(monkeypatch):
    full = Full(0)
    monkeypatch.setattr(hall, "HALL", full)
    monkeypatch.setattr(waiting, "superseded", st.stop)
    link = {"rules": "momentum", "surface": "ravine", "steps": "21"}
    grid._swept.cache_clear()
    monkeypatch.setattr(waiting, "HEAVY", 65536 * 21 - 1)
    app = opened(ROOT / "pages" / "map.py", **link)
    assert [bar.proto.text for bar in app.get("progress")] == ["Waiting, 1st in line."]
    assert app.session_state["map.seen"][1] == 64
    charts = [chart.proto.spec for chart in app.get("plotly_chart")]
    assert charts
    app.button(key="map.stop.All cells").click().run()
    assert app.info[0].value.startswith("Stopped")
    assert [chart.proto.spec for chart in app.get("plotly_chart")] == charts
    assert full.line == 0
    full.empty()
    app.button(key="map.go on").click().run()
    assert app.session_state["map.seen"][1] == 256
    other = full.enter("other", 0.0, lambda: True, lambda: False)
    assert full.admitted(other, 0)
    app = opened(ROOT / "pages" / "map.py", **link, colour="best")
    assert not app.get("progress")
    assert app.session_state["map.seen"][1] == 256


def test_only_a_large_map_is_heavy():
    most = DRIVER["steps"].high
    ordinary = Map(Race("ravine", tuple(ENTRANTS)[:6]), Axis("lr", 1e-3, 1.0), Axis("x", -1.0, 1.0))
    largest = replace(ordinary, race=ordinary.race.having({"steps": most}))
    assert len(ordinary.shown) == 6
    assert grid.ahead(ordinary, 256) == 6 * 65536 * ordinary.race["steps"]
    assert grid.ahead(replace(ordinary, race=ordinary.race.having({"steps": 300.0})), 256) <= HEAVY
    assert grid.ahead(largest, 64) <= HEAVY < grid.ahead(largest, 256)
    assert MOST_ENTRANTS * FINE * most + FAN * most <= HEAVY  # effects
    assert MOST_ENTRANTS * (TRIES.high + 1) * sum(LENGTHS) * len(PROTOCOLS) <= HEAVY  # who wins under which terms
    assert MOST_ENTRANTS * (TRIES.high + 1) * most <= HEAVY  # a race
