"""Images turned, shifted and mirrored at random, a batch at a time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from core.hyper import Hyper, declared


@dataclass(frozen=True)
class Augmentation:
    """How many pixels at most in both directions, how many degrees either way, and whether half are mirrored left to right.

    Raises ValueError, naming parameter, value and what is allowed.
    """

    shift: Annotated[int, Hyper(1, 6, whole=True, off=0.0, help="Images are moved by up to so many pixels.")] = 0
    rotate: Annotated[float, Hyper(1, 45, whole=True, off=0.0, help="Images are turned by up to so many degrees.")] = 0.0
    flip: bool = False

    def __post_init__(self) -> None:
        if self.shift < 0 or self.shift != int(self.shift):
            raise ValueError(f"shift = {self.shift} is not allowed: it must be a whole number of pixels, 0 or more")
        if not 0 <= self.rotate <= 180:
            raise ValueError(f"rotate = {self.rotate:g} is not allowed: it must be from 0 to 180 degrees")


MOVES: Mapping[str, Hyper] = declared(Augmentation)
"""What people are offered of it; more than that is allowed."""


def augmented(x: np.ndarray, shape: tuple[int, ...], augmentation: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """(rows, features) flat images of shape (channels, height, width), each mirrored, turned about its middle and shifted.

    Linear between pixels, zero outside. An image takes 4 draws from rng whatever the augmentation is. Raises ValueError for
    a shape that is not of images.
    """
    if len(shape) != 3:
        raise ValueError(f"shape = {shape} is not allowed: images have three sizes, (channels, height, width)")
    rows, (channels, height, width) = len(x), shape
    draws = rng.random((4, rows, 1, 1))
    down, right = np.floor(draws[:2] * (2 * augmentation.shift + 1)) - augmentation.shift
    angle = (2 * draws[2] - 1) * math.radians(augmentation.rotate)
    mirror = np.where(augmentation.flip & (draws[3] < 0.5), -1, 1)

    # Where every pixel comes from, (rows, height, width): the way back from its place, about the middle.
    middle = (height - 1) / 2, (width - 1) / 2
    v, u = np.arange(height)[:, None] - middle[0] - down, np.arange(width) - middle[1] - right
    cos, sin = np.cos(angle), np.sin(angle)
    above = np.clip(cos * v + sin * u + middle[0], -1, height)
    beside = np.clip(mirror * (cos * u - sin * v) + middle[1], -1, width)
    i, j = np.floor(above).astype(int), np.floor(beside).astype(int)
    share_i, share_j = (above - i).astype(x.dtype)[..., None], (beside - j).astype(x.dtype)[..., None]

    # A margin of zeros, one before and two after, has what is asked for outside; channels last, so that a pixel is one row.
    margin = np.pad(x.reshape(rows, *shape), ((0, 0), (0, 0), (1, 2), (1, 2)))
    pixels = np.ascontiguousarray(np.moveaxis(margin, 1, -1)).reshape(-1, channels)
    stride = width + 3
    at = (np.arange(rows)[:, None, None] * (height + 3) + i + 1) * stride + j + 1
    upper = pixels[at] * (1 - share_j) + pixels[at + 1] * share_j
    lower = pixels[at + stride] * (1 - share_j) + pixels[at + stride + 1] * share_j
    return np.moveaxis(upper * (1 - share_i) + lower * share_i, -1, 1).reshape(rows, -1)
