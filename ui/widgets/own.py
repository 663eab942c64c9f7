"""Tasks from files that people give: a table they upload, or MNIST and CIFAR-10 in a folder. They are a session's own."""

import hashlib
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from weakref import WeakValueDictionary

import streamlit as st

from core.words import cut, quoted
from experiments.training.spec import GIVEN
from networks import CNN, MLP, TASKS, Given, NetworkTask
from networks.data.files import cifar10_folder, mnist_folder
from networks.data.prepare import Table, data_of
from networks.data.text_table import csv_table
from networks.tasks import usual_batch

ROOT = "RAVINE_DATA"
"""The environment variable that names the folder within which visitors may name others."""

MOST_KEPT = 16
"""Tasks from files that a session keeps."""

_MOST_BYTES = 256 * 2**20
"""Bytes that the tables of all but the newest may take."""


def tasks() -> Mapping[str, NetworkTask]:
    """Those that are listed, and those from this visitor's files."""
    return {**TASKS, **_mine()}


def brought(what: str, wish: Hashable, make: Callable[[], Sequence[NetworkTask]]) -> Sequence[NetworkTask]:
    """The tasks of what was brought, made once and kept; ValueError, each time, for what will not do."""
    kept, found = st.session_state.get(f"own.{what}", (None, ()))
    if kept != wish:
        try:
            found = make()
        except ValueError as error:
            found = str(error)
        st.session_state[f"own.{what}"] = wish, found
    if isinstance(found, str):
        raise ValueError(found)
    _keep(found)
    return found


def table_task(name: str, content: bytes, target: str) -> NetworkTask:
    """The task of an uploaded table; ValueError, in one sentence, for what is none."""
    table = csv_table(content, target or None)
    data = data_of(table, 0)  # what will not do is told now, not when it trains
    task = _task(cut(name), Given(_digest(content, target.encode()), table), MLP((16,))).fitting(data)
    return replace(task, batch=usual_batch(len(data.x_train)))


def folder_tasks(folder: str) -> Sequence[NetworkTask]:
    """The tasks of a folder with the files of MNIST or CIFAR-10, named from the root on; ValueError where it holds neither."""
    allowed = root()
    place = allowed and _within(allowed, folder)
    if not place:
        raise ValueError(f"{quoted(folder)} is no folder within the one that this server offers")
    problems = []
    for title, read in (("MNIST", mnist_folder), ("CIFAR", cifar10_folder)):
        try:
            table = read(place, allowed)
        except ValueError as error:
            problems.append(str(error))
            continue
        content = _digest(table.x.data, table.y.data, repr((table.classes, table.shape)).encode())
        given = Given(content, _images.setdefault(content, table))
        kinds = ("MLP", MLP((128,))), ("CNN", CNN((8, 16)))
        return [_task(f"{title} of {cut(folder)}, {name}", given, kind) for name, kind in kinds]
    raise ValueError("; ".join(problems))


def root() -> Path | None:
    """The folder within which visitors may name others, None where they may name none.

    It is what the host says; where nothing is said and nobody but this machine's users is served, it is the home of who serves.
    """
    if (said := os.environ.get(ROOT)) is None:
        return Path(os.path.realpath(Path.home())) if _served_here_alone() else None
    return Path(os.path.realpath(said)) if said else None


def _served_here_alone() -> bool:
    names = [st.get_option("server.address"), *st.get_option("server.allowedHosts")]
    return all(name == "localhost" or _is_loopback(name) for name in names)


def _is_loopback(name: str | None) -> bool:
    try:
        return ip_address(name or "").is_loopback
    except ValueError:
        return False


def _within(allowed: Path, folder: str) -> Path | None:
    """The folder, its links resolved, where there is one within what is allowed; who asks cannot tell why there is none."""
    try:
        place = Path(os.path.realpath(allowed / Path(folder).expanduser()))
        return place if place.is_relative_to(allowed) and place.is_dir() else None
    except (OSError, ValueError, RuntimeError):  # too long a name, a name with a NUL, another user's home
        return None


def _digest(*parts: bytes | memoryview) -> str:
    """Of parts that may be anything, so that no other parts have the same."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(memoryview(part).nbytes.to_bytes(8, "big"))
        whole.update(part)
    return whole.hexdigest()


_images: WeakValueDictionary[str, Table] = WeakValueDictionary()
"""Tables of folders, as long as anybody has them: they are large, and may be the same for many."""


def _task(title: str, given: Given, kind: MLP | CNN) -> NetworkTask:
    table, image = given.table, len(given.table.shape) == 3
    shape = table.shape if isinstance(kind, CNN) else (table.x.shape[1],)
    key = f"{GIVEN}{given.content[:32]}" + (f"-{type(kind).__name__.lower()}" if image else "")
    task = NetworkTask(key, title, given, kind, shape, len(table.classes), image=image)
    return task if table.classes else replace(task, loss="mse")


def _mine() -> dict[str, NetworkTask]:
    return st.session_state.setdefault("own.tasks", {})


def _keep(newest: Sequence[NetworkTask]) -> None:
    """With the newest last; the oldest go where they are too many or too large."""
    mine = _mine()
    for task in newest:
        mine.pop(task.key, None)
        mine[task.key] = task
    while len(mine) > max(MOST_KEPT, len(newest)) or (len(mine) > len(newest) and _bytes(mine) > _MOST_BYTES):
        del mine[next(iter(mine))]


def _bytes(mine: Mapping[str, NetworkTask]) -> int:
    tables = {source.content: source.table for task in mine.values() if isinstance(source := task.source, Given)}
    return sum(table.x.nbytes + table.y.nbytes for table in tables.values())
