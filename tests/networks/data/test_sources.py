"""Where tables come from: every claim of a source's docstring, the grammar's rules, and files, whole and broken."""

import gzip
import os
import pickle
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LogisticRegression

from networks.data import grammar, sources
from networks.data.files import CIFAR10_BATCHES, cifar10_folder, mnist_folder
from networks.data.prepare import data_of

TOYS = [sources.moons, sources.circles, sources.spiral, sources.blobs, sources.xor]
CLAIMS = [
    (sources.digits, 1797, (1, 8, 8), None, "none"),
    (sources.digits_rows, 1797, (8, 8), None, "none"),
    (sources.mnist, 5000, (1, 28, 28), [500] * 10, "none"),
    (sources.breast_cancer, 569, (30,), [212, 357], "standard"),
    (sources.wine, 178, (13,), [59, 71, 48], "standard"),
    (sources.iris, 150, (4,), [50] * 3, "standard"),
    (sources.setosa, 150, (2,), [100, 50], "standard"),
    (sources.diabetes, 442, (10,), [], "standard"),
    (sources.moons, 600, (2,), [300] * 2, "standard"),
    (sources.circles, 600, (2,), [300] * 2, "standard"),
    (sources.spiral, 600, (2,), [300] * 2, "standard"),
    (sources.blobs, 600, (2,), [200] * 3, "standard"),
    (sources.xor, 600, (2,), [300] * 2, "standard"),
    (sources.sentiment, 2000, (12,), [1000] * 2, "none"),
]


@pytest.mark.parametrize(("source", "rows", "shape", "counts", "scaling"), CLAIMS, ids=[case[0].__name__ for case in CLAIMS])
def test_a_source_holds_what_it_says(source, rows, shape, counts, scaling):
    table = source(3)
    told = re.match(r"(?:The )?(\d+) ", source.__doc__)
    assert told
    assert (int(told[1]), table.shape, table.scaling) == (rows, shape, scaling)
    assert table.x.shape == (rows, np.prod(shape))
    assert table.x.dtype == np.float64
    assert np.isfinite(table.x).all()
    if counts is not None:
        assert (np.bincount(table.y).tolist() if table.classes else []) == counts
    assert len(table.classes) == (len(np.bincount(table.y)) if table.classes else 0)


@pytest.mark.parametrize("source", [case[0] for case in CLAIMS], ids=lambda source: source.__name__)
def test_a_source_can_be_prepared(source):
    data = data_of(source(0), 0)
    assert data.x_train.shape[1] == np.prod(data.shape)
    assert data.notes == ()


@pytest.mark.parametrize("source", [sources.digits, sources.mnist])
def test_pixels_are_from_zero_to_one(source):
    x = source(0).x
    assert (x.min(), x.max()) == (0, 1)


def test_mnist_is_read_once_and_stays_as_it_is():
    assert sources.mnist_rows() is sources.mnist_rows()
    table = sources.mnist(0)
    assert table.x.mean() == pytest.approx(0.1307, abs=0.003)  # of all 60,000: 0.1307
    table.x[:] = 0
    assert sources.mnist(0).x.any()


def test_rows_of_digits_are_the_digits():
    np.testing.assert_array_equal(sources.digits_rows(0).x, sources.digits(0).x)


@pytest.mark.parametrize(
    ("source", "theirs"), [(sources.iris, datasets.load_iris), (sources.breast_cancer, datasets.load_breast_cancer)]
)
def test_classes_have_their_names(source, theirs):
    assert list(source(0).classes) == theirs().target_names.tolist()


def test_a_line_separates_setosa():
    table = sources.setosa(0)
    assert table.x[table.y == 1].sum(axis=1).max() < table.x[table.y == 0].sum(axis=1).min()


def test_the_diabetes_target_is_in_deviations():
    y = sources.diabetes(0).y
    assert y.shape == (442, 1)
    assert y.mean() == pytest.approx(0)
    assert y.std() == pytest.approx(1)


@pytest.mark.parametrize("source", [*TOYS, sources.sentiment], ids=lambda source: source.__name__)
def test_a_seed_draws_the_same_again_and_another_does_not(source):
    np.testing.assert_array_equal(source(1).x, source(1).x)
    assert (source(1).x != source(2).x).any()


@pytest.mark.parametrize("toy", TOYS, ids=lambda source: source.__name__)
def test_noise_moves_the_points(toy):
    quiet, loud = toy(1, noise=0.0), toy(1, noise=0.5)
    assert (loud.x - quiet.x).std() == pytest.approx(0.5, rel=0.1)


def test_points_without_noise_are_where_they_belong():
    rings, corners, square = (toy(0, noise=0.0) for toy in (sources.circles, sources.blobs, sources.xor))
    np.testing.assert_allclose(np.hypot(*rings.x.T), np.where(rings.y == 0, 1, 0.5))
    np.testing.assert_allclose(np.hypot(*corners.x.T), 1)
    assert len(np.unique(corners.x.round(6), axis=0)) == 3
    np.testing.assert_array_equal(square.y, square.x[:, 0] * square.x[:, 1] < 0)


# The grammar

OPINIONS = {word: label for kinds in (grammar.ADJECTIVES, grammar.FEELINGS) for label in (0, 1) for word in kinds[label]}
SENTENCES = grammar.labelled_sentences(2000, np.random.default_rng(0))


def decisive(words: tuple[str, ...]) -> tuple[str, ...]:
    """The part of a sentence that decides: what follows "but", what "although" does not introduce."""
    if "but" in words:
        return words[words.index("but") :]
    if words[0] == "although":
        return words[next(i for i, word in enumerate(words) if word in OPINIONS) + 1 :]
    return words[: words.index("although")] if "although" in words else words


def meaning(words: tuple[str, ...]) -> int:
    (opinion,) = (OPINIONS[word] for word in words if word in OPINIONS)
    return opinion ^ any(word in (*grammar.NEGATIONS, "nobody") for word in words)


def test_sentences_mean_what_their_labels_say():
    assert all(meaning(decisive(words)) == label for words, label in SENTENCES)


def test_the_other_half_means_the_opposite():
    two = [(words, label) for words, label in SENTENCES if "but" in words]
    assert len(two) > 300
    assert all(meaning(words[: words.index("but")]) != label for words, label in two)


def test_sentences_are_short_different_and_balanced():
    assert len({words for words, _ in SENTENCES}) == 2000
    assert sum(label for _, label in SENTENCES) == 1000
    assert max(len(words) for words, _ in SENTENCES) == grammar.LENGTH
    assert {word for words, _ in SENTENCES for word in words} == set(grammar.VOCABULARY[1:])
    assert len(set(grammar.VOCABULARY)) == len(grammar.VOCABULARY) == 58


def test_a_bag_of_words_does_not_understand_them():
    data = data_of(sources.sentiment(0), 0)
    bags = [np.eye(len(data.vocabulary))[x].sum(axis=1) for x in (data.x_train.numpy(), data.x_test.numpy())]
    reader = LogisticRegression(max_iter=1000).fit(bags[0], data.y_train.numpy())
    assert reader.score(bags[0], data.y_train.numpy()) < 0.7
    assert reader.score(bags[1], data.y_test.numpy()) < 0.7


def test_sentences_are_padded_at_the_front():
    found = grammar.tokens(("the", "film", "was", "dull"))
    assert found[:8] == [0] * 8
    assert [grammar.VOCABULARY[token] for token in found[8:]] == ["the", "film", "was", "dull"]
    table = sources.sentiment(0)
    assert (table.x[:, -1] > 0).all()
    assert table.vocabulary[0] == "·"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("the", "weather"), "the word 'weather' is unknown: allowed are the this film"),
        (("the",) * 13, "a sentence of 13 words is too long: allowed are 12"),
    ],
)
def test_what_is_no_sentence_is_refused(words, told):
    with pytest.raises(ValueError, match=told):
        grammar.tokens(words)


# MNIST's files

IMAGES, LABELS = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


@pytest.fixture
def mnist_files(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for part, rows in (("train", 6), ("t10k", 4)):
        (tmp_path / IMAGES.format(part)).write_bytes(idx(rng.integers(0, 256, (rows, 5, 4), dtype=np.uint8)))
        (tmp_path / LABELS.format(part)).write_bytes(idx(np.arange(rows, dtype=np.uint8)))
    return tmp_path


def pack(file: Path) -> None:
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "called", ["{}-images.idx3-ubyte", "emnist-letters-{}-images-idx3-ubyte", "emnist-digits-{}-images.idx3-ubyte"]
)
def test_the_usual_other_names_are_the_same_files(mnist_files, called, packed):
    usual = mnist_folder(mnist_files)
    for file in list(mnist_files.iterdir()):
        part = "train" if "train" in file.name else "test" if "emnist" in called else "t10k"
        name = called if "images" in file.name else called.replace("images", "labels").replace("idx3", "idx1")
        file.rename(mnist_files / name.format(part))
    if packed:
        for file in list(mnist_files.iterdir()):
            pack(file)
    np.testing.assert_array_equal(mnist_folder(mnist_files).x, usual.x)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [([1, 2, 26, 1, 2, 26, 1, 2, 26, 26], ("1", "2", "26")), ([7, 0, 7, 0, 7, 0, 7, 0, 7, 0], ("0", "7"))],
)
def test_labels_need_not_begin_at_zero_nor_be_without_gaps(mnist_files, labels, classes):
    for part, some in (("train", labels[:6]), ("t10k", labels[6:])):
        (mnist_files / LABELS.format(part)).write_bytes(idx(np.array(some, dtype=np.uint8)))
    table = mnist_folder(mnist_files)
    assert table.classes == classes
    assert [int(table.classes[place]) for place in table.y] == labels


@pytest.mark.parametrize("labels", [np.zeros(10), np.zeros(0)])
def test_labels_that_are_no_classes_are_refused(mnist_files, labels):
    rows = len(labels) // 2
    for part in ("train", "t10k"):
        (mnist_files / LABELS.format(part)).write_bytes(idx(labels[:rows].astype(np.uint8)))
        (mnist_files / IMAGES.format(part)).write_bytes(idx(np.zeros((rows, 5, 4), np.uint8)))
    with pytest.raises(ValueError, match=f"the labels are {len(np.unique(labels))} different ones: there must be from 2"):
        mnist_folder(mnist_files)


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_idx_files_is_a_table(mnist_files, packed):
    content = (mnist_files / IMAGES.format("t10k")).read_bytes()
    if packed:
        for file in list(mnist_files.iterdir()):
            pack(file)
    table = mnist_folder(str(mnist_files))
    assert table.x.shape == (10, 20)
    assert table.x.dtype == np.float32
    np.testing.assert_allclose(table.x[6:] * 255, np.frombuffer(content[16:], np.uint8).reshape(4, 20), rtol=1e-6)
    assert table.y.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]
    assert (table.shape, table.classes, table.scaling) == ((1, 5, 4), tuple("012345"), "none")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (IMAGES, None, "train-images-idx3-ubyte is missing in .*: it must be there, plain or as .gz"),
        (LABELS, None, "train-labels-idx1-ubyte is missing"),
        (IMAGES, b"", "train-images-idx3-ubyte begins with nothing: it must begin with 00000803"),
        (IMAGES, idx(np.zeros(6, np.uint8)), "begins with 00000801: it must begin with 00000803, as IDX files do"),
        (LABELS, b"\x89PNG....", "train-labels-idx1-ubyte begins with 89504e47: it must begin with 00000801"),
        (IMAGES, idx(np.zeros((6, 5, 4), np.uint8))[:-1], "has 135 bytes: by its header it must have 136"),
        (IMAGES, idx(np.zeros((6, 5, 4), np.uint8))[:10], "has 10 bytes: by its header it must have"),
        (LABELS, idx(np.zeros(6, np.uint8)) + b"!", "has 15 bytes: by its header it must have 14"),
        (LABELS, idx(np.zeros(5, np.uint8)), "train has 6 images and 5 labels: they must be as many"),
        (IMAGES, idx(np.zeros((6, 4, 5), np.uint8)), r"train and t10k have sizes \(4, 5\) and \(5, 4\)"),
    ],
)
def test_a_bad_idx_file_is_refused(mnist_files, name, content, told):
    file = mnist_files / name.format("train")
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ValueError, match=told):
        mnist_folder(mnist_files)


@pytest.mark.parametrize("spoil", [lambda packed: packed[:-9], lambda packed: b"PK" + packed[2:]])
def test_a_broken_gz_is_refused(mnist_files, spoil):
    file = mnist_files / IMAGES.format("train")
    pack(file)
    packed = file.with_name(f"{file.name}.gz")
    packed.write_bytes(spoil(packed.read_bytes()))
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz cannot be unpacked: it must be a whole gzip file"):
        mnist_folder(mnist_files)


# CIFAR-10's files


def python2_pickle(pixels: np.ndarray, labels: list[int]) -> bytes:
    """{"data": pixels, "labels": labels} as Python 2 and its numpy pickled it, which is how CIFAR-10 is published."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    kind = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    sizes = b"".join(b"M" + struct.pack("<H", size) for size in pixels.shape) + b"\x86"
    array = empty + b"(K\x01" + sizes + kind + b"\x89T" + struct.pack("<i", pixels.size) + pixels.tobytes() + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


def python3_pickle(pixels: np.ndarray, labels: list[int]) -> bytes:
    return pickle.dumps({b"data": pixels, b"labels": labels}, protocol=2)


def binary(pixels: np.ndarray, labels: list[int]) -> bytes:
    return np.hstack([np.array(labels, np.uint8)[:, None], pixels]).tobytes()


PIXELS = np.random.default_rng(0).integers(0, 256, (6, 3, 3072), dtype=np.uint8)


@pytest.mark.parametrize(("form", "suffix"), [(python2_pickle, ""), (python3_pickle, ""), (binary, ".bin")])
def test_a_folder_of_cifar_batches_is_a_table(tmp_path, form, suffix):
    for i, name in enumerate(CIFAR10_BATCHES):
        (tmp_path / f"{name}{suffix}").write_bytes(form(PIXELS[i], [i, 9 - i, 3]))
    table = cifar10_folder(str(tmp_path))
    np.testing.assert_allclose(table.x * 255, PIXELS.reshape(18, 3072), rtol=1e-6)
    assert table.x.dtype == np.float32
    assert table.y.reshape(6, 3).tolist() == [[i, 9 - i, 3] for i in range(6)]
    assert (table.shape, len(table.classes), table.classes[3], table.scaling) == ((3, 32, 32), 10, "cat", "none")


class Intruder:
    def __reduce__(self):
        return os.mkdir, ("intruded",)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("data_batch_1", None, "data_batch_1 is missing in .*: it must be there, or data_batch_1.bin"),
        ("data_batch_1", pickle.dumps(Intruder()), r"data_batch_1 cannot be read: .* \(it asks for posix\.mkdir\)"),
        ("data_batch_1", pickle.dumps({b"data": eval}), r"\(it asks for builtins\.eval\)"),
        ("data_batch_1", python2_pickle(PIXELS[0], [1, 2, 3])[:-500], "data_batch_1 cannot be read"),
        ("data_batch_1", b"", "data_batch_1 cannot be read"),
        ("data_batch_1", pickle.dumps([1, 2, 3]), "data_batch_1 cannot be read: it must be a pickled batch of CIFAR-10"),
        ("data_batch_1", pickle.dumps({b"labels": [1]}), "data_batch_1 cannot be read"),
        ("data_batch_1", python3_pickle(PIXELS[0], [1, 2]), r"data_batch_1 has data of shape \(3, 3072\) for 2 labels"),
        ("data_batch_1", python3_pickle(PIXELS[0, :, :99], [1, 2, 3]), r"shape \(3, 99\) for 3 labels: it must be 3072"),
        ("data_batch_1", python3_pickle(PIXELS[0], [1, 2, 10]), "data_batch_1 has a label 10: labels must be from 0 to 9"),
        ("data_batch_1.bin", binary(PIXELS[0], [1, 2, 3])[:-1], "data_batch_1.bin has 9218 bytes: it must have 3073"),
        ("data_batch_1.bin", b"", "data_batch_1.bin has 0 bytes"),
    ],
)
def test_a_bad_cifar_batch_is_refused(tmp_path, monkeypatch, name, content, told):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=told):
        cifar10_folder(tmp_path)
    assert not (tmp_path / "intruded").exists()
