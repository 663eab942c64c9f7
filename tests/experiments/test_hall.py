"""The one line of all visitors: who waits is told where, and a place is given back whatever ends the work."""

import pytest
from streamlit.runtime.scriptrunner import RerunData, RerunException, StopException

from core.hosting.admission import Hall, Ticket
from experiments import hall
from experiments.hall import admitted, place_of
from experiments.host import Visitor


@pytest.fixture
def one_place(monkeypatch):
    """A hall in which one work goes on at a time."""
    monkeypatch.setattr(hall, "HALL", Hall(1, 1, 1e9))
    monkeypatch.setattr(hall, "_LOOK", 0.001)
    return hall.HALL


def entered(one: Hall, owner: str) -> Ticket:
    return one.enter(owner, 1.0, lambda: True, lambda: False)


@pytest.mark.parametrize("error", [ValueError(), StopException(), RerunException(RerunData())], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("where", ["at entry", "in line", "at work"])
def test_a_place_is_given_back_whatever_ends_the_work(one_place, where, error):
    other = entered(one_place, "other") if where != "at work" else None
    told = []

    def end(at: str) -> bool:
        if where == at:
            raise error
        return False

    def tell(ticket: Ticket) -> None:
        told.append(place_of(ticket))
        end("at entry")

    with pytest.raises(type(error)), admitted(1.0, Visitor(), lambda: end("in line"), tell):
        end("at work")
    assert told[0] == ("Waiting, 1st in line." if other else "")
    if other:
        one_place.leave(other)
    assert one_place.admitted(entered(one_place, "next"), 0)


def test_who_waits_is_told_the_place_and_then_that_it_begins(one_place):
    line, told = [entered(one_place, owner) for owner in "abc"], []

    def tell(ticket: Ticket) -> None:
        told.append(place_of(ticket))
        if line:
            one_place.leave(line.pop(0))

    with admitted(1.0, Visitor(), lambda: False, tell) as ticket:
        assert ticket
    assert told == ["Waiting, 3rd in line.", "Waiting, 2nd in line.", "Waiting, 1st in line.", ""]


def test_work_that_has_ended_in_line_is_none(one_place):
    other = entered(one_place, "other")
    with admitted(1.0, Visitor(), lambda: True) as ticket:
        assert ticket is None
    assert one_place.place(entered(one_place, "next")) == 1
    one_place.leave(other)
