"""What can go wrong, as types. Each error is one line (what, which, what next) and carries its sysexits code.

The codes are those of BSD's sysexits(3), which ``systemctl status`` prints by name.
"""

import errno
from collections.abc import Sequence

NOT_PERMITTED = "permission denied"
RESET = "connection reset"
_REASONS = {
    ConnectionRefusedError: "connection refused",
    ConnectionResetError: RESET,
    TimeoutError: "no answer in time",
    FileNotFoundError: "no such socket",
    PermissionError: NOT_PERMITTED,
}
NO_DESCRIPTOR = "no file descriptor left"


def reason(error: BaseException) -> str:
    """Say in a few words why a connection failed: libraries wrap the system's error, and repeat the address."""
    cause: BaseException | None = error
    while cause is not None:
        for kind, words in _REASONS.items():
            if isinstance(cause, kind):
                return words
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return NO_DESCRIPTOR
        cause = cause.__cause__ or cause.__context__
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


class MarketSwarmError(Exception):
    """An error that a person can act on; printed without a traceback."""

    exit_code = 1


class BadTruthError(MarketSwarmError):
    """A truth document that cannot be used: one line a fault, all faults at once."""

    exit_code = 65  # EX_DATAERR

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class NoTruthFileError(MarketSwarmError):
    """The file that should hold the truth is not there or cannot be read."""

    exit_code = 66  # EX_NOINPUT


class BusUnreachableError(MarketSwarmError):
    """A bus that does not answer. Transient: it is worth trying again."""

    exit_code = 69  # EX_UNAVAILABLE


class BusRefusedError(MarketSwarmError):
    """A bus that answers no (password, permission, full disk, memory limit). Trying again at once does not help."""

    exit_code = 77  # EX_NOPERM


class NoGroupError(BusRefusedError):
    """A consumer group that a bus no longer has: it came back without its data."""


class FencedError(MarketSwarmError):
    """A bus that takes no writes of this process any more: another one owns the service.

    It is no BusRefusedError, which callers try again: this one has to end the work.
    """

    exit_code = 77  # EX_NOPERM


class NotRedisError(BusRefusedError):
    """What listens at a bus's address does not speak as Redis does."""


class BadEnvironmentError(MarketSwarmError):
    """A variable or a setting of this process that cannot be used."""

    exit_code = 78  # EX_CONFIG


class NobodyTellsError(MarketSwarmError):
    """There is neither a healer nor a sentinel that could tell people."""

    exit_code = 69  # EX_UNAVAILABLE


class NotAllowedError(MarketSwarmError):
    """Something that this user may not do."""

    exit_code = 77  # EX_NOPERM


class StalledError(MarketSwarmError):
    """A service whose work ended, though nobody asked it to stop."""

    exit_code = 70  # EX_SOFTWARE


class ServiceManagerError(MarketSwarmError):
    """systemd does not say how its units are."""

    exit_code = 69  # EX_UNAVAILABLE


class ProbesFailedError(MarketSwarmError):
    """A target that has to be reached at the start, and is not."""

    exit_code = 69  # EX_UNAVAILABLE
