"""Who has begun something, and whether they are still there."""

import time
from dataclasses import dataclass, field

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

LOST = 150.0
"""Seconds without a connection after which somebody has left: Streamlit keeps a session that is lost for 120, no longer."""


@dataclass
class Visitor:
    """A session; None is a script, which is always there. A tab that is hidden, or another page of ours, is still there."""

    session: str | None
    _last: float = field(default_factory=time.monotonic, init=False)

    @property
    def here(self) -> bool:
        """Whether a browser is connected."""
        if self.session is None or not runtime.exists() or runtime.get_instance().is_active_session(self.session):
            self._last = time.monotonic()
            return True
        return False

    @property
    def gone(self) -> bool:
        """Whether none has been for so long that none will come back; to be asked now and then."""
        return not self.here and time.monotonic() - self._last > LOST

    @property
    def owner(self) -> object:
        """What all that one visitor has begun has in common."""
        return self if self.session is None else self.session

    def __hash__(self) -> int:
        return id(self)


def visitor() -> Visitor:
    """Of the script that runs."""
    context = get_script_run_ctx(suppress_warning=True)
    return Visitor(context.session_id if context else None)
