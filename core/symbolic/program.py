"""A record as a program: instructions in an order in which they can be carried out, each shared part once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.symbolic.expression import Expr


class Instruction(NamedTuple):
    """An operation and the names of its operands; a literal stands in brackets."""

    operation: str
    operands: tuple[str, ...]


Program = Mapping[str, Instruction]
"""{name of the result: how it is made}, in order."""


def flattened_record(outputs: Sequence[Expr]) -> tuple[Program, list[str]]:
    """The instructions that lead to the outputs, and the outputs' names."""
    steps: dict[str, Instruction] = {}
    names: dict[Any, str] = {}

    def name(e: Expr) -> str:
        if e.op == "symbol":
            return e.args[0]
        if e.op == "number":
            return f"({e.args[0]!r})"
        by_identity = ("id", id(e))
        if by_identity not in names:
            by_shape = Instruction(e.op, tuple(name(a) for a in e.args))
            if by_shape not in names:
                names[by_shape] = f"_{len(steps)}"
                steps[names[by_shape]] = by_shape
            names[by_identity] = names[by_shape]
        return names[by_identity]

    return steps, [name(e) for e in outputs]


def settled_part(program: Program, settled: Sequence[str]) -> Program:
    """What of it needs no other symbols than these."""
    once: dict[str, Instruction] = {}
    for name, step in program.items():
        if all(arg in once or arg in settled or arg.startswith("(") for arg in step.operands):
            once[name] = step
    return once


def places_of(program: Program, results: Sequence[str]) -> dict[str, str]:
    """Which variable holds each step's value: one whose value is not needed any more, so that arrays stay in the cache."""
    last = {arg: name for name, (_, args) in program.items() for arg in args} | dict.fromkeys(results, "")
    free: list[str] = []
    places: dict[str, str] = {}
    for name, (_, args) in program.items():
        free += [places[arg] for arg in dict.fromkeys(args) if arg in places and last[arg] == name]
        places[name] = free.pop() if free else name
    return places
