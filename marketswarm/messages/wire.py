"""The JSON that all messages are written in."""

from typing import Final

import msgspec

encode: Final = msgspec.json.Encoder().encode
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for bytes that it cannot read."""
