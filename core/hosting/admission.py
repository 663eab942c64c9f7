"""Who may begin: so many at once, within so much memory, one after another, and no one before all the others."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakMethod

OVERTAKEN = 20
"""How often smaller work may pass what waits for memory."""


@dataclass(eq=False)
class Ticket:
    """Work that waits, or goes on, or whose result is kept; `bytes` it takes, `here` says whether its owner is there, `gone`
    whether the owner will not come back."""

    owner: Any
    bytes: float
    here: Callable[[], bool]
    gone: Callable[[], bool]
    overtaken: int = field(default=0, init=False)
    give_up: Callable[[], Callable[[], None] | None] = field(default=lambda: None, init=False, repr=False)


class Hall:
    """`places` works go on at once, and `each` of one owner, within `room` bytes together with the results that are kept.

    Results are given up, those first that were looked at longest ago, where work would not have the room it needs.
    """

    def __init__(self, places: int, each: int, room: float) -> None:
        self.places, self.each, self.room = places, each, room
        self._waiting: list[Ticket] = []
        self._going: list[Ticket] = []
        self._kept: dict[Ticket, None] = {}
        self._changed = threading.Condition(threading.RLock())

    def enter(self, owner: Any, bytes: float, here: Callable[[], bool], gone: Callable[[], bool]) -> Ticket:
        """Wait in line; who rests because nobody is `here` keeps the place."""
        with self._changed:
            ticket = Ticket(owner, bytes, here, gone)
            self._waiting.append(ticket)
            self._admit()
            return ticket

    def admitted(self, ticket: Ticket, seconds: float) -> bool:
        """Whether it may go on, now or within so long."""
        with self._changed:
            self._admit()
            return ticket in self._going or (self._changed.wait(seconds) and ticket in self._going)

    def place(self, ticket: Ticket) -> int:
        """1 for who is next in line, and so on; 0 for who does not wait."""
        with self._changed:
            return 1 + list(self._line()).index(ticket) if ticket in self._waiting else 0

    def leave(self, ticket: Ticket, kept: float = 0.0, give_up: Callable[[], None] | None = None) -> None:
        """It has ended. So many bytes of it are kept as long as who owns the method `give_up` lives, or until it is called."""
        with self._changed:
            self.forget(ticket)
            if kept and give_up:
                ticket.bytes, ticket.give_up = kept, WeakMethod(give_up)
                self._kept[ticket] = None
            self._admit()

    def looked(self, ticket: Ticket) -> None:
        """Somebody looks at its result."""
        with self._changed:
            if ticket in self._kept:
                self._kept[ticket] = self._kept.pop(ticket)

    def tidy(self) -> None:
        """Give up the results of those who are gone."""
        with self._changed:
            for ticket in [one for one in self._kept if one.give_up() is None or one.gone()]:
                self._given_up(ticket)

    def forget(self, ticket: Ticket, *, kept: bool = False) -> None:
        """It wants nothing any more; but where a result of it is `kept`, that may stay."""
        with self._changed:
            if not kept:
                self._kept.pop(ticket, None)
            for some in (self._waiting, self._going):
                if ticket in some:
                    some.remove(ticket)
            self._changed.notify_all()

    def wake(self) -> None:
        """Who waits shall look about."""
        with self._changed:
            self._changed.notify_all()

    def _line(self) -> Iterator[Ticket]:
        """Who waits, in the order in which they will be admitted: who has fewest going on first, then who came first."""
        many, left = Counter(one.owner for one in self._going), list(self._waiting)
        while left:
            first = min(left, key=lambda one: many[one.owner])
            many[first.owner] += 1
            left.remove(first)
            yield first

    def _admit(self) -> None:
        passed: list[Ticket] = []
        for ticket in list(self._line()):
            if len(self._going) >= self.places:
                return
            if sum(one.owner == ticket.owner for one in self._going) >= self.each or not ticket.here():
                continue
            if not self._has_room(ticket):
                if ticket.overtaken >= OVERTAKEN:
                    return
                passed.append(ticket)
                continue
            self._waiting.remove(ticket)
            self._going.append(ticket)
            for one in passed:
                one.overtaken += 1
            self._changed.notify_all()

    def _has_room(self, ticket: Ticket) -> bool:
        """Whether there is room beside what goes on; results make way."""
        taken = ticket.bytes + sum(one.bytes for one in self._going)
        if taken > self.room and self._going:
            return False
        self.tidy()
        while self._kept and taken + sum(one.bytes for one in self._kept) > self.room:
            self._given_up(next(iter(self._kept)))
        return True

    def _given_up(self, ticket: Ticket) -> None:
        del self._kept[ticket]
        if give_up := ticket.give_up():
            give_up()
