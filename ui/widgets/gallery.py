"""Small pictures in a row, as HTML with the pixels within: sharp at any size, and nothing to be fetched."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image

_ROW = "display: flex; flex-wrap: wrap; gap: 8px"
PICTURE = "width: {side}px; height: {side}px; image-rendering: pixelated; border-radius: 4px; display: block"
CAPTION = "font-size: 12px; line-height: 1.3; opacity: 0.75; margin-top: 3px"


def gallery(pictures: np.ndarray, captions: Sequence[str], side: int) -> str:
    """Pictures (n, height, width, 3) uint8, each `side` pixels wide and high, with a caption below or none."""
    return f'<div style="{_ROW}">{"".join(_figure(*one, side) for one in zip(pictures, captions, strict=True))}</div>'


def _figure(picture: np.ndarray, caption: str, side: int) -> str:
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    image = f'<img alt="{escape(caption)}" style="{PICTURE.format(side=side)}" src="data:image/png;base64,{{}}">'
    text = f'<figcaption style="{CAPTION}">{escape(caption)}</figcaption>' if caption else ""
    return f'<figure style="margin: 0; width: {side}px">{image.format(b64encode(file.getvalue()).decode())}{text}</figure>'
