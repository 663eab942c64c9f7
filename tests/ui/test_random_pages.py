"""Every page by links at random: `python -m tests.random_pages 300` is the long form."""

import pytest

from tests import by_torch
from tests.links import PAGES
from tests.random_pages import visits

one_thread = pytest.fixture(scope="module", autouse=True)(by_torch.one_thread)


def test_links_at_random_open_their_pages_and_what_they_give_away_is_true():
    for one in visits(3 * len(PAGES)):
        assert not one.problem, f"/{one.page} {one.link}: {one.problem}"
