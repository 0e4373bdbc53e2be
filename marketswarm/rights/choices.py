"""What the environment may say otherwise than the truth, of what rights are given for."""

from dataclasses import dataclass

from marketswarm import names


@dataclass(frozen=True, slots=True)
class Choices:
    """Names of keys and channels that variables set; None: as truth, or the defaults, say."""

    truth_key: str = names.TRUTH_KEY
    alert_channel: str = names.ALERT_CHANNEL
    healer_channel: str | None = None
    stream: str | None = None
    group: str = names.DEFAULT_RSS_GROUP
