"""The curves of a training as TensorBoard's event files, written by hand: a TFRecord a record, in it an Event as protobuf.

Formats: tensorflow/core/lib/io/record_writer.h; tensorflow/core/util/event.proto and framework/summary.proto;
protobuf.dev/programming-guides/encoding.
"""

import io
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from networks.training.training import Training

VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5
"""The wire types of protobuf."""


def events(training: Training, titles: Sequence[str]) -> bytes:
    """A zip of a folder for each run with an event file of all metrics; `tensorboard --logdir` on it shows a curve a run.

    A second of its clock is a step. The folders are numbered, for titles may be equal. What is not there has no event.
    """
    file, wide = io.BytesIO(), len(str(len(titles)))
    with np.errstate(over="ignore"):  # of a run that has diverged
        metrics = {name: values.astype(np.float32) for name, values in training.curves.items()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for run, title in enumerate(titles):
            folder = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "-", f"{run + 1:0{wide}} {title}").rstrip(". ")
            records = [_record(_event(0, version="brain.Event:2"))]
            for i, step in enumerate(training.metric_steps.tolist()):
                scalars = {name: float(v[i, run]) for name, v in metrics.items() if not np.isnan(v[i, run])}
                if scalars:
                    records.append(_record(_event(step, scalars=scalars)))
            # A ZipInfo of its own has no time of today, so the same training is the same file.
            name = zipfile.ZipInfo(f"{folder}/events.out.tfevents.0000000000.ravine")
            archive.writestr(name, b"".join(records), zipfile.ZIP_DEFLATED)
    return file.getvalue()


def crc32c(data: bytes) -> int:
    """The cyclic redundancy check with Castagnoli's polynomial (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = [_remainder(byte) for byte in range(256)]
"""What each byte leaves of the division, the polynomial's bits reversed."""


def _record(data: bytes) -> bytes:
    """Length and data, each with its masked check."""
    length = struct.pack("<Q", len(data))
    return length + _check(length) + data + _check(data)


def _check(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _event(step: int, *, version: str = "", scalars: Mapping[str, float] | None = None) -> bytes:
    """Event: wall_time 1, step 2, file_version 3, summary 5. Summary: value 1. Its Value: tag 1, simple_value 2."""
    event = _field(1, DOUBLE, struct.pack("<d", step)) + _field(2, VARINT, _varint(step))
    if version:
        return event + _field(3, BYTES, version.encode())
    values = (
        _field(1, BYTES, tag.encode()) + _field(2, FLOAT, struct.pack("<f", value)) for tag, value in (scalars or {}).items()
    )
    return event + _field(5, BYTES, b"".join(_field(1, BYTES, value) for value in values))


def _field(number: int, kind: int, data: bytes) -> bytes:
    return _varint(number << 3 | kind) + (_varint(len(data)) if kind == BYTES else b"") + data


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that another follows."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
