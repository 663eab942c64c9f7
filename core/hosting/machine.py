"""What the machine has, and what its host allows."""

import os
from contextlib import suppress
from pathlib import Path

MB = 1_000_000
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container's limit stands, by the newer and by the older way."""


def memory() -> int:
    """Bytes of memory that there are, or that this container may have of them."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for place in LIMITS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            whole = min(whole, int(place.read_text()))
    return whole


def set_by_host(name: str, usual: float) -> float:
    """A positive number that the host may set by an environment variable; ValueError where it is set to something else."""
    text = os.environ.get(name, "").strip()
    if not text:
        return usual
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError(f"{name} = {text[:40]} is not allowed: it must be a number above 0")
    return number
