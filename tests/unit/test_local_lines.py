"""A child's output, cut into lines."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.local.child import MAX_LINE_CHARS, Lines


def _heard(*chunks: bytes) -> list[str]:
    heard: list[str] = []
    lines = Lines(heard.append)
    for chunk in chunks:
        lines.data_received(chunk)
    lines.connection_lost(None)
    return heard


@given(
    texts=st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=40)),
    cuts=st.lists(st.integers(0, 200)),
)
def test_lines_do_not_depend_on_how_the_bytes_arrive(texts: Sequence[str], cuts: list[int]) -> None:
    """However a pipe cuts the output, in mid-character too, the same lines are heard."""
    raw = "".join(text + "\n" for text in texts).encode()
    bounds = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    assert _heard(*(raw[a:b] for a, b in pairwise(bounds))) == list(texts)


def test_a_last_line_without_an_end_is_heard() -> None:
    """A program that dies in mid-line has its last words passed on."""
    assert _heard(b"one\ntwo") == ["one", "two"]


@pytest.mark.parametrize("char", ["x", "€", "𝄞"])
@pytest.mark.parametrize("cut", [1, 3000, 1 << 20])
def test_a_long_line_is_cut_and_says_so(char: str, cut: int) -> None:
    """1000 characters pass whole; one more, or a million, end in three dots; what follows is not disturbed."""
    for length, end in ((1000, char), (1001, "..."), (100_000, "...")):
        raw = (char * length + "\nnext\n").encode()
        first, second = _heard(raw[:cut], raw[cut:])
        assert (len(first), second) == (MAX_LINE_CHARS, "next")
        assert first.endswith(end)


def test_undecodable_bytes_are_replaced() -> None:
    """Bytes that are no UTF-8 become replacement characters, and a carriage return at the end goes."""
    assert _heard(b"a\xff\xfeb\r\n") == ["a\ufffd\ufffdb"]
