"""The house: who imports whom, who knows whose name, and that one new file is enough and a broken one is loud."""

import ast
import importlib
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

import pytest

from core import Named
from optimizers import ENTRANTS, RULES, WRAPPERS, entrants_of, rules_in
from surfaces import SURFACES, surfaces_in
from tests.optimizers import test_rules
from tests.surfaces import test_surfaces
from ui.page import Page, page_of, sections

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "app.py": {"streamlit", "ui", "experiments", "figures", "core", "optimizers", "surfaces", "networks"},
    "pages": {"streamlit", "numpy", "ui", "experiments", "figures", "core", "optimizers", "surfaces", "networks"},
    "ui": {
        "streamlit",
        "starlette",
        "numpy",
        "PIL",
        "ui",
        "experiments",
        "figures",
        "core",
        "optimizers",
        "surfaces",
        "networks",
    },
    "experiments": {"numpy", "experiments", "core", "optimizers", "surfaces", "networks"},
    "figures": {"plotly", "numpy", "figures", "core"},
    "networks": {"torch", "sklearn", "scipy", "pandas", "threadpoolctl", "numpy", "networks", "core", "optimizers"},
    "optimizers": {"core", "optimizers"},
    "surfaces": {"core"},
    "core": {"llvmlite", "numpy", "core"},
}
"""What each part may import beside the standard library. A rule imports no rule, a surface file no other."""

WAITS = {"wait": 0, "join": 0, "result": 0, "get": 0, "acquire": 0, "recv": 0, "communicate": 1, "wait_closed": 0}
"""Methods that wait, and which of their arguments in order is the bound; without it they may wait for ever."""

KEYS = set(RULES) | set(ENTRANTS) | set(SURFACES)


def files(part: str, suffix: str = ".py") -> Iterator[Path]:
    place = ROOT / part
    yield from [place] if place.is_file() else sorted(place.rglob(f"*{suffix}"))


def imported(source: str) -> set[str]:
    """The packages a module imports anywhere in it, top names only; a relative import counts as `.`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else (node.module or "").partition(".")[0])
    return names


def names_told(source: str) -> set[str]:
    """The string constants of a module that are a rule's or a surface's key."""
    return {n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and n.value in KEYS}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_follow_the_plan(part):
    for file in files(part):
        strangers = imported(file.read_text()) - MAY_IMPORT[part] - sys.stdlib_module_names
        assert not strangers, f"{file.relative_to(ROOT)} imports {sorted(strangers)}"


def test_every_folder_of_code_has_its_rule():
    folders = {path.parent.name for path in ROOT.glob("*/*.py") if not path.parent.name.startswith(".")}
    assert folders - {"tests", "benchmarks", "docs"} <= set(MAY_IMPORT)
    assert {"core", "optimizers", "surfaces", "ui", "pages"} <= folders


def test_imports_are_seen():
    hidden = "def f():\n    import torch.nn\n    from plotly import io\nfrom . import near\nimport numpy as np, os.path"
    assert imported(hidden) == {"torch", "plotly", ".", "numpy", "os"}


@pytest.mark.parametrize("part", ["core", "experiments", "ui", "figures"])
def test_nothing_below_pages_knows_a_rule_or_a_surface_by_name(part):
    every = [file for file in files(part) if file.name != "experiment.py"]  # which says what a page shows first
    told = {str(file.relative_to(ROOT)): names for file in every if (names := names_told(file.read_text()))}
    assert not told


def test_the_stage_knows_no_rule_or_surface_by_name():
    quoted = re.compile(rf"""(["'`])({"|".join(sorted(KEYS))})\1""")
    told = {file.name: match.group(2) for file in files("ui", ".js") if (match := quoted.search(file.read_text()))}
    assert not told


def test_names_are_seen():
    assert names_told("if key == 'adam':\n    x = {'ravine': 'adam is mentioned'}") == {"adam", "ravine"}


ROLES = {"main", "PAGE", "EXPERIMENT"}
"""What a file is found by: every page and experiment has it."""


def told_at_top(source: str) -> set[str]:
    """The public names a module defines: its functions, classes and constants."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def test_no_two_modules_define_the_same_public_name():
    homes: dict[str, list[str]] = {}
    for file in [file for part in MAY_IMPORT for file in files(part)]:
        for name in told_at_top(file.read_text()) - ROLES:
            homes.setdefault(name, []).append(str(file.relative_to(ROOT)))
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_tests_stand_in_the_folders_of_what_they_test():
    tests = ROOT / "tests"
    assert [str(f) for place in tests.rglob("test_*.py") if not (ROOT / (f := place.parent.relative_to(tests))).is_dir()] == []


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_files_and_functions_are_short(part):
    most, every = 100 if part == "pages" else 400, [*files(part), *files(part, ".js")]
    long = {str(f.relative_to(ROOT)): n for f in every if (n := len(f.read_text().splitlines())) > most}
    assert long == {}
    functions = {
        f"{file.relative_to(ROOT)}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file in files(part)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in functions.items() if lines > 60} == {}


def test_public_names_are_seen():
    assert told_at_top("A, B = 1, 2\n_C: int = 3\nD: int = 4\ndef e(): f = 1\nclass G: h = 1") == {"A", "B", "D", "e", "G"}


# Others' words are shown in one place

LOUD = {"warning", "error", "exception", "success", "toast"}
"""What says that something is wrong: on the page none of it outside ui/complain.py."""

OBEYED = {"markdown", "caption", "info", "html", "title", "header", "subheader", "badge", "table", "metric"}
"""Where markup is obeyed: others' words go there by way of `plain` alone."""

OTHERS = {"error", "problem", "problems", "complaints", "wrong", ".notes", "query_params", "file", "folder"}
"""Names of what may hold others' words."""


def spoken(source: str) -> list[int]:
    """The lines of a module in which others' words may be obeyed as markup."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            seen = [part for argument in node.args for part in _seen(argument)]
            names = {getattr(part, "id", getattr(part, "attr", "")) for part in seen}
            names |= {f".{part.attr}" for part in seen if isinstance(part, ast.Attribute)}
            loud = node.func.attr in LOUD and "log" not in ast.unparse(node.func.value)
            if loud or (node.func.attr in OBEYED and names & OTHERS):
                lines.append(node.lineno)
    return sorted(lines)


def _seen(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, but for what is made harmless."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("plain", "urlencode", "gallery", "escape"):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _seen(child)


@pytest.mark.parametrize("file", [*files("ui"), *files("pages"), ROOT / "app.py"], ids=lambda f: f"{f.parent.name}/{f.name}")
def test_others_words_are_shown_in_one_place(file):
    assert file == ROOT / "ui" / "complain.py" or spoken(file.read_text()) == []


def test_others_words_are_seen():
    bad = [
        "st.warning(x)",
        "place.error('no')",
        "st.markdown(f'**{problem}**')",
        "one.caption(str(error))",
        "st.info(going.problem)",
        "two.table(training.data.notes)",
        "st.html(file.name)",
    ]
    assert spoken("\n".join(bad)) == list(range(1, len(bad) + 1))
    good = [
        "complain(wrong)",
        "st.caption(plain(sentence))",
        "st.markdown('**Worst**')",
        "st.caption(f'[a](b?{urlencode(link)})')",
    ]
    assert spoken("\n".join(good)) == []


# No page hides a package, and no test waits for ever


def importable(name: str) -> bool:
    """Whether a module or package of this name is there before pages/ is on the path."""
    return name in sys.builtin_module_names or PathFinder.find_spec(name, [str(ROOT), *sys.path]) is not None


def test_no_page_is_called_like_a_package():
    assert [page.stem for page in files("pages") if importable(page.stem)] == []
    assert [name for name in ("networks", "numpy", "tests", "sys", "json") if importable(name)] != []
    assert not importable("atlantis")


def test_every_page_has_a_link_of_its_own():
    links = {page.stem: page_of(page).path for page in files("pages")}
    assert len(set(links.values())) == len(links)
    assert links["training"] == "networks"


def test_pages_stand_in_sections_without_a_word_of_them_elsewhere(tmp_path):
    """One new file is a page: its record is read without running it."""
    (tmp_path / "late.py").write_text('PAGE = Page("Late", "Later", order=9)\nraise SystemExit')
    (tmp_path / "early.py").write_text('PAGE = Page("Early", "Sooner", 1)\n')
    (tmp_path / "also.py").write_text('PAGE = Page("Also", "Later", 8)\n')
    found = {section: [page.title for page, _ in within] for section, within in sections(tmp_path).items()}
    assert found == {"Sooner": ["Early"], "Later": ["Also", "Late"]}
    (tmp_path / "none.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match=r"none\.py has no line PAGE"):
        sections(tmp_path)
    assert next(page.title for section in sections(ROOT / "pages").values() for page, _ in section) == "Race"
    assert isinstance(page_of(ROOT / "pages" / "race.py"), Page)


def endless(source: str) -> list[int]:
    """The lines in which something is waited for without a bound; what Playwright and AppTest wait for has one unless told."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.While):
            idle = all(isinstance(line, ast.Pass) or "sleep(" in ast.unparse(line) for line in node.body)
            if idle and "monotonic" not in ast.unparse(node.test):
                lines.append(node.lineno)
        elif isinstance(node, ast.Call):
            *owner, name = ast.unparse(node.func).split(".")
            waits = (name in WAITS and owner) or name == "urlopen" or (owner[-1:] == ["subprocess"] and name != "Popen")
            bounds = [word.value for word in node.keywords if word.arg == "timeout"]
            bounds += node.args[WAITS[name] :] if name in WAITS else []
            unbounded = name != "get" and any(isinstance(one, ast.Constant) and one.value in (None, 0) for one in bounds)
            if (waits and not bounds) or (unbounded and (waits or name.startswith("wait_for"))):
                lines.append(node.lineno)
    return sorted(lines)


@pytest.mark.parametrize("file", [*files("tests")], ids=lambda file: file.name)
def test_no_test_waits_for_ever(file):
    assert endless(file.read_text()) == []


def test_waits_without_a_bound_are_seen():
    waits = [
        "done.wait()",
        "thread.join()",
        "future.result()",
        "process.communicate()",
        "process.communicate(order)",
        "queue.get()",
        "lock.acquire()",
        "subprocess.run(command)",
        "urllib.request.urlopen(address)",
        "page.wait_for_function(code, timeout=0)",
        "future.result(None)",
        "done.wait(timeout=None)",
        "while going.so_far is None: pass",
    ]
    assert endless("\n".join(waits)) == list(range(1, len(waits) + 1))
    bounded = [
        "done.wait(5)",
        "', '.join(names)",
        "future.result(timeout=5)",
        "process.communicate(order, 5)",
        "subprocess.run(command, timeout=5)",
        "app.run()",
        "while time.monotonic() < end: pass",
        "page.wait_for_selector(code)",
        "button.wait_for()",
    ]
    assert endless("\n".join(bounded)) == []


# One new file is enough


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Writes a package of the given files and imports it."""

    def write(**sources: str) -> ModuleType:
        name = f"package_{re.sub('[^a-z0-9]', '_', tmp_path.name)}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        for module, source in sources.items():
            (tmp_path / name / f"{module}.py").write_text(textwrap.dedent(source))
        monkeypatch.syspath_prepend(tmp_path)
        return importlib.import_module(name)

    return write


HEAVY_BALL = """
    from core import Twin, rule
    from core.hyper import Momentum


    @rule(
        title="Heavy ball",
        family="gradient",
        year=1964,
        source="Polyak, 1964",
        lr=1e-2,
        conventions="The buffer is a sum.",
        twin=Twin("SGD", lambda h: {"momentum": h["mu"]}),
    )
    def heavy_ball(g, v=0.0, *, mu: Momentum = 0.9):
        v = mu * v + g
        return v, v
"""

WELL = """
    from core import surface


    @surface(
        title="Well",
        kind="wells",
        source="x² + 3y²",
        lesson="It is as easy as it looks.",
        domain=((-1.0, 1.0), (-1.0, 1.0)),
        start=(0.5, 0.5),
        minima=((0.0, 0.0),),
    )
    def well(x, y):
        return x**2 + 3 * y**2
"""


def conform(rules: ModuleType) -> None:
    """The suite of tests/optimizers/test_rules.py on every rule of a package."""
    for entrant in entrants_of(rules_in(rules)).values():
        rule = entrant.rule
        for problem in test_rules.TAME:
            test_rules.test_every_step_equals_torch(entrant, problem, 1, None)
        for shape in ((), (5, 1)):
            test_rules.test_numpy_and_torch_agree(rule, shape)
        for surface in SURFACES.values():
            test_rules.test_a_batch_of_starts_is_its_runs(rule, surface)
            test_rules.test_a_batch_of_hyperparameters_is_its_runs(rule, surface)
        test_rules.test_a_rule_writes_to_nothing(rule)
        test_rules.test_no_gradient_no_step(rule)
        test_rules.test_a_rule_says_what_it_is(rule)
        for hyper in rule.hypers.values():
            test_rules.test_a_hyperparameter_fits_its_slider(rule, hyper)


def test_one_file_is_a_rule(package):
    rules = package(heavy_ball=HEAVY_BALL)
    assert list(rules_in(rules)) == ["heavy_ball"]
    conform(rules)


def test_one_block_is_a_surface(package):
    (well,) = surfaces_in(package(wells=WELL)).values()
    for check in test_surfaces.CHECKS:
        check(well)
    for rule in RULES.values():
        test_rules.test_a_batch_of_starts_is_its_runs(rule, well)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("v = mu * v + g", "v = mu * v + (1 - mu) * g"),
        ("return v, v", "return g + mu * v, v"),
        ("return v, v", "return -v, v"),
        ("v=0.0", "v=0.5"),
        ("v = mu * v + g", "v *= mu; v += g"),
        ("v = mu * v + g", "v = mu * v + g.mean()"),
        ('conventions="The buffer is a sum."', 'conventions=""'),
        ('source="Polyak, 1964"', 'source=""'),
    ],
)
def test_a_wrong_rule_does_not_conform(package, right, wrong):
    assert right in HEAVY_BALL
    rules = package(heavy_ball=HEAVY_BALL.replace(right, wrong))
    with pytest.raises((AssertionError, AttributeError, ValueError)):
        conform(rules)


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ({"empty": "x = 1"}, "empty declares no Rule"),
        ({"heavy": HEAVY_BALL}, "heavy.py declares the rule 'heavy_ball'"),
        ({"heavy_ball": HEAVY_BALL.replace("*, mu", "*, weather, mu")}, "asks for ['weather']: the driver supplies t, x"),
        ({"heavy_ball": HEAVY_BALL.replace("mu: Momentum = 0.9", "mu=0.9")}, "'mu' has a default but no Hyper"),
        ({"heavy_ball": HEAVY_BALL.replace("= 0.9", "= 1.9")}, "mu = 1.9 is not allowed"),
        ({"heavy_ball": HEAVY_BALL.replace("lr=1e-2", "lr=-1.0")}, "lr = -1 is not allowed"),
        (
            {"heavy_ball": HEAVY_BALL.replace('"gradient"', '"magic"')},
            "heavy_ball: family 'magic' is unknown: allowed is one of",
        ),
        ({"heavy_ball": HEAVY_BALL.replace("return v, v", "return v")}, "returns 1 values: it must return its direction, v"),
    ],
    ids=[
        "no rule",
        "another name",
        "unknown need",
        "no hyper",
        "bad default",
        "bad rate",
        "unknown family",
        "slot not returned",
    ],
)
def test_a_broken_rule_file_is_loud(package, sources, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        rules_in(package(**sources))


def test_a_file_that_does_not_run_is_loud(package):
    with pytest.raises(ZeroDivisionError):
        rules_in(package(heavy_ball=HEAVY_BALL + "    1 / 0\n"))


def test_a_key_taken_twice_is_loud(package):
    again = replace(WRAPPERS["weight_decay"], around={"heavy_ball": Named("heavy_ball", "Again", "nowhere")})
    with pytest.raises(ValueError, match="two entries are called 'heavy_ball'"):
        entrants_of(rules_in(package(heavy_ball=HEAVY_BALL)), {"again": again})


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ({"empty": "x = 1"}, "empty declares no Surface"),
        ({"wells": WELL, "more_wells": WELL}, "two entries are called 'well'"),
        (
            {"wells": WELL.replace("(x, y)", "(x, y, *, depth=1.0)").replace("x**2", "depth * x**2")},
            "'depth' has no default or no Hyper",
        ),
        ({"wells": WELL.replace("(x, y)", "(y, x)")}, "well is no formula of x and y: its first two arguments must be x and y"),
        (
            {"wells": re.sub(r"domain=.*", "domain=(-1.0, 1.0),", WELL)},
            "well: domain = (-1.0, 1.0) is not allowed: it must be ((x",
        ),
        ({"wells": re.sub(r"domain=.*", "domain=((1.0, -1.0), (0.0, 1.0)),", WELL)}, "each side must run upwards"),
        ({"wells": re.sub(r"start=.*", "start=0.5,", WELL)}, "well: start = 0.5 is not allowed: it must be (x, y)"),
        ({"wells": re.sub(r"start=.*", "start=(0.9, 0.9),", WELL)}, "turned with the surface it would leave the window"),
        (
            {"wells": re.sub(r"minima=.*", "minima=(0.0, 0.0),", WELL)},
            "a minimum or saddle = 0.0 is not allowed: it must be (x, y)",
        ),
    ],
    ids=[
        "no surface",
        "key taken twice",
        "no hyper",
        "other arguments",
        "a flat domain",
        "upside down",
        "no point",
        "a start that turns away",
        "no points",
    ],
)
def test_a_broken_surface_file_is_loud(package, sources, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        surfaces_in(package(**sources))
