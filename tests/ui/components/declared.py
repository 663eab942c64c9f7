"""TypedDicts as TypeScript, so that the JavaScript is checked against what Python sends."""

import json
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import numpy as np

Fields = Mapping[str, str]
"""The types of fields, by name, with a `?` after one that may be missing."""

PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", NoneType: "null", Any: "any"}


def declared(*roots: type) -> dict[str, Fields]:
    """These TypedDicts and every one that is reached from them, by name."""
    found: dict[str, Fields] = {}

    def told(kind: Any) -> str:
        origin, args = get_origin(kind), get_args(kind)
        if kind in PLAIN:
            return PLAIN[kind]
        if is_typeddict(kind):
            reach(kind)
            return kind.__name__
        if origin is Literal:
            return " | ".join(map(json.dumps, args))
        if origin in (Union, UnionType):
            return " | ".join(map(told, args))
        if origin is np.ndarray:  # NDArray[np.uint16] is ndarray[…, dtype[np.uint16]]
            (number,) = get_args(args[1])
            return f"{number.__name__.capitalize()}Array"
        if origin is tuple and args[-1] is not ...:
            return f"[{', '.join(map(told, args))}]"
        if origin in (list, tuple, Sequence):
            return f"Array<{told(args[0])}>"
        if origin in (dict, Mapping):
            return f"Record<{', '.join(map(told, args))}>"
        raise TypeError(f"{kind} has no counterpart in TypeScript here")

    def reach(kind: Any) -> None:
        if kind.__name__ in found:
            return
        found[kind.__name__] = {}  # one that contains itself is met again
        hints, optional = get_type_hints(kind), kind.__optional_keys__
        found[kind.__name__] = {name + "?" * (name in optional): told(of) for name, of in hints.items()}

    for root in roots:
        reach(root)
    return found


def interfaces(types: Mapping[str, Fields]) -> str:
    """The text of a `.d.ts`."""
    bodies = {name: "".join(f"  {field}: {of};\n" for field, of in fields.items()) for name, fields in types.items()}
    return "\n".join(f"interface {name} {{\n{body}}}" for name, body in bodies.items())
