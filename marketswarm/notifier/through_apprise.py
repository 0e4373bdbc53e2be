"""What Apprise knows how to reach: some hundred services, by a URL each."""

import contextlib
import io
import logging
import re
import sys
from typing import Final

from marketswarm.notices.channels import Apprise
from marketswarm.notices.message import Message, Outcome, Result

_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
NOT_INSTALLED: Final = f"Apprise is not installed; {sys.prefix}/bin/pip install apprise"
UNKNOWN: Final = "Apprise can make nothing of this URL; see https://appriseit.com/services/"


def send(channel: Apprise, message: Message) -> Outcome:
    """Hand a message to Apprise, which says only whether it went out. Its log may show secrets, so it is not shown."""
    try:
        import apprise
    except ImportError:
        return Outcome(Result.PERMANENT, NOT_INSTALLED)
    log = io.StringIO()
    logger = logging.getLogger("apprise")
    logger.addHandler(logging.StreamHandler(log))
    logger.propagate = False
    target = None
    asset = apprise.AppriseAsset(app_id="MarketSwarm", app_url="", async_mode=False)
    with contextlib.suppress(TypeError, ValueError, AttributeError):
        target = apprise.Apprise.instantiate(channel.url, asset=asset)
    if target is None:
        return Outcome(Result.PERMANENT, UNKNOWN)
    carrier = apprise.Apprise(asset=asset)
    carrier.add(target)
    if carrier.notify(title=message.title, body=message.text, body_format=apprise.NotifyFormat.TEXT):
        return Outcome(Result.DELIVERED, "Apprise says it went out")
    # Three digits are no secret, and the only thing that says why.
    statuses = _STATUS.findall(log.getvalue())
    return Outcome(Result.TRANSIENT, f"Apprise could not send it{f' (HTTP {statuses[-1]})' if statuses else ''}")
