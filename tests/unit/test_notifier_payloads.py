"""Which body each kind of webhook gets."""

import json

import pytest
from delivering import MESSAGE, TOLD
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.notices.message import Message
from marketswarm.notifier import payloads

SLACK = "https://hooks.slack.com/services/T0/B0/x"
DISCORD = "https://discord.com/api/webhooks/1/x"


def body(url: str, text: str = MESSAGE.text, title: str = MESSAGE.title) -> dict[str, object]:
    """What is posted to an address."""
    found = json.loads(payloads.body_for(url, Message("k", title, text, (TOLD,), "healer@host")))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "url", [SLACK, "https://hooks.slack-gov.com/services/x", "https://HOOKS.SLACK.COM/x", "https://mm.example/x/slack/"]
)
def test_slack_gets_text(url: str) -> None:
    """By its hosts, or where a path ends in /slack as those of its imitators do."""
    assert body(url) == {"text": "rss_agg is down\nno beat for 30 s"}


def test_nothing_in_a_text_can_call_a_slack_channel() -> None:
    """The three characters that Slack gives a meaning are escaped."""
    assert body(SLACK, "<!channel> & <@U1>", "t") == {"text": "t\n&lt;!channel&gt; &amp; &lt;@U1&gt;"}


def test_nothing_in_a_text_can_call_everybody_through_an_imitation_of_slack() -> None:
    """There a bare @everyone may be a mention."""
    assert body(f"{DISCORD}/slack", "@everyone", "t") == {"text": "t\n@\u200beveryone"}


@pytest.mark.parametrize(
    "url", [DISCORD, "https://discordapp.com/api/webhooks/1/x", "https://ptb.discord.com/api/webhooks/1/x"]
)
def test_discord_gets_content_and_calls_nobody(url: str) -> None:
    """Whatever mentions the text holds."""
    assert body(url, "@everyone", "t") == {"content": "t\n@everyone", "allowed_mentions": {"parse": []}}


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x", "https://evildiscord.com/x", "https://hooks.slack.com.evil.test/x"]
)
def test_everybody_else_gets_our_own_json(url: str) -> None:
    """All that the message has, and the version of this form."""
    assert body(url) == {
        "version": 1,
        "key": "k",
        "title": "rss_agg is down",
        "text": "rss_agg is down\nno beat for 30 s",
        "told": [
            {
                "key": "rss_agg/1",
                "kind": "alert",
                "type": "heartbeat_miss",
                "subject": "rss_agg",
                "text": "no beat",
                "alert": {"type": "heartbeat_miss", "svc": "rss_agg", "ts": 1},
                "since": None,
                "lasted_sec": None,
            }
        ],
        "sender": "healer@host",
    }


def test_a_title_is_not_said_twice() -> None:
    """A text that begins with it, or is empty, stands as one."""
    assert body(SLACK, "t: more", "t") == {"text": "t: more"}
    assert body(SLACK, "", "t") == {"text": "t"}


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("12345678", 8, "12345678"),
        ("123456789", 8, "1234\n..."),
        ("1\n23456789", 8, "1\n..."),
        ("1234\n6789", 8, "1234\n..."),
        ("\n23456789", 8, "\n234\n..."),
    ],
)
def test_a_long_text_is_cut_at_a_line(text: str, most: int, expected: str) -> None:
    """Where there is one; the cut is seen."""
    assert payloads.cut(text, most) == expected


@given(st.text(alphabet="ab\n\N{GRINNING FACE}", max_size=40), st.integers(5, 30))
def test_a_cut_text_is_never_too_long(text: str, most: int) -> None:
    """And begins as the whole does."""
    short = payloads.cut(text, most)
    assert len(short) <= most
    assert text.startswith(short.removesuffix("\n..."))


def test_discord_takes_no_more_than_it_takes() -> None:
    """2000 characters."""
    content = body(DISCORD, "a line of some length\n" * 1000)["content"]
    assert isinstance(content, str)
    assert 1950 < len(content) <= 2000
    assert content.endswith("length\n...")
