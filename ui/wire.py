"""How a message travels: four bytes of length, a JSON header, then the arrays it names."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np


def packed(header: Mapping[str, Any], parts: Mapping[str, np.ndarray]) -> bytes:
    """The header with the arrays' names, types and places added, and the arrays."""
    blobs, places, at = [], {}, 0
    for name, part in parts.items():
        blob = part.tobytes()
        places[name] = (str(part.dtype), at, at + len(blob))
        blobs.append(blob)
        at += len(blob)
    text = json.dumps({**header, "arrays": places}, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    return struct.pack("<I", len(text)) + text + b"".join(blobs)
