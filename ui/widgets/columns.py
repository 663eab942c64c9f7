"""What was done to each column of a table that somebody brought."""

from collections.abc import Sequence

import streamlit as st

from networks.data.prepare import Data
from ui.complain import plain


def columns_told(data: Data) -> None:
    """A line for all columns that were read alike and became alike; nothing for data that are not from such a table."""
    if data.told:
        with st.expander("What was done to each column", expanded=True):
            st.table(
                [{"column": plain(name), "holds": plain(read), "became": plain(done)} for name, read, done in alike(data.told)]
            )


def alike(told: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Names, what they hold and what became of it, in the order of the first of them."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, read, done in told:
        found.setdefault((read, done), []).append(name)
    return [(", ".join(names), *story) for story, names in found.items()]
