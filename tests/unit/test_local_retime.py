"""The truth with second-scale timing."""

import json
from pathlib import Path

import pytest

from marketswarm.local.retime import retime


def test_every_service_beats_twice_a_second_and_is_missed_after_two() -> None:
    """Intervals and healer's threshold are set; its own timeout, lease, feeds and probes go; the rest stays."""
    raw = json.dumps(
        {
            "version": 3,
            "services": {
                "rss_agg": {
                    "heartbeat": {"channel": "c", "interval_sec": 10, "timeout_sec": 99},
                    "stream": {"maxlen": 100},
                    "feeds": ["a"],
                    "probes": ["b"],
                    "lease_sec": 15,
                },
                "mesh": {},
                "healer": {"threshold": {"heartbeat_cadence": 30, "other": 1}},
            },
        }
    ).encode()
    assert json.loads(retime(raw)) == {
        "version": 3,
        "services": {
            "rss_agg": {"heartbeat": {"channel": "c", "interval_sec": 0.5}, "stream": {"maxlen": 100}},
            "mesh": {"heartbeat": {"interval_sec": 0.5}},
            "healer": {
                "heartbeat": {"interval_sec": 0.5},
                "threshold": {"heartbeat_cadence": 2, "other": 1},
            },
        },
    }


def test_the_older_name_of_the_services_is_read_too() -> None:
    """A document that says components is retimed as one that says services."""
    assert json.loads(retime(b'{"components": {"mesh": {}}}')) == {
        "components": {"mesh": {"heartbeat": {"interval_sec": 0.5}}}
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"services": []}',
        b'{"services": {"mesh": 3}}',
        b'{"services": {"mesh": {"heartbeat": 3}}}',
    ],
)
def test_what_is_no_truth_comes_back_untouched(raw: bytes) -> None:
    """The seed says what is wrong with a document, so it must see the document as it was given."""
    assert retime(raw) == raw


def test_the_default_truth_can_be_retimed() -> None:
    """The document that the project brings has the six services, each with the short interval."""
    document = json.loads(retime(Path("etc/truth.json").read_bytes()))
    assert {service["heartbeat"]["interval_sec"] for service in document["services"].values()} == {0.5}
    assert document["services"]["healer"]["threshold"]["heartbeat_cadence"] == 2
