"""What the parent hands to the child, on its stdin and never on its command line: it is full of secrets."""

from typing import Final

import msgspec

from marketswarm.notices.channels import Channel
from marketswarm.notices.message import Message, Outcome


class Job(msgspec.Struct, frozen=True):
    """One message for one channel. ``agent`` is how we present ourselves to web servers."""

    channel: Channel
    message: Message
    agent: str


MAX_OUTCOME_BYTES: Final = 64 * 1024
encode: Final = msgspec.json.Encoder().encode
decode_job: Final = msgspec.json.Decoder(Job).decode
decode_outcome: Final = msgspec.json.Decoder(Outcome).decode
