"""Tasks from files that people give: a table they upload, or MNIST and CIFAR-10 in a folder of theirs."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from networks import CNN, MLP, NetworkTask
from networks.data import Table, split
from networks.files import cifar10_folder, csv_table, mnist_folder
from ui.lesson import OWN

KEPT = 16
"""Tasks from files that the server remembers."""


def table_task(name: str, content: bytes, target: str) -> str:
    """The key of the task of an uploaded table; ValueError, in one sentence, for what is none."""
    key = f"file-{hashlib.sha256(content + target.encode()).hexdigest()[:8]}"
    if key not in OWN:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError(f"{name} is not a table: it must be text (UTF-8) with commas, semicolons or tabs") from None
        table = csv_table(text, target or None)
        split(table, 0)  # too few rows are told now, not when it trains
        _remember(_task(key, name, table, MLP((16,))))
    return key


def folder_tasks(folder: str) -> list[str]:
    """The keys of the tasks of a folder with the files of MNIST or CIFAR-10; ValueError where it holds neither."""
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise ValueError(f"{folder} is no folder on the machine that runs Ravine")
    readers: tuple[tuple[str, Callable[[str], Table]], ...] = (("mnist", mnist_folder), ("cifar", cifar10_folder))
    problems = []
    for name, read in readers:
        try:
            table = _read(read, str(place))
        except ValueError as error:
            problems.append(str(error))
            continue
        keys = []
        for suffix, kind in (("mlp", MLP((128,))), ("cnn", CNN((8, 16)))):
            key = f"folder-{name}-{suffix}"
            _remember(_task(key, f"{name.upper()} of {folder}, {suffix.upper()}", table, kind))
            keys.append(key)
        return keys
    raise ValueError("; ".join(problems))


@lru_cache(maxsize=2)
def _read(read: Callable[[str], Table], folder: str) -> Table:
    return read(folder)


def _task(key: str, title: str, table: Table, kind: MLP | CNN) -> NetworkTask:
    image = len(table.shape) == 3
    shape = table.shape if isinstance(kind, CNN) else (table.x.shape[1],)
    task = NetworkTask(key, title, lambda seed: table, kind, shape, len(table.classes), image=image)
    return task if table.classes else replace(task, loss="mse")


def _remember(task: NetworkTask) -> None:
    OWN[task.key] = task
    while len(OWN) > KEPT:
        del OWN[next(iter(OWN))]
