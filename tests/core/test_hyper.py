"""A hyperparameter told once: its check, its words, its slider's stops, and how a signature declares it."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
import pytest

from core import DRIVER, SCHEDULES, Hyper
from core.hyper import declared
from optimizers import RULES
from surfaces import SURFACES

RATE = Hyper(1e-3, 10.0, "log", name="rate", default=0.1)
COUNT = Hyper(1, 9, whole=True, name="count", default=3)
DECAY = Hyper(0.01, 1.0, "log", off=0.0, name="decay", default=0.0)
EVERY_HYPER = [
    pytest.param(hyper, id=f"{owner}-{name}")
    for owner, hypers in [
        ("simulate", DRIVER),
        *((rule.key, rule.hypers) for rule in RULES.values()),
        *((schedule.key, schedule.hypers) for schedule in SCHEDULES.values()),
        *((surface.key, surface.hypers) for surface in SURFACES.values()),
    ]
    for name, hyper in hypers.items()
]


@pytest.mark.parametrize("value", [1e-3, 0.1, 10.0, 1, np.float32(0.5), np.int64(3), "0.1"])
def test_a_good_number_comes_back_as_a_float(value):
    checked = RATE.check(value)
    assert type(checked) is float
    assert checked == float(value)


@pytest.mark.parametrize("values", [[0.1, 1.0], (0.1, 1.0), np.array([0.1, 1.0])])
def test_good_numbers_come_back_as_an_array(values):
    checked = RATE.check(values)
    assert checked.dtype == np.float64
    assert checked.tolist() == [0.1, 1.0]


@pytest.mark.parametrize(
    ("hyper", "bad", "told"),
    [
        (RATE, 11, ["rate", "11", "0.001", "10"]),
        (RATE, 9.9e-4, ["rate", "0.00099"]),
        (RATE, math.nan, ["rate", "nan"]),
        (RATE, math.inf, ["rate", "inf"]),
        (RATE, [1.0, -7.0, 12.0], ["rate", "-7"]),
        (RATE, np.ones((2, 2)), ["rate", "(2, 2)"]),
        (RATE, "much", ["rate", "'much'"]),
        (RATE, object, ["rate", "object"]),
        (RATE, 1j, ["rate", "1j"]),
        (COUNT, 2.5, ["count", "2.5", "whole number from 1 to 9"]),
        (COUNT, 0, ["count", "0"]),
        (DECAY, -1.0, ["decay", "-1", "0 for off"]),
        (DECAY, 0.001, ["decay", "0.001", "0 for off"]),
    ],
)
def test_a_bad_value_is_told_in_words(hyper, bad, told):
    with pytest.raises(ValueError, match=hyper.name) as caught:
        hyper.check(bad)
    for word in told:
        assert word in str(caught.value)


def test_off_is_allowed_beside_the_range():
    assert DECAY.check(0.0) == 0.0
    assert DECAY.check([0.0, 0.5]).tolist() == [0.0, 0.5]
    assert Hyper(1.0, 2.0, off=math.inf, name="bound").check(math.inf) == math.inf


def test_a_hyper_checks_itself():
    with pytest.raises(ValueError, match="low 2 must be below high 1"):
        Hyper(2.0, 1.0)
    with pytest.raises(ValueError, match="log scale"):
        Hyper(0.0, 1.0, "log")
    with pytest.raises(ValueError, match="complement scale"):
        Hyper(0.0, 1.0, "complement")
    with pytest.raises(ValueError, match="rate = 100"):
        RATE.with_default(100.0)
    assert RATE.with_default(1.0).default == 1.0
    assert RATE.default == 0.1


@pytest.mark.parametrize("hyper", EVERY_HYPER)
def test_stops(hyper):
    stops = [stop for stop in hyper.stops if stop != hyper.off]
    assert all(a < b for a, b in pairwise(stops))
    assert (stops[0], stops[-1]) == (hyper.low, hyper.high)
    assert hyper.default in hyper.stops
    assert hyper.off is None or hyper.stops.count(hyper.off) == 1
    assert all(hyper.check(stop) == stop for stop in hyper.stops)


@pytest.mark.parametrize("hyper", EVERY_HYPER)
def test_no_slider_jumps(hyper):
    # Where a slider is logarithmic no stop is more than 10 % from the next, or 1 where it counts: not powers of ten, and
    # β reaches past 0.99.
    stops = np.array([stop for stop in hyper.stops if stop != hyper.off])
    if hyper.scale == "log":
        apart = (stops[1:] / stops[:-1] < 1.1) | (hyper.whole & (np.diff(stops) == 1))
        assert apart.all()
    elif hyper.scale == "complement":
        assert ((1 - stops[:-1]) / (1 - stops[1:])).max() < 1.1
        assert stops[-1] > 0.999
    else:
        assert np.diff(stops).max() <= max((hyper.high - hyper.low) / 199, 1.0 if hyper.whole else 0.0)


def test_a_signature_declares():
    def rule(g, v=0.0, *, t, mu: Annotated[float, Hyper(0.0, 0.99, "complement", help="Kept.")] = 0.9, plain: float = 1.0):
        return g, v, t, mu, plain

    hypers = declared(rule)
    assert list(hypers) == ["mu"]
    assert (hypers["mu"].name, hypers["mu"].default, hypers["mu"].help) == ("mu", 0.9, "Kept.")


def test_the_fields_of_a_record_declare_too():
    @dataclass(frozen=True)
    class Moved:
        shift: Annotated[int, Hyper(1, 6, whole=True, off=0.0, help="Pixels.")] = 0
        flip: bool = False

    hypers = declared(Moved)
    assert list(hypers) == ["shift"]
    assert (hypers["shift"].name, hypers["shift"].default, hypers["shift"].off) == ("shift", 0.0, 0.0)


def test_a_declared_default_must_be_in_range():
    def rule(g, *, mu: Annotated[float, Hyper(0.0, 0.99)] = 1.5):
        return g, mu

    with pytest.raises(ValueError, match=r"mu = 1\.5"):
        declared(rule)
