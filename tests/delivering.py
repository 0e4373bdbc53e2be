"""What the tests of the notifier share: a message, and one delivery of it by a real child."""

import asyncio
import os
from collections.abc import Mapping

import msgspec

from marketswarm.notices.channels import Channel
from marketswarm.notices.message import Message, Outcome, Told
from marketswarm.notifier import deliver

SECRET = "hunter2"
ALERT = msgspec.Raw(b'{"type":"heartbeat_miss","svc":"rss_agg","ts":1}')
TOLD = Told(key="rss_agg/1", kind="alert", type="heartbeat_miss", subject="rss_agg", text="no beat", alert=ALERT)
MESSAGE = Message(
    key="rss_agg/1:alert",
    title="rss_agg is down",
    text="rss_agg is down\nno beat for 30 s",
    told=(TOLD,),
    sender="healer@host",
)


def carry(channel: Channel, message: Message = MESSAGE, environ: Mapping[str, str] | None = None) -> Outcome:
    """Deliver one message, with the environment of this process unless another is given."""
    return asyncio.run(deliver(channel, message, os.environ if environ is None else environ))
