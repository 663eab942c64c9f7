"""Reading a pickle of somebody else's: arrays, numbers, strings, dicts, lists and tuples, and not a line of code of theirs.

A pickle is a program that may name any function to be called. Here none of numpy's runs either: an array stays what the pickle
tells of it until `array_of` makes it of the bytes that are there.
"""

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

_ALLOWED = b"".join(
    getattr(pickle, name)
    for words in (
        "PROTO FRAME STOP MARK PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET MEMOIZE",
        "NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG1 FLOAT BINFLOAT",
        "STRING BINSTRING SHORT_BINSTRING BINUNICODE SHORT_BINUNICODE BINBYTES SHORT_BINBYTES BINBYTES8",
        "EMPTY_DICT DICT SETITEM SETITEMS EMPTY_LIST LIST APPEND APPENDS",
        "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3",
        "GLOBAL STACK_GLOBAL REDUCE BUILD",
    )
    for name in words.split()
)
"""The instructions that such files have. Others ask for objects of any kind, or for room before they bring what fills it."""


@dataclass
class _Told:
    """What a pickle says of an array or of its numbers' kind: what it was called with, then its state."""

    arguments: tuple[Any, ...]
    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Call:
    """A function that a pickle may call, and do nothing else to."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


def _latin1(text: str, encoding: str) -> bytes:
    """Python 3 writes bytes so into the older pickles."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!s:.40}")
    return text.encode("latin1")


def _told(*arguments: Any) -> _Told:
    return _Told(arguments)


class _Unpickler(pickle._Unpickler):
    """Knows the names in the published files, written by Python 2, and in those of numpy 2, and no others.

    It is the reader that is written in Python, for the one in C takes gigabytes for a memo that a few bytes ask for.
    """

    names: ClassVar = {("_codecs", "encode"): _latin1, ("numpy", "ndarray"): _told, ("numpy", "dtype"): _told} | {
        (f"numpy.{core}.multiarray", "_reconstruct"): _told for core in ("core", "_core")
    }
    dispatch: ClassVar = {code: load for code, load in pickle._Unpickler.dispatch.items() if code in _ALLOWED}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.names:
            raise pickle.UnpicklingError(f"it asks for {f'{module}.{name}'[:40]}")
        return _Call(self.names[module, name])  # a new one each time, so that nothing is left behind in it


def unpickled(content: bytes) -> Any:
    """What a pickle holds, its arrays as what `array_of` takes; any exception where it is broken or holds anything else."""
    return _Unpickler(io.BytesIO(content), encoding="bytes").load()


def array_of(told: Any) -> np.ndarray:
    """The array of whole numbers that a pickle tells of; any exception for another."""
    _, shape, kind, by_columns, content = told.state
    name, order = kind.arguments[0], kind.state[1]
    name, order = (word.decode() if isinstance(word, bytes) else word for word in (name, order))
    if name not in ("u1", "i1", "i2", "i4", "i8") or order not in "|<" or not isinstance(content, bytes):
        raise pickle.UnpicklingError("an array must be of whole numbers")
    return np.frombuffer(content, np.dtype(order + name)).reshape(shape, order="F" if by_columns else "C")
