"""A record written out in LLVM's language: a leg of steps of many runs, several of them in each register.

Nothing is contracted, reordered or replaced by something faster, so that every number has the bits that numpy's has.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence

from core.symbolic.expression import Expr
from core.symbolic.program import Program, flattened_record, settled_part

LANES = 16
"""Runs side by side: two registers full where those are widest, so that one works while the other waits."""

JUDGED = ("best", "alive", "stopped", "count")
"""What is kept of each run beside its state."""

_WRITING: Mapping[str, str] = {
    "+": "{r} = fadd V {0}, {1}",
    "-": "{r} = fsub V {0}, {1}",
    "*": "{r} = fmul V {0}, {1}",
    "/": "{r} = fdiv V {0}, {1}",
    "neg": "{r} = fneg V {0}",
    ">": "{r} = fcmp ogt V {0}, {1}",
    "<": "{r} = fcmp olt V {0}, {1}",
    "sqrt": "{r} = call V @llvm.sqrt(V {0})",
    "abs": "{r} = call V @llvm.fabs(V {0})",
    "floor": "{r} = call V @llvm.floor(V {0})",
    "where": "{r} = select B {0}, V {1}, V {2}",
    "maximum": """{r}.more = fcmp oge V {0}, {1}
{r}.nan = fcmp uno V {0}, {0}
{r}.first = or B {r}.more, {r}.nan
{r} = select B {r}.first, V {0}, V {1}""",
    "clip": """{r}.less = fcmp olt V {0}, {1}
{r}.more = fcmp ogt V {0}, {2}
{r}.held = select B {r}.more, V {2}, V {0}
{r} = select B {r}.less, V {1}, V {r}.held""",
    "sign": """{r}.more = fcmp ogt V {0}, zeroinitializer
{r}.less = fcmp olt V {0}, zeroinitializer
{r}.nan = fcmp uno V {0}, {0}
{r}.else = select B {r}.nan, V {0}, V zeroinitializer
{r}.low = select B {r}.less, V splat (double -1.0), V {r}.else
{r} = select B {r}.more, V splat (double 1.0), V {r}.low""",
}
"""How each operation is written: lines with places for the result and its operands; V are numbers, B are bits."""

_LEG = """
define void @leg(
    ptr %state, ptr %settled, ptr %factors, ptr %draws, i64 %runs, i64 %from, i64 %to, double %first, double %bound
) {{
entry:
{bound}
%many = sub i64 %to, %from
%many.double = sitofp i64 %many to double
{many}
br label %block
block:
%at = phi i64 [ 0, %entry ], [ %at.next, %next ]
{loads}
%alive.bits = fcmp ogt V %alive.begin, zeroinitializer
%any = call i1 @llvm.vector.reduce.or(B %alive.bits)
br i1 %any, label %ready, label %resting
resting:
%resting.over = fcmp ogt V %best.begin, %level.begin
%resting.more = select B %resting.over, V %many.wide, V zeroinitializer
%resting.count = fadd V %count.begin, %resting.more
store V %resting.count, ptr %count.at, align 8
br label %next
ready:
{once}
br label %step
step:
%n = phi i64 [ %from, %ready ], [ %n.next, %step ]
%alive = phi B [ %alive.bits, %ready ], [ %going, %step ]
{carried}
%n.double = sitofp i64 %n to double
{n}
%t.double = fadd double %n.double, %first
{t}
{given}
{steps}
{fine}
%going = and B %alive, %fine.{places}
%dying = xor B %alive, %going
%stopped.next = select B %dying, V %n.wide, V %stopped
{lasting}
%lower = fcmp olt V {loss}, %best
%lowest = and B %lower, %going
%best.next = select B %lowest, V {loss}, V %best
%over = fcmp ogt V %best.next, %level.begin
%over.one = uitofp B %over to V
%count.next = fadd V %count, %over.one
%n.next = add i64 %n, 1
%again = icmp slt i64 %n.next, %to
br i1 %again, label %step, label %done
done:
%alive.after = uitofp B %going to V
store V %alive.after, ptr %alive.at, align 8
{stores}
br label %next
next:
%at.next = add i64 %at, LANES
%further = icmp slt i64 %at.next, %runs
br i1 %further, label %block, label %end
end:
ret void
}}
"""


def leg_text(
    before: Sequence[str], after: Sequence[Expr], loss: Expr, given: Sequence[str], settled: Sequence[str], *, each: bool
) -> str | None:
    """A module with the function `leg`, of a step's record; None where an operation cannot be written.

    leg(state, settled, factors, draws, runs, from, to, first, bound): steps from … to of all runs, a multiple of LANES.

    state    (state_rows(before), runs) float64, read and written
    settled  (settled, runs)
    factors  what lr is multiplied with, (steps,), or (steps, runs) where there are factors for `each` run
    draws    (steps, draws), where there are any
    first    what the rule is told at step 0; bound, beyond which a number of a run, or its loss, stops it

    Of each step first x and its loss are judged. A run that has stopped is counted no further, whatever its state becomes.
    """
    program, results = flattened_record([*after, loss])
    if not {step.operation for step in program.values()} <= _WRITING.keys():
        return None
    once = settled_part(program, settled)
    every = {name: step for name, step in program.items() if name not in once}
    *becomes, height = map(_operand, results)
    rows, places = state_rows(before), _places(before)
    next_of = {name: f"%{name}.next" for name in rows if name not in ("rate", "level", "alive")} | dict(
        zip(before, becomes, strict=True)
    )
    text = _LEG.format(
        bound=_wide("%bound", "%bound.wide"),
        many=_wide("%many.double", "%many.wide"),
        n=_wide("%n.double", "%n.wide"),
        t=_wide("%t.double", "%t"),
        loads="\n".join([*_loads("state", rows, ".begin"), *_loads("settled", settled)]),
        once="\n".join(_lines(once)),
        carried="\n".join(f"%{a} = phi V [ %{a}.begin, %ready ], [ {b}, %step ]" for a, b in next_of.items()),
        given="\n".join(_told(given, each=each)),
        steps="\n".join(_lines(every)),
        fine="\n".join(_fine([height, *(f"%{place}" for place in places)])),
        lasting="\n".join(f"%last_{x}.next = select B %dying, V %{x}, V %last_{x}" for x in places),
        places=len(places),
        loss=height,
        stores="\n".join(f"store V {b}, ptr %{a}.at, align 8" for a, b in next_of.items()),
    )
    types = {"V": f"<{LANES} x double>", "B": f"<{LANES} x i1>", "LANES": str(LANES)}
    return re.sub(r"(?<![%.\w])(V|B|LANES)(?!\w)", lambda found: types[found[0]], text)


def state_rows(before: Sequence[str]) -> list[str]:
    """What a state has of each run: what changes, lr, what is judged, the loss to count to, and where one was that stopped."""
    return [*before, "rate", *JUDGED, "level", *(f"last_{name}" for name in _places(before))]


def _places(before: Sequence[str]) -> list[str]:
    return [name for name in before if name.startswith("x_")]


def _operand(name: str) -> str:
    """A value's name, or a number in brackets, as LLVM writes them; told by its bits, no digit is lost."""
    if not name.startswith("("):
        return f"%{name}"
    return f"splat (double 0x{struct.pack('>d', float(name[1:-1])).hex().upper()})"


def _lines(program: Program) -> Iterator[str]:
    for name, (operation, operands) in program.items():
        yield _WRITING[operation].format(*map(_operand, operands), r=f"%{name}")


def _loads(array: str, rows: Sequence[str], suffix: str = "") -> Iterator[str]:
    for i, name in enumerate(rows):
        yield f"%{name}.row = mul i64 %runs, {i}"
        yield f"%{name}.place = add i64 %{name}.row, %at"
        yield f"%{name}.at = getelementptr double, ptr %{array}, i64 %{name}.place"
        yield f"%{name}{suffix} = load V, ptr %{name}.at, align 8"


def _wide(number: str, result: str) -> str:
    """One number for all runs."""
    return (
        f"{result}.one = insertelement V poison, double {number}, i64 0\n"
        f"{result} = shufflevector V {result}.one, V poison, <LANES x i32> zeroinitializer"
    )


def _told(given: Sequence[str], *, each: bool) -> Iterator[str]:
    """lr and what is drawn; t is there already."""
    if each:
        yield "%factor.row = mul i64 %n, %runs"
        yield "%factor.place = add i64 %factor.row, %at"
        yield "%factor.at = getelementptr double, ptr %factors, i64 %factor.place"
        yield "%factor = load V, ptr %factor.at, align 8"
    else:
        yield from _one("factors", "%n", "factor")
    yield "%lr = fmul V %rate.begin, %factor"
    draws = given[2:]
    yield f"%draw.row = mul i64 %n, {len(draws)}"
    for i, name in enumerate(draws):
        yield f"%{name}.place = add i64 %draw.row, {i}"
        yield from _one("draws", f"%{name}.place", name)


def _one(array: str, place: str, name: str) -> Iterator[str]:
    """A number of an array, for all runs."""
    yield f"%{name}.at = getelementptr double, ptr %{array}, i64 {place}"
    yield f"%{name}.double = load double, ptr %{name}.at"
    yield _wide(f"%{name}.double", f"%{name}")


def _fine(numbers: Sequence[str]) -> Iterator[str]:
    """%fine.0, 1, …: which runs have the numbers so far within the bound."""
    fine = "splat (i1 true)"
    for i, number in enumerate(numbers):
        yield f"%fine.size.{i} = call V @llvm.fabs(V {number})"
        yield f"%fine.within.{i} = fcmp ole V %fine.size.{i}, %bound.wide"
        yield f"%fine.{i} = and B {fine}, %fine.within.{i}"
        fine = f"%fine.{i}"
