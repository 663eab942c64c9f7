"""What a browser sends is checked before it is used: what is malformed is dropped, and the next good message is answered."""

import json
import logging
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.testing.v1 import AppTest

from experiments.schema import any_number, either, flag, nothing, row, several, shaped, text, whole
from tests.pages.test_app import RACE, ROOT, header, opened
from ui import door, received
from ui.components.stage import AHEAD, _asked
from ui.door import let_in
from ui.received import selected

Draw = random.Random


def good(seq: int, **values: Any) -> dict[str, Any]:
    return {"seq": seq, "values": values or {"steps": 20}, "released": False, "structure": "a", "field": "b", "band": None}


def deep(draw: Draw) -> Any:
    value: Any = draw.choice([0, "x", None])
    for _ in range(draw.choice([3, 50, 900])):
        value = draw.choice([[value], {"a": value}])
    return value


def odd(draw: Draw) -> Any:
    """A value that is no number, no short text, and none of the places and words the stage asks for."""
    huge = [10**400, math.inf, -math.inf, math.nan, "x" * draw.randint(500, 10**5), [0] * 10**5, {"a": 1}, 2**60, True]
    return draw.choice([*huge, deep(draw), {str(i): i for i in range(1000)}])


def without(draw: Draw, seq: int) -> Any:
    message = good(seq)
    del message[draw.choice(["seq", "values", "released"])]
    return message


def million(draw: Draw, seq: int) -> Any:
    name = draw.choice(["look", "hidden"])
    return good(seq, **{name: draw.choice([["adam"] * 10**6, "3d" * 10**5, {"3d": 1}, [["3d"]], [None], [1, 2]])})


def place(draw: Draw, seq: int) -> Any:
    name = draw.choice(["start", "view", "step"])
    wrong = [[[1], [2]], {"x": 1}, [math.nan, 1], [None, 1], [1] * 10**4, True, [10**400, 0], deep(draw)]
    return good(seq, **{name: draw.choice(wrong)})


MALFORMED: dict[str, Callable[[Draw, int], Any]] = {
    "no object": lambda draw, seq: draw.choice(
        ["x" * draw.randint(0, 10**6), [good(seq)], [], 7, 1.5, True, math.nan, [[]] * 10**5]
    ),
    "something missing": without,
    "no number": lambda draw, seq: {
        **good(seq),
        "seq": draw.choice([None, "3", [seq], {}, -1, 1.5, odd(draw), seq + AHEAD + 1]),
    },
    "no values": lambda draw, seq: {**good(seq), "values": draw.choice([None, [], "steps", 3, [["steps", 3]], deep(draw)])},
    "an odd value": lambda draw, seq: good(seq, **{draw.choice(["sgd.lr", "steps", "angle", "ravine.kappa"]): odd(draw)}),
    "a null": lambda draw, seq: good(seq, **{draw.choice(["sgd.lr", "steps", "look", "hidden"]): None}),
    "a million words": million,
    "an odd place": place,
    "an unknown value": lambda draw, seq: good(seq, **{draw.choice(["colour", "", "__class__", "x" * 10**5]): 1}),
    "an unknown key": lambda draw, seq: {**good(seq), draw.choice(["look", "", "x" * 10**5]): draw.choice([1, deep(draw)])},
    "no release": lambda draw, seq: {**good(seq), "released": draw.choice([None, 1, "true", [], odd(draw) or 2])},
    "what it has": lambda draw, seq: {**good(seq), draw.choice(["structure", "field", "band"]): odd(draw)},
}


def malformed(kind: str, draw: Draw, seq: int) -> Any:
    message = MALFORMED[kind](draw, seq)
    if isinstance(message, dict) and message.get("released") is True:
        message["released"] = None
    return message


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_message_is_known_as_one(kind):
    draw = random.Random(kind)
    for i in range(200):
        assert _asked(7)(good(7 + i))
        assert not _asked(7)(malformed(kind, draw, 8)), kind


def asks(app: AppTest, message: Any) -> None:
    app.session_state["race.stage"] = {"ask": message}
    app.run()


def answer(app: AppTest) -> bytes:
    (stage,) = app.get("bidi_component")
    return stage.proto.bytes


def test_two_hundred_malformed_messages_leave_the_session_alive(caplog):
    """Nothing fails, each is told to the log in one line, no answer is larger than a good one, and good ones are answered."""
    app, draw, seq, dropped = opened(RACE, surface="ravine", rules="sgd", steps="10"), random.Random(1), 0, 0
    largest = len(answer(app))
    for i in range(200):
        kind = list(MALFORMED)[i % len(MALFORMED)]
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            asks(app, malformed(kind, draw, seq + 1))
        assert not app.exception, kind
        assert header(app)["seq"] == seq
        assert len(answer(app)) <= largest, kind
        lines = [line.getMessage() for line in caplog.records if line.name == received.__name__]
        dropped += len(lines)
        assert all(len(line) < 120 and line.isprintable() and "race.stage was dropped" in line for line in lines)
        assert len(lines) <= 1
        if i % 4 == 3:
            seq += 1
            asks(app, good(seq, steps=11 + i % 50))
            assert not app.exception
            assert (header(app)["seq"], header(app)["steps"]) == (seq, 11 + i % 50), kind
            largest = max(largest, len(answer(app)))
    assert dropped > 180


def test_the_same_message_is_told_once(caplog):
    app = opened(RACE, surface="ravine", rules="sgd", steps="10")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            asks(app, "x")
    assert len([line for line in caplog.records if line.name == received.__name__]) == 1


def test_words_that_are_kept_are_kept_once():
    app = opened(RACE, surface="ravine", rules="sgd~adam", steps="10")
    asks(app, good(1, hidden=["adam"] * 90 + ["nobody"], look=["3d", "3d"]))
    assert (header(app)["hidden"], header(app)["look"]) == (["adam"], ["3d"])


def test_a_number_that_is_wrong_but_sayable_is_still_told():
    app = opened(RACE, surface="ravine", rules="sgd", steps="10")
    asks(app, good(1, steps="\ud800\u202e many"))
    assert len(header(app)["problems"]) == 1
    assert header(app)["problems"][0].startswith("steps = ")
    asks(app, good(2, start=["here", 1]))
    assert header(app)["problems"][0].startswith("start = “here, 1” is not allowed")


def test_a_schema_is_what_it_says():
    schema = shaped({"a": any_number}, {"b": either(nothing, text(3)), "c": several(flag, 2), "d": row(whole(0, 5), text(1))})
    assert schema({"a": 1, "b": None, "c": [True], "d": [5, "x"]})
    assert schema({"a": -1.5})
    wrong = [{"a": True}, {"a": 2**54}, {"b": "four"}, {"c": [True] * 3}, {"d": ["x", 5]}, {"e": 1}, {"a": None}]
    for bad in ({}, *({"a": 1, **one} for one in wrong)):
        assert not schema(bad)
    assert shaped({"a": any_number}, open=True)({"a": 1, "whatever": [[[]]]})
    assert not shaped({}, open=True)({str(i): i for i in range(101)})


# Charts


def test_what_is_touched_in_a_chart_is_checked(monkeypatch):
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    marks = row(text(9), whole(0, 1))
    point, box = {"x": 1.0, "y": 2, "customdata": ["a", 1], "point_index": 3}, {"x": [1, 2], "y": [3, 4.5], "xref": "x"}
    state["chart"] = {"selection": {"points": [point, {}], "box": [box]}}
    assert selected("chart", marks) == (point, box)
    for bad in (
        None,
        "x",
        {},
        {"selection": 3},
        {"selection": {"points": 1, "box": "x"}},
        {"selection": {"points": [3], "box": [[1]]}},
        {"selection": {"points": [{**point, "customdata": ["a", 2]}], "box": [{**box, "x": [1]}]}},
        {"selection": {"points": [{**point, "x": math.nan}], "box": [{**box, "y": [0, math.inf]}]}},
        {"selection": {"points": [{"x": 1, "y": 1}], "box": [{"x": [1, 2]}]}},
    ):
        state["chart"] = bad
        assert selected("chart", marks) == ({}, {})


# Pickers


@pytest.mark.parametrize(
    ("page", "forged"),
    [
        ("race", {"race.surface": "atlantis", "race.rules": ["sgd", "nobody"] + ["adam"] * 30, "race.schedule": "x"}),
        ("anatomy", {"anatomy.surface": "x", "anatomy.rule": "x", "anatomy.schedule": "x"}),
        ("effects", {"effects.surface": "x", "effects.rules": ["x"], "effects.shows": "x", "effects.number": "x"}),
        ("backprop", {"backprop.task": "x", "backprop.activation": "x", "backprop.init": "x", "backprop.rule": "x"}),
        ("training", {"networks.task": "x", "networks.rules": ["x"]}),
    ],
)
def test_a_choice_that_is_none_is_as_none_was_made(page, forged):
    app = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=30)
    for name, value in forged.items():
        app.session_state[name] = value
    app.run()
    assert not app.exception


# Before Streamlit reads it


def sent(**values: str) -> bytes:
    message = BackMsg()
    for name, value in values.items():
        state = message.rerun_script.widget_states.widgets.add(id=name)
        setattr(state, name, value)
    return message.SerializeToString()


def held(content: bytes | None) -> dict[str, str]:
    assert content is not None
    message = BackMsg.FromString(content)
    return {state.id: getattr(state, state.id) for state in message.rerun_script.widget_states.widgets}


UNREADABLE = ["[" * 3000 + "]" * 3000, '{"a":' * 1000 + "1" + "}" * 1000, '{"ask": {"seq": ' + "1" * 5000 + "}}"]


@pytest.mark.parametrize("text", UNREADABLE, ids=["lists", "records", "digits"])
def test_what_streamlit_would_fail_at_does_not_reach_it(text, caplog):
    with pytest.raises((RecursionError, ValueError)):
        json.loads(text)
    usual = '{"ask": {"seq": 1, "values": {"start": [1, 2]}}}'
    assert held(let_in(sent(json_value=usual, string_value="[[x"))) == {"json_value": usual, "string_value": "[[x"}
    assert not caplog.records
    assert held(let_in(sent(json_value=text, string_value=text))) == {"json_value": "null", "string_value": "{}"}
    assert len(caplog.records) == 1


def test_many_lists_beside_one_another_are_read():
    text = json.dumps({"selection": {"points": [{"x": 1, "customdata": ["a", i]} for i in range(3000)]}})
    content = sent(string_value=text)
    assert let_in(content) == content


def test_what_is_too_large_or_no_message_is_dropped():
    assert let_in(sent(json_value="x" * door.LARGEST_MESSAGE)) is None
    assert let_in(b"\xff" * 100) is None
    assert let_in(sent(json_value="{}")) == sent(json_value="{}")
