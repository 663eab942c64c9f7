"""What pages show, without a page: `run` and the command line give the page's own numbers and sentences, and JSON has them."""

import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import simulate
from experiments import experiment_of, pages, run
from experiments.__main__ import main
from experiments.numbers import number
from optimizers import RULES
from surfaces import SURFACES
from tests.links import PAGES
from tests.pages.test_app import header

ROOT = Path(__file__).parents[2]
LINKS = {
    "race": "/race?surface=ravine&rules=sgd~adam~lookahead-adam&lrs=tuned&steps=100",
    "anatomy": "/anatomy?surface=ravine&rules=momentum&momentum.lr=0.192&steps=300",
    "effects": "/effects?surface=ravine&rules=sgd~momentum&number=lr~0.01~1&rule=sgd",
    "map": "/map?surface=mccormick&rules=sgd~adam&across=lr~0.001~1&up=x~-1~1&steps=40",
    "training": "/networks?task=iris_mlp&rules=sgd~adam&steps=30&seeds=3",
    "network_sweep": "/sweep?task=iris_mlp&rules=sgd~adam&steps=20&values=8&other=l2~0.001~1",
    "backprop": "/backprop?hidden=8-8-8&activation=sigmoid&init=xavier&rows=64&steps=5",
}


def page_of(key: str, link: str) -> AppTest:
    """The page itself, opened by a link, to its end."""
    app = AppTest.from_file(str(ROOT / "pages" / f"{key}.py"), default_timeout=60)
    for part in link.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        app.query_params[name] = value
    app.run()
    for name in ("networks.going", "sweep.going"):
        if name in app.session_state:
            app.session_state[name].wait(60)
            app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    """All that a page says, without marks of emphasis."""
    every: list[Any] = [one for kind in ("markdown", "caption", "warning", "info") for one in app.get(kind)]
    return "\n".join(str(one.value) for one in every).replace("**", "")


def bare(sentence: str) -> str:
    return re.sub(r"\\(?=\W)", "", sentence)


def test_every_page_has_an_experiment_and_every_experiment_a_page():
    assert set(pages()) == {file.stem for file in (ROOT / "pages").glob("*.py")} == set(LINKS)


@pytest.mark.parametrize("key", LINKS)
def test_what_is_said_is_what_the_page_says(key):
    found, app = run(LINKS[key]), page_of(key, LINKS[key])
    text = bare(said(app)) + (json.dumps(header(app), ensure_ascii=False) if key in ("race", "anatomy") else "")
    assert found["words"]
    for sentence in found["words"]:
        assert sentence in text, sentence


@pytest.mark.parametrize("key", LINKS)
def test_what_it_gives_is_json_and_its_link_gives_it_again(key):
    found = run(LINKS[key])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["problems"] == []
    assert found["results"]
    again = run(found["link"])
    assert {k: v for k, v in again.items() if k != "series"} == {k: v for k, v in found.items() if k != "series"}
    assert run({"page": key, "link": found["link"]})["results"] == found["results"]


def test_a_race_is_its_runs_and_its_rows_are_the_tables():
    found, stage = run(LINKS["race"]), header(page_of("race", LINKS["race"]))
    cells = {one["key"]: one["cells"] for one in stage["runs"]}
    for row in found["results"]:
        assert cells[row["rule"]][2:4] == [number(row["final"]), number(row["best"])]
        assert stage["runs"][[one["key"] for one in stage["runs"]].index(row["rule"])]["place"] == row["place"] - 1
    plain = run("/race?surface=ravine&rules=sgd&lrs=shared&lr=0.03&steps=50")
    alone = simulate(RULES["sgd"], SURFACES["ravine"], hypers={"lr": 0.03}, steps=50)
    np.testing.assert_array_equal(plain["series"]["sgd"], alone.height[:, 0])
    np.testing.assert_array_equal(plain["series"]["sgd.x"], alone.x[:, 0, 0])


@pytest.mark.parametrize("key", ["effects", "training"])
def test_the_rows_are_those_of_the_pages_table(key):
    found, (table, *_) = run(LINKS[key]), page_of(key, LINKS[key]).table
    shown = table.value.to_dict("records")
    name = "final loss there" if key == "effects" else "validation loss"
    titles = [RULES[row["rule"]].title for row in found["results"]]
    assert {row["Rule"]: row[name] for row in shown} == dict(
        zip(titles, (number(row["final"]) for row in found["results"]), strict=True)
    )


@pytest.mark.parametrize(
    ("request_", "page"),
    [
        ("", "race"),
        ("/", "race"),
        ("race?surface=saddle&rules=sgd&steps=9", "race"),
        ("http://127.0.0.1:8501/backprop?hidden=3", "backprop"),
        ({"page": "race", "surface": "saddle", "rules": ["sgd", "adam"], "steps": 9}, "race"),
        ({"page": "anatomy"}, "anatomy"),
    ],
)
def test_links_of_every_kind_are_read(request_, page):
    found = run(request_)
    assert (found["page"], found["problems"]) == (page, [])


def test_what_is_asked_in_vain_is_told_as_the_page_tells_it():
    link = "/race?surface=nowhere&rules=sgd~nobody&lr=-1&colour=red&steps=20"
    found = run(link)
    assert len(found["problems"]) == 4
    assert found["problems"] == header(page_of("race", link))["problems"]


def test_a_range_from_zero_is_in_no_decades():
    found = run("/effects?surface=ravine&rules=momentum&number=mu~0~0.99&steps=50")
    assert [row["decades"] for row in found["results"]] == [None]


@pytest.mark.parametrize("seed", range(21))
def test_random_links_give_json_or_one_sentence(seed):
    rng, key = random.Random(400 + seed), list(PAGES)[seed % len(PAGES)]
    told = ""
    try:
        json.dumps(run({"page": key, **PAGES[key](rng)}), allow_nan=False)
    except ValueError as error:
        told = str(error)
    assert "\n" not in told
    assert not told.endswith(".")


@pytest.mark.parametrize("wrong", ["/nowhere", "nowhere?x=1", {"page": "Race"}, "/race/../secret"])
def test_an_unknown_page_is_one_sentence(wrong):
    with pytest.raises(ValueError, match="is unknown: allowed is one of anatomy, backprop"):
        run(wrong)


# The command line


def ran(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "experiments", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_line_gives_what_run_gives():
    code, out, err = ran("run", LINKS["race"])
    assert (code, err) == (0, "")
    assert json.loads(out) == run(LINKS["race"])
    code, out, err = ran("run", LINKS["race"], "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [float(row["final"]) for row in rows] == [row["final"] for row in run(LINKS["race"])["results"]]
    assert rows[0]["evaluations.grad"] == "100"
    assert ran("pages")[1].split() == pages()


def test_surfaces_come_without_torch():
    links = [LINKS[key] for key in ("race", "anatomy", "map")]
    script = f"import sys; from experiments import run; [run(link) for link in {links}];"
    done = subprocess.run(
        [sys.executable, "-c", f"{script} print('torch' in sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_a_file_holds_what_is_asked_and_takes_what_is_given(tmp_path, capsys):
    asked, out = tmp_path / "asked.json", tmp_path / "out.json"
    asked.write_text(json.dumps({"page": "race", "surface": "ravine", "rules": "sgd", "steps": 20, "more": 1}))
    assert main(["run", str(asked), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == ["The link's setting “more” is unknown: it is ignored."]
    assert json.loads(out.read_text())["results"][0]["rule"] == "sgd"
    assert main(["run", str(asked), "--out", str(out), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["asked.json", "out.json"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "/nowhere"], "page “nowhere” is unknown"),
        (["run", "missing.json"], "“missing.json” cannot be read: No such file or directory."),
        (["run", "{tmp}/list.json"], "holds no object"),
        (["run", "{tmp}/broken.json"], "is no JSON"),
        (["run", "/race?steps=5", "--out", "{tmp}/none/out.json"], "cannot be written: No such file or directory."),
        (["run", "/map?rules=sgd&across=mu~0~0.9&up=lr"], ""),
        (["run", "/networks?task=mnist_cnn&rules=adam&steps=5000&batch=3500&seeds=5"], "are allowed"),
    ],
)
def test_a_bad_request_is_one_sentence_and_exit_2(tmp_path, capsys, arguments, told):
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "broken.json").write_text("{")
    code = main([argument.replace("{tmp}", str(tmp_path)) for argument in arguments])
    err = capsys.readouterr().err
    if told:
        assert code == 2
        assert told in err
        assert len(err.strip().splitlines()) == 1
        assert err.strip().endswith(".")
    else:  # another number is shown instead, as on the page
        assert code == 0


@pytest.mark.parametrize(("name", "flag", "begins"), [("a.csv", [], "rule,"), ("a.csv", ["--json"], "{"), ("a.txt", [], "{")])
def test_a_file_is_of_the_kind_that_its_name_says_unless_another_is_asked_for(tmp_path, name, flag, begins):
    assert main(["run", "/race?rules=sgd&steps=10", "--out", str(tmp_path / name), *flag]) == 0
    assert (tmp_path / name).read_text().startswith(begins)


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "/race", "--csv", "--json"], ["fly"]])
def test_a_command_that_is_none_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m experiments" in capsys.readouterr().err


def test_help_says_what_there_is(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(word in told for word in ("request", "--json", "--csv", "--out FILE", "--quiet"))


def test_a_terminal_sees_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["run", "/map?rules=sgd&steps=30", "--csv"]) == 0
    assert re.search(r"█+░* +\d+%", capsys.readouterr().err)


def test_an_interrupt_ends_it_at_once_and_leaves_nothing(tmp_path):
    out = tmp_path / "out.json"
    link = "/networks?task=mnist_mlp_deep&rules=sgd~adam&steps=4000"
    with subprocess.Popen(
        [sys.executable, "-m", "experiments", "run", link, "--out", str(out)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # tests may run where it is ignored
    ) as child:
        killer = threading.Timer(90, child.kill)
        killer.start()
        assert child.stderr
        wait_till_it_trains(child.pid)
        child.send_signal(signal.SIGINT)
        assert child.stderr.read() == ""
        assert child.wait(timeout=20) == 130
        killer.cancel()
    assert list(tmp_path.iterdir()) == []


def wait_till_it_trains(process: int) -> None:
    """Until it has a child of its own."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if any(file.read_text() for file in Path(f"/proc/{process}/task").glob("*/children")):
            time.sleep(2)
            return
        time.sleep(0.1)
    os.kill(process, signal.SIGKILL)


def test_a_folder_is_found_by_itself():
    """The keys are the folders: nothing lists them a second time."""
    kinds: dict[str, Any] = {key: experiment_of(key) for key in pages()}
    assert len({one.path for one in kinds.values()}) == len(kinds)
    assert kinds["training"].path == "networks"
