"""The shapes of mesh:services, mesh:gossip and of a lease, as other programs see them."""

import json

import pytest

from marketswarm.messages import (
    LEFT_TRUTH,
    MAX_BEAT_BYTES,
    Change,
    FullHeartbeat,
    Heartbeat,
    Member,
    Presence,
    decode_full,
    decode_member,
    encode,
)

MEMBER = Member(
    svc="a",
    state=Presence.FAILED,
    since=5,
    bus="system-redis",
    channel="a:heartbeat",
    boot="b",
    host="h",
    pid=7,
    version="1",
    truth="t",
    i=3,
    ts=4.5,
    reason="crashed",
    standbys=("h:8",),
)


def test_a_member_has_a_shape_of_its_own() -> None:
    """Every field that is known is there, and read again as it was; what is not known is left out."""
    assert json.loads(encode(MEMBER)) == {
        "svc": "a",
        "state": "failed",
        "since": 5,
        "bus": "system-redis",
        "channel": "a:heartbeat",
        "boot": "b",
        "host": "h",
        "pid": 7,
        "version": "1",
        "truth": "t",
        "i": 3,
        "ts": 4.5,
        "reason": "crashed",
        "standbys": ["h:8"],
    }
    assert decode_member(encode(MEMBER)) == MEMBER
    assert json.loads(encode(Member(svc="a", state=Presence.UNSEEN, since=5))) == {
        "svc": "a",
        "state": "unseen",
        "since": 5,
    }


def test_a_change_names_both_states() -> None:
    """And which message it is of this process of mesh."""
    change = Change(svc="a", old="alive", new=Presence.LEFT, since=5, ts=6, i=2, host="h", boot="b", reason=LEFT_TRUTH)
    assert json.loads(encode(change)) == {
        "svc": "a",
        "old": "alive",
        "new": "left",
        "since": 5,
        "ts": 6,
        "i": 2,
        "host": "h",
        "boot": "b",
        "reason": "left the truth",
    }


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]", b'{"svc":"a"}', b'{"svc":"a","state":"odd","since":1}'])
def test_what_is_no_member_is_none(raw: bytes) -> None:
    """Whatever it is instead."""
    assert decode_member(raw) is None


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"svc":"a","i":1,"ts":2.5}', FullHeartbeat("a", 1, 2.5)),
        (b'{"svc":"a","i":1,"ts":2,"version":"9","token":3,"x":[]}', FullHeartbeat("a", 1, 2.0, version="9", token=3)),
        (
            encode(Heartbeat("a", 1, 2.0, "b", "h", 3, "t", bye=True)),
            FullHeartbeat("a", 1, 2.0, "b", "h", 3, "t", bye=True),
        ),
        (b'{"svc":"b","i":1,"ts":2.5}', None),
        (b'{"svc":"a","ts":2.5}', None),
        (b'{"svc":"a","i":-1,"ts":2.5}', None),
        (b'{"svc":"a","i":1,"ts":2.5,"pid":"x"}', None),
        (b'{"svc":"a","i":1,"ts":2,"x":' + b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_a_lease_says_who_holds_it(raw: bytes, found: FullHeartbeat | None) -> None:
    """Of the fields that it does not know it takes no note; a beat of another service is none."""
    assert decode_full(raw, "a") == found


@pytest.mark.parametrize(("length", "taken"), [(MAX_BEAT_BYTES, True), (MAX_BEAT_BYTES + 1, False)])
def test_a_lease_is_capped(length: int, *, taken: bool) -> None:
    """Before a parser sees it."""
    raw = b'{"svc":"a","i":1,"ts":2}'.ljust(length)
    assert (decode_full(raw, "a") is not None) is taken
