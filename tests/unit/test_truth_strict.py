"""JSON is read strictly: what has two meanings, or none, is refused by name and place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm import names
from marketswarm.errors import BadTruthError
from marketswarm.truth import strict

TOO_DEEP = "truth: must be nested at most 32 levels deep"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**39), 10**39)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


def faults(raw: bytes) -> list[str]:
    """Tell every fault of a document; none if it is taken."""
    try:
        strict.load(raw)
    except BadTruthError as error:
        return list(error.faults)
    return []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"\xef\xbb\xbf{}", ["truth: must be UTF-8 without a byte order mark, starts with one"]),
        ("{}".encode("utf-16"), ["truth: must be UTF-8, looks like UTF-16"]),
        ("{}".encode("utf-16-be"), ["truth: must be UTF-8, looks like UTF-16"]),
        ("{}".encode("utf-32"), ["truth: must be UTF-8, looks like UTF-32"]),
        (b'{\n"a": "\xff"}', ["truth: must be UTF-8, has byte 0xff in line 2"]),
        (b'"\xed\xa0\x80"', ["truth: must be UTF-8, has byte 0xed in line 1"]),
        (b"", ["truth: is not JSON at line 1, column 1: expecting value"]),
        (b'{"a":\n  x}', ["truth: is not JSON at line 2, column 3: expecting value"]),
        (b"{} {}", ["truth: is not JSON at line 1, column 4: extra data"]),
        (b'"a\tb"', ["truth: is not JSON at line 1, column 3: invalid control character"]),
        (b'{"a": NaN}', ["a: must be a number that JSON knows, is NaN"]),
        (b"[-Infinity]", ["[0]: must be a number that JSON knows, is -Infinity"]),
        (b'{"a": [1, -1e999]}', ["a[1]: must be a number below 1.8e308"]),
        (b'{"a": 1, "a": 1}', ["a: must be given once, is a duplicate key"]),
        (b'{"a": {"b c": 1, "b c": 2, "b c": 3}}', ['a["b c"]: must be given once, is a duplicate key']),
        (b'{"a":{"b":1,"b":2},"a":{}}', [f"{key}: must be given once, is a duplicate key" for key in ("a.b", "a")]),
        (b'{"a": "\\ud800"}', ["a: must be valid Unicode, has half of a surrogate pair"]),
        (b'{"\\udfff": 1}', ['["\\udfff"]: must be a key of valid Unicode, has half of a surrogate pair']),
        (b'{"a": ' + b"9" * 41 + b"}", ["a: must be an integer of at most 40 digits, has 41"]),
        (b'{"a": -' + b"9" * 5000 + b"}", ["a: must be an integer of at most 40 digits, has 5000"]),
    ],
)
def test_refuses_by_name_and_place(raw: bytes, expected: list[str]) -> None:
    """Each liberty that Python's own reader takes, or worse than that, has a phrase of its own."""
    assert faults(raw) == expected


def test_tells_all_faults_at_once() -> None:
    """Whoever mends a document sees everything that can be known of it."""
    found = faults(b'{"a": NaN, "b": 1e999, "a": 1, "c": "\\ud800"}')
    assert [fault.split(":")[0] for fault in found] == ["a", "b", "a", "c"]


def test_size_ends_at_the_limit() -> None:
    """A document of exactly the limit is read, one byte more is not."""
    fits = b'"' + b"x" * (names.MAX_TRUTH_BYTES - 2) + b'"'
    assert strict.load(fits) == "x" * (names.MAX_TRUTH_BYTES - 2)
    assert faults(fits + b" ") == ["truth: must be at most 1048576 bytes long, is 1048577"]


def test_depth_ends_at_the_limit() -> None:
    """32 levels are read and 33 are not, whether of lists or of objects."""
    deep = strict.MAX_DEPTH
    assert strict.load(b"[" * deep + b"]" * deep)
    assert strict.load(b'{"a":' * deep + b"1" + b"}" * deep)
    assert faults(b"[" * (deep + 1) + b"]" * (deep + 1)) == [TOO_DEEP]
    assert faults(b'{"a":' * (deep + 1) + b"1" + b"}" * (deep + 1)) == [TOO_DEEP]


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_absurd_depth_is_a_fault_and_no_crash(opening: bytes) -> None:
    """What exhausts the reader's own stack is refused with the same words."""
    assert faults(opening * 100_000) == [TOO_DEEP]


def test_takes_whole_surrogate_pairs_and_long_integers() -> None:
    """What is merely unusual is taken."""
    assert strict.load(b'["\\ud83d\\ude00", ' + b"9" * 40 + b"]") == ["😀", 10**40 - 1]


@given(JSON)
def test_reads_what_json_writes(value: object) -> None:
    """Every plain document comes back as it was."""
    assert strict.load(json.dumps(value).encode()) == value


@given(st.binary() | st.text('[]{}":,0123456789.eE-+ \\ud8NaInfity').map(str.encode))
def test_gives_a_value_or_faults_for_any_bytes(raw: bytes) -> None:
    """No bytes make it raise anything else, and each fault is one line."""
    assert all("\n" not in fault for fault in faults(raw))
