"""Worker processes: what they are given they do, what goes wrong is told, and they end."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.engine.workers import Workers


@pytest.fixture
def pair():
    pair = Workers(2)
    yield pair
    pair.close()


def test_work_is_done_elsewhere_and_in_order(pair):
    futures = [pair.submit(math.factorial, n) for n in range(20)]
    assert [future.result(30) for future in futures] == [math.factorial(n) for n in range(20)]
    assert pair.submit(os.getpid).result(30) != os.getpid()


def test_what_goes_wrong_is_raised_here_and_the_worker_lives_on(pair):
    with pytest.raises(ValueError, match="not defined for negative"):
        pair.submit(math.factorial, -1).result(30)
    with pytest.raises(AttributeError):
        pair.submit(lambda: 0).result(30)
    assert pair.submit(math.factorial, 3).result(30) == 6


def test_a_worker_that_prints_spoils_nothing(pair):
    pair.submit(print, "to nobody").result(30)
    assert pair.submit(math.factorial, 4).result(30) == 24


def ends_itself(marks: str, times: int) -> str:
    """Dies as where memory is short, but after so many times does what it should."""
    if len(os.listdir(marks)) < times:
        Path(marks, str(time.monotonic_ns())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def test_what_a_worker_was_at_that_died_is_done_once_more(tmp_path):
    one = Workers(1)
    os.kill(one.submit(os.getpid).result(30), signal.SIGKILL)
    assert one.submit(math.factorial, 3).result(30) == 6
    assert one.submit(ends_itself, str(tmp_path), 1).result(30) == "done"
    with pytest.raises(RuntimeError, match="a worker was ended before its work was done"):
        one.submit(ends_itself, str(tmp_path), 100).result(30)
    assert len(list(tmp_path.iterdir())) == 3
    assert one.submit(math.factorial, 3).result(30) == 6
    one.close()


def test_workers_end_when_closed_whatever_they_are_at():
    pair = Workers(2)
    ids = [pair.submit(os.getpid).result(30) for _ in range(8)]
    three = [pair.submit(time.sleep, 60) for _ in range(3)]
    wait_for(three[1].running)
    pair.close()
    for future in three:
        with pytest.raises(RuntimeError, match="ended before"):
            future.result(10)
    for process in set(ids):
        assert not alive(process)


def test_workers_do_not_outlive_their_parent_whatever_they_are_at():
    script = "import os, time; from core.engine.workers import workers; one = workers(1)"
    script += "\nprint(one.submit(os.getpid).result(30))"
    script += "\none.submit(time.sleep, 60); print('at work', flush=True); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout
        process = int(parent.stdout.readline())
        assert parent.stdout.readline() == "at work\n"
        parent.kill()
    wait_for(lambda: not alive(process))


def wait_for(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def alive(process: int) -> bool:
    """Whether there is such a process; one that has ended and is not yet buried is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
