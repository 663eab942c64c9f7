"""What travels to the browser: a component's files as text, and messages as bytes."""

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_COMMENT = re.compile(r"/\*\*.*?\*/ ?|(?<!\S)//[^\n]*", re.DOTALL)


def joined(place: Path, *names: str) -> str:
    """Files as one text. It travels with every message, so comments, types among them, and indentation stay at home."""
    text = "\n".join((place / name).read_text(encoding="utf-8") for name in names)
    return re.sub(r"^\s+|[ \t]+$", "", _COMMENT.sub("", text), flags=re.MULTILINE)


def packed(header: Mapping[str, Any], parts: Mapping[str, np.ndarray]) -> bytes:
    """Four bytes of length, the header as JSON with the arrays' names, types and places added, and the arrays."""
    blobs, places, at = [], {}, 0
    for name, part in parts.items():
        blob = part.tobytes()
        places[name] = (str(part.dtype), at, at + len(blob))
        blobs.append(blob)
        at += len(blob)
    text = json.dumps({**header, "arrays": places}, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    return struct.pack("<I", len(text)) + text + b"".join(blobs)
