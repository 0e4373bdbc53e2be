"""Why a connection failed, in words."""

import errno

import pytest

from marketswarm.errors import BusUnreachableError, reason


def wrapped(cause: BaseException) -> BaseException:
    """Raise an error as a library does: over the system's own, whose words it repeats."""
    try:
        try:
            raise cause
        except OSError as error:
            raise RuntimeError(f"Error {error} connecting to 127.0.0.1:6379.") from error
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), "connection refused"),
        (TimeoutError(), "no answer in time"),
        (OSError(errno.EMFILE, "Too many open files"), "no file descriptor left"),
        (OSError(errno.ENFILE, "Too many open files in system"), "no file descriptor left"),
    ],
)
def test_the_systems_own_error_is_named(cause: OSError, words: str) -> None:
    """However a library has wrapped it."""
    assert reason(wrapped(cause)) == words


def test_what_is_not_known_keeps_its_words_on_one_line() -> None:
    """Without the full stop, since it goes into a longer line; the type's name where there are none."""
    assert reason(BusUnreachableError("max number of\nclients reached.")) == "max number of clients reached"
    assert reason(BusUnreachableError()) == "BusUnreachableError"
