"""What people bring is theirs: no other session sees it, a link alone does not open it, and no path leads out of the root."""

import gc
import gzip
import os
import pickle
import struct
import tracemalloc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.words import quoted
from experiments.training.spec import GIVEN, Lesson, read_lesson
from networks import TASKS, Given
from networks.data import files
from networks.data.files import cifar10_folder, mnist_folder
from networks.data.prepare import Table
from networks.data.text_table import csv_table
from tests.lookalikes import LOOKALIKES
from tests.networks.data.test_sources import IMAGES, LABELS, PIXELS, idx, mnist_files, pack, python3_pickle  # noqa: F401 (a fixture)
from ui.widgets import own
from ui.widgets.own import MOST_KEPT, ROOT, folder_tasks, root, table_task

PAGE = Path(__file__).parents[3] / "pages" / "training.py"
FIRST = Lesson("digits_mlp", ("sgd",))


def csv_of(rows: int) -> bytes:
    return ("a,b,kind\n" + "\n".join(f"{i},{i % 7},{'yes' if i % 2 else 'no'}" for i in range(rows))).encode()


def opened(**link: str) -> AppTest:
    app = AppTest.from_file(str(PAGE), default_timeout=30)
    for name, value in {"rules": "sgd", "steps": "10", "batch": "8", **link}.items():
        app.query_params[name] = value
    return app.run()


def uploaded(app: AppTest, content: bytes, name: str = "mine.csv") -> AppTest:
    app.file_uploader(key="networks.file").set_value((name, content, "text/csv"))
    return app.run()


def offered(app: AppTest) -> list[str]:
    return [str(title) for title in app.selectbox(key="networks.task").options]


def test_nobody_sees_what_another_has_brought_and_its_link_opens_with_one_sentence():
    mine, other = opened(), opened()
    uploaded(mine, csv_of(60))
    assert not mine.exception
    key = str(mine.selectbox(key="networks.task").value)
    assert key.startswith(GIVEN)
    assert "mine.csv" in offered(mine)
    assert "mine.csv" not in offered(other.run())
    by_link = opened(task=key)
    assert not by_link.exception
    assert [warning.value for warning in by_link.warning] == [
        "The link's task is from a file that is yours to bring: digits_mlp is shown instead."
    ]
    assert by_link.selectbox(key="networks.task").value == "digits_mlp"
    uploaded(by_link, csv_of(60))
    assert by_link.selectbox(key="networks.task").value == key


def test_any_number_of_uploads_is_borne_and_the_newest_are_kept():
    app = opened()
    keys = []
    for i in range(MOST_KEPT + 3):
        uploaded(app, csv_of(40 + i), f"{i}.csv")
        assert not app.exception
        keys.append(app.selectbox(key="networks.task").value)
    assert len(set(keys)) == MOST_KEPT + 3
    assert [title for title in offered(app) if title.endswith(".csv")] == [f"{i}.csv" for i in range(3, MOST_KEPT + 3)]


def test_the_tables_of_a_session_are_bounded_in_bytes(monkeypatch):
    app = opened()
    monkeypatch.setattr(own, "_MOST_BYTES", 3000)  # a row of the table takes 24
    for i in range(4):
        uploaded(app, csv_of(50 + i), f"{i}.csv")
    assert [title for title in offered(app) if title.endswith(".csv")] == ["2.csv", "3.csv"]


def test_a_task_from_a_file_is_known_by_its_content_and_can_be_sent_to_another_process():
    task = table_task("mine.csv", csv_of(60), "")
    assert task == table_task("mine.csv", csv_of(60), "")
    others = [table_task("mine.csv", csv_of(61), ""), table_task("mine.csv", csv_of(60), "kind")]
    assert len({task.key, *(other.key for other in others)}) == 3
    assert own._digest(b"ab", b"c") != own._digest(b"a", b"bc")
    assert len(task.key) > 32
    there = pickle.loads(pickle.dumps(task))
    assert there == task
    assert hash(there) == hash(task)
    np.testing.assert_array_equal(there.load(3).x_train, task.load(3).x_train)
    lesson = FIRST.learning(task)
    assert pickle.loads(pickle.dumps(lesson)) == lesson
    assert read_lesson(lesson.link(), FIRST, {**TASKS, task.key: task}) == (lesson, [])
    assert lesson.learning(TASKS["iris_mlp"]).given is None


def test_a_table_goes_with_who_brought_it():
    task = table_task("mine.csv", csv_of(60), "")
    assert isinstance(task.source, Given)
    table = weakref.ref(task.source.table)
    task.load(0)
    del task
    gc.collect()
    assert table() is None


# Folders


@pytest.fixture
def allowed(mnist_files, tmp_path, monkeypatch) -> Path:  # noqa: F811
    """A folder with MNIST's files in it, within which folders may be named; beside it, others."""
    inside = tmp_path / "root"
    inside.mkdir()
    (inside / "mnist").mkdir()
    for file in list(tmp_path.glob("*ubyte")):
        file.rename(inside / "mnist" / file.name)
    (tmp_path / "secret").mkdir()
    for file in (inside / "mnist").iterdir():
        (tmp_path / "secret" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "rooted").symlink_to(tmp_path / "secret")
    monkeypatch.setenv(ROOT, str(inside))
    return inside


def refused(folder: str) -> str:
    with pytest.raises(ValueError, match=r"^\S") as error:
        folder_tasks(folder)
    return str(error.value)


@pytest.mark.parametrize("named", ["mnist", "./mnist/../mnist", "{}/mnist"])
def test_a_folder_within_the_root_is_two_tasks(allowed, named):
    tasks = folder_tasks(named.format(allowed))
    assert [task.shape for task in tasks] == [(20,), (1, 5, 4)]
    assert len({task.key for task in tasks}) == 2
    (allowed / "mnist" / LABELS.format("t10k")).write_bytes(idx(np.array([1, 1, 2, 0], np.uint8)))
    assert {task.key for task in folder_tasks(named.format(allowed))}.isdisjoint({task.key for task in tasks})


OUTSIDE = [
    "..",
    "../secret",
    "../nothing",
    "{}/../secret",
    "/",
    "/etc",
    "/nothing",
    "/etc/passwd",
    "~",
    "~root",
    "~nobodyatall",
]
OUTSIDE += ["../rooted", "link", "nothing", "x" * 5000, "/".join("x" * 3000), "a\0b", "\ud800", "mnist\n", "loop"]


@pytest.mark.parametrize("folder", OUTSIDE, ids=range(len(OUTSIDE)))
def test_outside_the_root_nothing_can_be_told_apart(allowed, folder):
    (allowed / "link").symlink_to(allowed.parent / "secret")
    (allowed / "loop").symlink_to(allowed / "loop")
    folder = folder.format(allowed)
    assert refused(folder) == f"{quoted(folder)} is no folder within the one that this server offers"


def test_a_link_out_of_the_root_is_as_good_as_missing(allowed):
    file = allowed / "mnist" / IMAGES.format("train")
    file.unlink()
    missing = refused("mnist")
    for target in (allowed.parent / "secret" / file.name, "/etc/passwd", "/nothing"):
        file.symlink_to(target)
        assert refused("mnist") == missing
        file.unlink()
    assert "train-images-idx3-ubyte is missing in mnist" in missing
    assert str(allowed) not in missing
    (allowed / "elsewhere").mkdir()
    (allowed / "elsewhere" / file.name).write_bytes((allowed.parent / "secret" / file.name).read_bytes())
    file.symlink_to(allowed / "elsewhere" / file.name)
    assert folder_tasks("mnist")


@pytest.mark.parametrize("kind", ["fifo", "socket", "folder"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_what_is_no_plain_file_is_not_opened(allowed, kind, suffix):
    file = allowed / "mnist" / IMAGES.format("train")
    file.unlink()
    odd = file.with_name(file.name + suffix)
    if kind == "fifo":
        os.mkfifo(odd)
    elif kind == "socket":
        os.mknod(odd, 0o600 | 0o140000)
    else:
        odd.mkdir()
    assert f"{odd.name} is no plain file" in refused("mnist")


def test_who_may_name_folders(monkeypatch, tmp_path):
    def served(address: str | None, hosts: list[str], said: str | None) -> Path | None:
        options = {"server.address": address, "server.allowedHosts": hosts}
        monkeypatch.setattr(st, "get_option", options.__getitem__)
        monkeypatch.delenv(ROOT, raising=False) if said is None else monkeypatch.setenv(ROOT, said)
        return root()

    home = Path(os.path.realpath(Path.home()))
    assert served("127.0.0.1", ["localhost", "127.0.0.1", "::1"], None) == home
    assert served("localhost", [], None) == home
    assert served("::1", ["::1"], None) == home
    for address, hosts in ((None, []), ("", []), ("0.0.0.0", []), ("10.0.0.7", []), ("127.0.0.1", ["ravine.example"])):
        assert served(address, hosts, None) is None
        assert served(address, hosts, str(tmp_path)) == Path(os.path.realpath(tmp_path))
    assert served("127.0.0.1", [], "") is None


def test_where_none_may_be_named_there_is_no_field(monkeypatch):
    monkeypatch.setenv(ROOT, "")
    app = opened()
    assert "networks.folder" not in [field.key for field in app.text_input]
    assert "no folder within" in refused("/")


# Files that lie about what they hold


@contextmanager
def within(megabytes: float) -> Iterator[None]:
    """What is done takes no more memory than this on the way."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20
    finally:
        tracemalloc.stop()


def test_a_gz_is_unpacked_no_further_than_its_header_tells(mnist_files):  # noqa: F811
    file = mnist_files / IMAGES.format("train")
    content = file.read_bytes()
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(content + bytes(2**26), 1))
    file.unlink()
    with within(4), pytest.raises(ValueError, match=f"has {len(content) + 1} or more bytes: by its header it must have"):
        mnist_folder(mnist_files)


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_asks_for_too_much_is_refused(mnist_files, packed):  # noqa: F811
    file = mnist_files / IMAGES.format("train")
    for sizes, told in (
        ((2**32 - 1,) * 3, "bytes by its header: allowed are"),
        ((2**18, 30, 30), "bytes: by its header it must"),
    ):
        file.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">III", *sizes) + bytes(100))
        if packed:
            pack(file)
        with within(4), pytest.raises(ValueError, match=told):
            mnist_folder(mnist_files)


def program(*parts: bytes) -> bytes:
    """A pickle with these parts as its data, beside no labels."""
    return b"\x80\x02}(U\x04data" + b"".join(parts) + b"U\x06labels]u."


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n%sU\x01btR"
KIND = b"cnumpy\ndtype\n(U\x02%sK\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
STATE = b"(K\x01%s%s\x89%stb"
HUGE = b"(L1000000000000L\nt"
SMALL = b"(K\x01K\x01t"

HOSTILE = {
    "a huge empty array": program(ARRAY % HUGE),
    "a huge array called by its class": program(b"cnumpy\nndarray\n(" + HUGE + b"tR"),
    "a huge shape of few bytes": program(ARRAY % SMALL, STATE % (b"(J\x00\x00\x00\x40K\x01t", KIND % b"u1", b"U\x01a")),
    "objects": program(ARRAY % SMALL, STATE % (SMALL, KIND % b"O8", b"](K\x01e")),
    "an unpicklable kind": program(ARRAY % SMALL, STATE % (SMALL, KIND % b"zz", b"U\x01a")),
    "another encoding": program(b"c_codecs\nencode\n(X\x01\x00\x00\x00aU\x04idnatR"),
    "a function of ours changed": program(b"c_codecs\nencode\n}U\x09_functionNsb"),
    "its slots changed": program(b"c_codecs\nencode\n(N}U\x09_functionNstb"),
    "a memo of gigabytes": b"\x80\x02Nr\xff\xff\xff\x7f0" + program(b"N"),
    "a bytearray of gigabytes": program(b"\x96" + struct.pack("<Q", 2**36)),
    "a frame of gigabytes": b"\x80\x04\x95" + struct.pack("<Q", 2**36) + b"}.",
    "a text of gigabytes": program(b"\x8d" + struct.pack("<Q", 2**36)),
    "an object of another class": program(b"cbuiltins\nobject\n)\x81"),
    "an attribute of a module": program(b"cnumpy\ncore.multiarray._reconstruct\n"),
    "an extension": program(b"\x82\x01"),
    "a persistent name": program(b"Pwhoever\n"),
    "labels that are no numbers": b"\x80\x02}(U\x04dataNU\x06labels](Nee.",
    "itself": b"\x80\x02]q\x00h\x00a.",
    "nothing": b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pickle_is_refused_in_words_and_takes_no_room(tmp_path, content):
    (tmp_path / "data_batch_1").write_bytes(content)
    with within(2), pytest.raises(ValueError, match="data_batch_1 cannot be read: it must be a pickled batch of CIFAR-10"):
        cifar10_folder(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(python3_pickle(PIXELS[0], [1, 2, 3]))  # and leaves the next one readable
    with pytest.raises(ValueError, match="data_batch_2 is missing"):
        cifar10_folder(tmp_path)


def test_files_beyond_the_bound_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_MOST_BYTES", 3000)
    for name in ("data_batch_1", "data_batch_1.bin"):
        (tmp_path / name).write_bytes(bytes(3073))
        with pytest.raises(ValueError, match=f"{name} has 3073 bytes: allowed are 3000"):
            cifar10_folder(tmp_path)
        (tmp_path / name).unlink()


def test_two_visitors_of_one_folder_share_its_table(allowed):
    one, other = folder_tasks("mnist"), folder_tasks("mnist")
    assert isinstance(one[0].source, Given)
    assert isinstance(other[1].source, Given)
    assert one[0].source.table is other[1].source.table
    assert isinstance(one[0].source.table, Table)


@pytest.mark.parametrize("lookalike", LOOKALIKES, ids=lambda one: one.name)
def test_tables_that_people_try_first_train_and_every_column_is_told(lookalike):
    app = opened()
    app.text_input(key="networks.target").set_value(lookalike.target)
    uploaded(app, lookalike.content, lookalike.name)
    going = app.session_state["networks.going"]
    going.wait(30)
    app.run()
    assert not app.exception
    assert [warning.value for warning in app.warning] == []
    told = app.table[1].value
    names = ", ".join(told["column"]).replace("\\", "")
    columns = csv_table(lookalike.content, lookalike.target or None).columns
    assert not [column.name for column in columns if column.name not in names]
    left_out = ", ".join(told["column"][told["became"].str.startswith("left out")])
    assert not [name for name in lookalike.dropped if name not in left_out]
    assert app.session_state["networks.going"].so_far.steps == 10


def test_a_batch_that_is_too_large_is_told_and_lowered_and_a_table_has_its_own():
    app = opened(batch="64")
    uploaded(app, csv_of(60))
    assert app.select_slider(key="networks.batch").value == 8
    assert not app.warning
    app.select_slider(key="networks.batch").set_value(64).run()
    app.session_state["networks.going"].wait(30)
    app.run()
    assert [warning.value for warning in app.warning] == [
        "batch = 64 is more than the 42 rows of the training set: 42 are used."
    ]
    assert app.session_state["networks.going"].so_far.regime.batch_size == 42


def test_the_limit_of_uploads_is_the_servers_own():
    assert st.get_option("server.maxUploadSize") == 20
