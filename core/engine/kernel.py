"""Legs of steps as machine code: written from a step's record, compiled once for this processor, kept in memory and on disk.

A leg gives the bits that numpy gives, several times as fast, and other threads go on meanwhile.
"""

import ctypes
import hashlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from core.engine.course import Analytic, Course
from core.engine.step import StepRecord, recorded_step
from core.symbolic.llvm import leg_text

WORTH_COMPILING = 1_000_000
"""Steps of runs that are worth waiting for the compiler, which takes about as long as a hundredth of a second."""

_ARGUMENTS = [ctypes.c_void_p] * 4 + [ctypes.c_int64] * 3 + [ctypes.c_double] * 2


@dataclass(frozen=True)
class Code:
    """`run` takes the arguments of `leg_text`, arrays by their addresses; `library` holds it in memory for as long."""

    run: Callable[..., None]
    library: Any


@dataclass(frozen=True)
class Leg:
    """Some steps of many runs by machine code."""

    record: StepRecord
    code: Code


def leg_of(course: Course) -> Leg | None:
    """The leg for a course; None where there is none, or not yet and the course is not worth waiting for it."""
    written = _written(course)
    if written is None:
        return None
    record, text = written
    coming = _coming(text)
    if not coming.done() and len(course.x0) * course.steps < WORTH_COMPILING:
        return None
    code = coming.result()
    return None if code is None else Leg(record, code)


def has_leg(course: Course) -> bool:
    """Whether there is a leg for a course, or there will be."""
    return _written(course) is not None


def _written(course: Course) -> tuple[StepRecord, str] | None:
    objective = course.objective
    if not isinstance(objective, Analytic) or not _available():
        return None
    parameters, each = course.x0.shape[1], course.factors.shape[1] > 1
    many = len(objective.constants)
    record = recorded_step(course.rule, course.effects, parameters, objective.partials, many, objective.height)
    text = None if record is None else _text(record, each=each)
    return None if record is None or text is None else (record, text)


@lru_cache(maxsize=1024)
def _text(record: StepRecord, *, each: bool) -> str | None:
    return leg_text(record.before, record.after, record.loss[0], record.given, record.settled, each=each)


@cache
def _compiler() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="compiler")


@lru_cache(maxsize=256)
def _coming(text: str) -> Future[Code | None]:
    return _compiler().submit(_compiled, text)


@cache
def _available() -> bool:
    """Whether this machine has a compiler; where it has none numpy does the same, which is said once in the log."""
    try:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        _machine()
    except Exception as error:  # a missing library, an unknown processor: whatever it is, numpy is there
        _told(str(error))
        return False
    return True


@cache
def _told(why: str) -> None:
    logging.getLogger(__name__).warning("Masses of runs go without machine code (%s)", " ".join(why.split()))


@cache
def _machine() -> tuple[Any, str]:
    """The compiler for this processor, and what its code depends on."""
    import llvmlite
    import llvmlite.binding as llvm

    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3, jit=True)
    return machine, f"{llvmlite.__version__} {llvm.llvm_version_info} {cpu} {features}"


def _compiled(text: str) -> Code | None:
    """The function of a module; None where this compiler cannot make it."""
    import llvmlite.binding as llvm

    machine, processor = _machine()
    name = hashlib.sha256(f"{processor}\n{text}".encode()).hexdigest()
    try:
        code = _kept(name)
        if code is None:
            module = llvm.parse_assembly(text)
            module.verify()
            code = machine.emit_object(module)
            _keep(name, code)
        library = llvm.JITLibraryBuilder().add_object_img(code).export_symbol("leg").link(_linker(), f"leg {next(_NUMBERS)}")
    except RuntimeError as error:
        _told(str(error))
        return None
    return Code(ctypes.CFUNCTYPE(None, *_ARGUMENTS)(library["leg"]), library)


_NUMBERS = count()


@cache
def _linker() -> Any:
    import llvmlite.binding as llvm

    return llvm.create_lljit_compiler(_machine()[0])


@cache
def _folder() -> Path | None:
    """Where code is kept between one start and the next, for this user's eyes alone; None where nothing can be written."""
    try:
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ravine-legs"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or none that can be written to
        return None
    return place if place.stat().st_uid == os.getuid() and os.access(place, os.W_OK) else None


def _kept(name: str) -> bytes | None:
    """Code that was kept, if it is whole."""
    place = _folder()
    with suppress(OSError):
        if place is not None:
            digest, code = (place / name).read_bytes().split(b"\n", 1)
            return code if hashlib.sha256(code).hexdigest().encode() == digest else None
    return None


def _keep(name: str, code: bytes) -> None:
    place = _folder()
    with suppress(OSError):
        if place is not None:
            with NamedTemporaryFile(dir=place, delete=False) as file:
                file.write(hashlib.sha256(code).hexdigest().encode() + b"\n" + code)
            os.replace(file.name, place / name)
