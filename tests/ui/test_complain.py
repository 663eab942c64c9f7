"""Others' words are shown as they are: no markup of theirs is obeyed, none is longer than a line, none cannot be sent."""

import random
import re
from typing import Any

import pytest

from core import Hyper
from core.words import MOST, brief, cut, legible, quoted
from tests.pages.test_app import PAGES, opened
from ui.complain import MANY, few, plain

HOSTILE = "**bold** [log in](http://evil.example/a) ![](http://evil.example/b.png) <b>x</b> $x$ :red[y] www.evil.example"
ODD = ["\u202eabc", "a\x00b", "a\nb\tc", "\ud800", "\u200bx", "a\x1b[31mb", "\ufeff", "a\u2028b"]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_what_cannot_be_seen_or_sent_is_marked(text):
    for said in (legible(text), cut(text), quoted([text, 1]), brief(text)):
        assert said.isprintable()
        said.encode()


LONG = ["x" * 10**6, ["x" * 99] * 10**5, 10**5000, {"a": "b" * 999}, b"x" * 10**6, [[[[]]]] * 10**4, None]


@pytest.mark.parametrize("value", LONG, ids=range(len(LONG)))
def test_others_words_are_cut(value):
    assert len(cut(value)) <= MOST + 1
    assert len(brief(value)) <= MOST + 1
    assert cut("x" * MOST) == "x" * MOST
    assert cut("x" * (MOST + 1)) == "x" * MOST + "…"


WRONG = ["x" * 10**6, 10**400, "1" * 10**5, "nan", "\ud800", ["x"] * 10**5, {"a": 1}, None, "1e999"]


@pytest.mark.parametrize("value", WRONG, ids=range(len(WRONG)))
def test_a_number_that_is_none_is_told_in_one_line(value):
    with pytest.raises(ValueError, match="lr") as error:
        Hyper(0.0, 1.0, name="lr", default=0.5).check(value)
    assert len(str(error.value)) < 200
    str(error.value).encode()


def test_what_is_plain_already_stays_as_it_is():
    for text in (
        "The link's lr = 'x' is not a number: it must be from 1e-06 to 100; 0.01 is used instead.",
        "This folder will not do: train-images-idx3-ubyte is missing in a-folder: it must be there, plain or as .gz.",
        "batch_size = 256 is not allowed: it must be from 1 to 105.",
        "Zürich 7 (it's “fine”), 50 %: e−5 … #1 + 2 - 3.",
    ):
        assert plain(text) == text


def test_markup_is_escaped_and_addresses_are_verbatim():
    assert plain("**a** [b](c) ![d](e) <i> $x$ `y` _z_ |") == (r"\*\*a\*\* \[b\](c) !\[d\](e) \<i\> \$x\$ \`y\` \_z\_ \|")
    assert plain("see http://a.b, www.a.b a@b.c :smile: x->y") == "see `http://a.b,` `www.a.b` `a@b.c` `:smile:` `x->y`"
    assert plain("a`://``b") == "``` a`://``b ```"
    assert plain("# a\n# b") == r"\# a # b"
    assert plain("1. a") == r"1\. a"


def test_code_spans_cannot_be_closed_from_within():
    draw = random.Random(0)
    for _ in range(300):
        word = "".join(draw.choice("`:/a@[]*") for _ in range(draw.randint(1, 12)))
        said = plain(f"x {word} y").removeprefix("x ").removesuffix(" y")
        if re.match(r"(?<!\\)`", said):
            fence = re.match("`+", said)[0]  # type: ignore[index]
            assert said.endswith(fence)
            assert not re.search(rf"(?<!`){fence}(?!`)", said[len(fence) : -len(fence)])


def test_only_the_first_of_many_sentences_are_shown():
    assert few(["a"] * MANY) == ["a"] * MANY
    assert few(str(i) for i in range(MANY + 5)) == [*map(str, range(MANY)), "And 5 more of this kind."]


def told(app: Any) -> str:
    """All texts that may have markup, without what is escaped or verbatim in them."""
    text = "\n".join(element.value for kind in ("warning", "markdown", "caption", "info") for element in app.get(kind))
    return re.sub(r"\\.\w*|(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


NAMES = re.findall(
    r"\w+",
    "surface rules lrs schedule start view look hidden tuning step steps lr angle across up colour cell number rule shows at "
    "task activation init loss scaling seeds fold balance flip batch seed axis other values rows row layer to from",
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_page_obeys_a_link(page):
    """Every setting of a page, and many that it has not, asked for in markup: all is told, and every sentence is short."""
    for link in (dict.fromkeys(NAMES, HOSTILE), {f"x{i}": HOSTILE for i in range(2000)}):
        app = opened(page, **link)
        assert not app.exception
        assert not re.search(r"evil|bold|:red", told(app))
        assert all(len(warning.value) < 600 for warning in app.warning)
        assert len(app.warning) <= MANY + 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_page_fails_over_odd_characters(page):
    odd = [text.encode("utf-8", "replace").decode() for text in ODD]  # a link is sent as text
    for i in range(0, len(ODD), 4):
        link = {name: odd[(i + k) % len(odd)] for k, name in enumerate(NAMES)}
        assert not opened(page, **{**link, "steps": "20"}, **{"a" + text: "b" for text in odd}).exception
