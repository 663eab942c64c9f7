"""Who looks on from a browser: whether they are still there, and whether they have moved on."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from experiments.host import Host, Visitor

LOST = 150.0
"""Seconds without a connection after which somebody has left: Streamlit keeps a session that is lost for 120, no longer."""

OFTEN = 0.002
"""Seconds between two looks at whether the person has moved on: a look costs as much as several steps of a run."""

_looked = threading.local()


@dataclass(frozen=True)
class Session(Visitor):
    """A tab that is hidden, or another page of ours, is still there."""

    id: str
    _seen: list[float] = field(default_factory=lambda: [time.monotonic()], init=False, compare=False)

    @property
    def here(self) -> bool:
        """Whether a browser is connected."""
        if not runtime.exists() or runtime.get_instance().is_active_session(self.id):
            self._seen[:] = [time.monotonic()]
            return True
        return False

    @property
    def gone(self) -> bool:
        """Whether none has been for so long that none will come back; to be asked now and then."""
        return not self.here and time.monotonic() - self._seen[0] > LOST

    @property
    def owner(self) -> object:
        return self.id


class Browser(Host):
    """Pages, run for the sessions of browsers."""

    def visitor(self) -> Visitor:
        """Of the script that runs."""
        context = get_script_run_ctx(suppress_warning=True)
        return Session(context.session_id) if context else Visitor()

    def superseded(self) -> bool:
        """Streamlit stops a script that was superseded at its next touch of the session, by an exception of its own."""
        now = time.monotonic()
        if now - getattr(_looked, "last", -math.inf) >= OFTEN:
            _looked.last = now
            st.session_state.get("superseded")
        return False

    @contextmanager
    def note(self) -> Iterator[Callable[[str], object]]:
        place = st.empty()
        with place:
            yield lambda words: place.caption(words) if words else place.empty()
