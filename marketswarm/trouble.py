"""Why a connection did not come about, or did not last, in plain words. Nothing of an address is in them."""

import errno
import socket
import ssl
from typing import Final

from marketswarm import errors

BROKE_OFF: Final = "the connection broke off"
NO_HTTP: Final = "what it answers is no HTTP"
LONG_HEADERS: Final = "its headers are too long"
NO_REQUEST: Final = "no request can be made of what it is given"
NO_SUCH_HOST: Final = "no such host"
REFUSED: Final = "connection refused"
NO_WAY: Final = "it cannot be reached"
_NO_SUCH_HOST: Final = {socket.EAI_NONAME, socket.EAI_NODATA}
_NO_WAY: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ETIMEDOUT}
_CERTIFICATE: Final = {
    9: "not valid yet",
    10: "expired",
    18: "self-signed",
    19: "of a CA that is not trusted",
    20: "of a CA that is not trusted",
    21: "of a CA that is not trusted",
    23: "revoked",
    62: "for another host",
    64: "for another address",
}
"""OpenSSL's X509_V_ERR_*, in the words that help."""


def took_longer(timeout_sec: float) -> str:
    """Say that a deadline has passed."""
    return f"took longer than {timeout_sec:g} s"


def of_connection(error: OSError) -> str:
    """Say what an error of a lookup, a connection or TLS means."""
    match error:
        case ssl.SSLError():
            return _of_tls(error)
        case socket.gaierror():
            return NO_SUCH_HOST if error.errno in _NO_SUCH_HOST else "its name cannot be looked up now"
        case ConnectionRefusedError():
            return REFUSED
        case ConnectionError():
            return BROKE_OFF
    # Where several addresses fail, each in its own way, there is no number.
    if error.errno is None or error.errno in _NO_WAY:
        return NO_WAY
    return errors.reason(error)


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = _CERTIFICATE.get(error.verify_code) or error.verify_message.rstrip(".")
        return f"its certificate is not valid ({why})"
    return f"TLS failed ({(error.reason or 'unknown').lower().replace('_', ' ')})"
