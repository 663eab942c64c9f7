"""Tables from a user's own folder: MNIST's IDX format, CIFAR-10's batches."""

import gzip
import math
import os
import pickle
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from networks.data.columns import MOST_CLASSES
from networks.data.pickles import array_of, unpickled
from networks.data.prepare import Table

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10_BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")

_MOST_BYTES = 2**28
"""An image file may unpack to so many bytes: more than any of MNIST's and CIFAR-10's kin but the largest of EMNIST."""

EMNIST = ("letters", "balanced", "digits", "mnist", "bymerge", "byclass")
PARTS = (("train", "t10k"), *((f"emnist-{name}-train", f"emnist-{name}-test") for name in EMNIST))
"""What the names of the files begin with; the first that there is."""


def mnist_folder(folder: str | Path, root: Path | None = None) -> Table:
    """The images and labels of the four IDX files of MNIST and its kin, training and test joined, plain or as .gz.

    With a `root` a file whose links lead out of that folder is as good as missing.

    Pixels (rows, height·width) float32 from 0 to 1. Raises ValueError for a file that is missing, of another format or cut
    short, and where images and labels are not as many. Format: LeCun, Cortes & Burges, yann.lecun.com/exdb/mnist.
    """
    place = Folder(Path(folder), root)
    parts = next((pair for pair in PARTS if _is_there(place, f"{pair[0]}-images-idx3-ubyte")), PARTS[0])
    images, labels = [], []
    for part in parts:
        images.append(_idx(place, f"{part}-images-idx3-ubyte", 3))
        labels.append(_idx(place, f"{part}-labels-idx1-ubyte", 1))
        if len(images[-1]) != len(labels[-1]):
            raise ValueError(f"{part} has {len(images[-1])} images and {len(labels[-1])} labels: they must be as many")
    sizes = [part.shape[1:] for part in images]
    if sizes[0] != sizes[1]:
        whose = " and ".join(parts)
        raise ValueError(f"the images of {whose} have sizes {sizes[0]} and {sizes[1]}: allowed is one size for both")
    classes, y = np.unique(np.concatenate(labels), return_inverse=True)  # they need not begin at 0, nor be without gaps
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise ValueError(f"the labels are {len(classes)} different ones: there must be from 2 to {MOST_CLASSES}")
    pixels = _pixels(np.concatenate([part.reshape(len(part), -1) for part in images]))
    return Table(pixels, y, tuple(str(label) for label in classes.tolist()), (1, *sizes[0]), "none")


def cifar10_folder(folder: str | Path, root: Path | None = None) -> Table:
    """The six batches of CIFAR-10, training and test joined, of the Python version or the binary one (.bin).

    With a `root` a file whose links lead out of that folder is as good as missing.

    Pixels (rows, 3·32·32) float32 from 0 to 1: red, green, then blue. Raises ValueError for a file that is missing, of
    another format or cut short. Format: Krizhevsky, www.cs.toronto.edu/~kriz/cifar.html.
    """
    batches = [_cifar10_batch(Folder(Path(folder), root), name) for name in CIFAR10_BATCHES]
    pixels, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    return Table(_pixels(pixels), labels.astype(int), CIFAR10_CLASSES, (3, 32, 32), "none")


def _pixels(values: np.ndarray) -> np.ndarray:
    """Bytes as float32 from 0 to 1: float64 would take half a gigabyte for MNIST, three times as much for CIFAR-10."""
    return values.astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class Folder:
    """Where files are looked for; with a `root` in nothing but that and what is below it."""

    place: Path
    root: Path | None = None

    def __str__(self) -> str:
        return str(self.place) if self.root is None else os.path.relpath(self.place, self.root)

    def opened(self, name: str) -> IO[bytes] | None:
        """A file, or None where there is none. It must be a plain one: pipes and devices may wait or go on for ever."""
        try:
            file = os.path.realpath(self.place / name)
            if self.root is not None and not Path(file).is_relative_to(self.root):
                return None
            if not stat.S_ISREG(os.stat(file).st_mode):
                raise ValueError(f"{name} is no plain file")
            stream = os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
        except FileNotFoundError:
            return None
        except OSError:
            raise ValueError(f"{name} cannot be opened") from None
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):  # it was, a moment ago
            stream.close()
            raise ValueError(f"{name} is no plain file")
        return stream


def _found(folder: Folder, name: str) -> tuple[IO[bytes], bool] | None:
    """A file under its name or one of its usual others, a dot for a hyphen or .gz behind; and whether it is packed."""
    for usual in (name, name.replace("-idx", ".idx")):
        for packed in (False, True):
            if stream := folder.opened(f"{usual}.gz" if packed else usual):
                return stream, packed
    return None


def _is_there(folder: Folder, name: str) -> bool:
    found = _found(folder, name)
    if found:
        found[0].close()
    return bool(found)


def _idx(folder: Folder, name: str, dimensions: int) -> np.ndarray:
    """The bytes of an IDX file in the dimensions that its header tells."""
    found = _found(folder, name)
    if not found:
        raise ValueError(f"{name} is missing in {folder}: it must be there, plain or as .gz")
    stream, packed = found
    with stream:
        if not packed:
            return _array_of(stream, name, dimensions)
        try:
            with gzip.GzipFile(fileobj=stream) as unpacked:
                return _array_of(unpacked, name, dimensions)
        except (OSError, EOFError, zlib.error):
            raise ValueError(f"{name}.gz cannot be unpacked: it must be a whole gzip file") from None


def _array_of(stream: IO[bytes] | gzip.GzipFile, name: str, dimensions: int) -> np.ndarray:
    """No more is read, or unpacked, than the header tells, and one byte to see that there is no more."""
    magic, start = bytes([0, 0, 8, dimensions]), 4 + 4 * dimensions
    head = stream.read(start)
    if head[:4] != magic:
        raise ValueError(f"{name} begins with {head[:4].hex() or 'nothing'}: it must begin with {magic.hex()}, as IDX files do")
    shape = tuple(int(size) for size in np.frombuffer(head[4:].ljust(start - 4, b"\0"), ">u4"))
    whole = start + math.prod(shape)
    if whole > _MOST_BYTES:
        raise ValueError(f"{name} has {whole} bytes by its header: allowed are {_MOST_BYTES}")
    content = _read(stream, whole + 1 - start)
    found = len(head) + len(content)
    if found != whole:
        packed = isinstance(stream, gzip.GzipFile)  # who knows how much more it would unpack to
        many = (
            f"{found} or more" if found > whole and packed else max(found, 0 if packed else os.fstat(stream.fileno()).st_size)
        )
        raise ValueError(f"{name} has {many} bytes: by its header it must have {whole}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read(stream: IO[bytes] | gzip.GzipFile, most: int) -> bytes:
    """At most so many bytes, piece by piece: to ask for all at once takes the room for all, however few there are."""
    parts = []
    while most and (part := stream.read(min(most, 2**20))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _cifar10_batch(folder: Folder, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (rows, 3072) and labels (rows,), bytes both."""
    if stream := folder.opened(name):
        with stream:
            pixels, labels = _batch(_whole(stream, name), name)
    elif stream := folder.opened(f"{name}.bin"):
        with stream:
            content = np.frombuffer(_whole(stream, f"{name}.bin"), np.uint8)
        if len(content) % 3073 or not len(content):
            raise ValueError(f"{name}.bin has {len(content)} bytes: it must have 3073 for each image")
        pixels, labels = content.reshape(-1, 3073)[:, 1:], content.reshape(-1, 3073)[:, 0]
    else:
        raise ValueError(f"{name} is missing in {folder}: it must be there, or {name}.bin")
    if len(labels) and labels.max() > 9:
        raise ValueError(f"{name} has a label {labels.max()}: labels must be from 0 to 9")
    return pixels, labels


def _whole(stream: IO[bytes], name: str) -> bytes:
    size = os.fstat(stream.fileno()).st_size
    if size > _MOST_BYTES:
        raise ValueError(f"{name} has {size} bytes: allowed are {_MOST_BYTES}")
    return stream.read(size)


def _batch(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    why = ""
    try:
        batch = unpickled(content)
        pixels, labels = array_of(batch[b"data"]), batch[b"labels"]
        labels = np.array(labels if isinstance(labels, list) else array_of(labels), dtype=np.uint8)
        good = pixels.dtype == np.uint8 and pixels.shape == (len(labels), 3072)
    except Exception as error:  # a broken pickle may raise anything
        why = f" ({error})" if isinstance(error, pickle.UnpicklingError) else ""
        raise ValueError(f"{name} cannot be read: it must be a pickled batch of CIFAR-10{why}") from error
    if not good:
        raise ValueError(f"{name} has data of shape {pixels.shape} for {len(labels)} labels: it must be 3072 bytes a label")
    return pixels, labels
