"""Where people are reached: a webhook, mailboxes, or whatever Apprise knows. Pure data, and full of secrets."""

from typing import Final, Literal

import msgspec

WEBHOOK: Final = "webhook"
MAIL: Final = "email"


class _Channel(msgspec.Struct, frozen=True):
    """A way to people; ``name`` is what logs, truth and commands call it."""

    name: str

    def __repr__(self) -> str:
        """Show its name alone: every address may hold a secret."""
        return f"<{type(self).__name__} {self.name}>"


class Webhook(_Channel, frozen=True, tag="webhook"):
    """An address that takes a POST. Slack's and Discord's are known by their hosts, any other gets our own JSON."""

    url: str
    timeout_sec: float


class Mail(_Channel, frozen=True, tag="mail"):
    """Mailboxes, by way of one SMTP server. ``user`` is empty where it wants no login."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str
    password: str
    sender: str
    recipients: tuple[str, ...]
    timeout_sec: float = 30.0


class Apprise(_Channel, frozen=True, tag="apprise"):
    """Anything that Apprise has a URL for (https://appriseit.com/services/)."""

    url: str
    timeout_sec: float = 30.0


class Ping(_Channel, frozen=True, tag="ping"):
    """An address that is only called, as a sign of life (DEADMAN_URL)."""

    url: str
    timeout_sec: float = 10.0


Channel = Webhook | Mail | Apprise | Ping
