"""Worker processes: what they are given they do, what goes wrong is told, and they end."""

import math
import os
import signal
from contextlib import suppress

import pytest

from core.workers import Workers


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


def test_a_worker_that_died_is_replaced():
    one = Workers(1)
    os.kill(one.submit(os.getpid).result(30), signal.SIGKILL)
    with suppress(RuntimeError):  # the first order may meet the dying one
        one.submit(math.factorial, 3).result(30)
    assert one.submit(math.factorial, 3).result(30) == 6
    one.close()


def test_workers_end_when_closed():
    pair = Workers(2)
    ids = {pair.submit(os.getpid).result(30) for _ in range(8)}
    pair.close()
    for process in ids:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
