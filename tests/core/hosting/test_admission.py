"""The hall: so many at once, within so much memory, in a line that is fair, and results make way."""

from collections.abc import Callable

from core.hosting import admission
from core.hosting.admission import Hall, Ticket


def entered(hall: Hall, owner: str, bytes: float = 1.0, here: Callable[[], bool] = lambda: True) -> Ticket:
    return hall.enter(owner, bytes, here, lambda: False)


def going(hall: Hall, *tickets: Ticket) -> list[bool]:
    return [hall.admitted(ticket, 0) for ticket in tickets]


def test_as_many_as_there_are_places_and_the_others_wait_in_line():
    hall = Hall(2, 2, 100)
    five = [entered(hall, name) for name in "abcde"]
    assert going(hall, *five) == [True, True, False, False, False]
    assert [hall.place(one) for one in five] == [0, 0, 1, 2, 3]
    hall.leave(five[0])
    assert [hall.place(one) for one in five] == [0, 0, 0, 1, 2]
    hall.forget(five[3])  # who has changed their mind
    assert [hall.place(one) for one in five] == [0, 0, 0, 0, 1]
    assert hall.admitted(five[2], 0)
    assert not hall.admitted(five[3], 0)


def test_no_visitor_fills_the_hall():
    hall = Hall(3, 2, 100)
    many = [entered(hall, "a") for _ in range(10)]
    assert sum(going(hall, *many)) == 2
    other = entered(hall, "b")
    assert hall.admitted(other, 0)
    third, fourth = entered(hall, "c"), entered(hall, "a")
    assert hall.place(third) == 1  # before all that waits of a
    assert hall.place(fourth) == 10
    hall.leave(other)
    assert hall.admitted(third, 0)


def test_memory_is_shared_out_and_small_work_passes_large_but_not_for_ever(monkeypatch):
    monkeypatch.setattr(admission, "OVERTAKEN", 3)
    hall = Hall(3, 3, 10)
    first, large = entered(hall, "a", 6), entered(hall, "b", 7)
    assert going(hall, first, large) == [True, False]
    passing = [entered(hall, f"c{n}", 1) for n in range(6)]
    for n in range(4):
        assert hall.admitted(passing[n], 0) == (n < 3)
        hall.leave(passing[n]) if n < 3 else None
    hall.leave(first)
    assert going(hall, large, *passing[3:5]) == [True, True, True]


def test_work_of_its_own_size_is_never_shut_out():
    hall = Hall(2, 2, 10)
    assert hall.admitted(entered(hall, "a", 10), 0)
    other = entered(hall, "b", 10)
    assert not hall.admitted(other, 0)


def test_whoever_is_away_keeps_the_place_and_is_passed():
    hall, there = Hall(1, 1, 10), []
    first = entered(hall, "a")
    away, other = entered(hall, "b", here=lambda: bool(there)), entered(hall, "c")
    hall.leave(first)
    assert going(hall, away, other) == [False, True]
    assert hall.place(away) == 1
    there.append(0)
    hall.leave(other)
    assert hall.admitted(away, 0)


class Result:
    def __init__(self) -> None:
        self.there = True

    def give_up(self) -> None:
        self.there = False


def kept(hall: Hall, bytes: float, gone: Callable[[], bool] = lambda: False) -> tuple[Ticket, Result]:
    ticket, result = hall.enter(object(), bytes, lambda: True, gone), Result()
    hall.leave(ticket, bytes, result.give_up)
    return ticket, result


def test_results_make_way_those_first_that_were_looked_at_longest_ago():
    hall = Hall(2, 2, 10)
    (one, first), (_, second), (_, third) = (kept(hall, 3) for _ in range(3))
    hall.looked(one)
    assert hall.admitted(entered(hall, "a", 4), 0)
    assert [result.there for result in (first, second, third)] == [True, False, True]
    assert not hall.admitted(entered(hall, "b", 7), 0)  # there is no room beside a, so nobody gives up anything
    assert [result.there for result in (first, second, third)] == [True, False, True]


def test_results_go_with_their_owners():
    hall, left = Hall(2, 2, 10), []
    _, result = kept(hall, 3, gone=lambda: bool(left))
    _, lost = kept(hall, 7)
    hall.tidy()
    assert result.there
    left.append(0)
    del lost
    hall.tidy()
    assert not result.there
    assert hall.admitted(entered(hall, "a", 10), 0)
