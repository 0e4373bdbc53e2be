"""Why there was no usable answer, in plain words: of an address nothing is said, for it may hold a secret."""

import errno
import socket
import ssl
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from marketswarm import errors
from marketswarm.web.body import TooLargeError
from marketswarm.web.places import BAD_ADDRESS
from marketswarm.web.unpacking import BadPackingError

TROUBLE: Final = (
    aiohttp.ClientError,
    HttpProcessingError,
    OSError,
    ValueError,  # what no request can be made of
    RuntimeError,
    TooLargeError,
    BadPackingError,
)
"""Everything that may be raised on the way to an answer and through it."""
BROKE_OFF: Final = "the connection broke off"
_NO_SUCH_HOST: Final = {socket.EAI_NONAME, socket.EAI_NODATA}
_NO_WAY: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ETIMEDOUT}
_TOO_LONG: Final = ("Got more than", "Too many headers")
"""What aiohttp's parser says; the type of its error does not come through."""
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
_SAME_FOR_ALL: Final = (
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), BAD_ADDRESS),
    ((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError), BROKE_OFF),
    ((ValueError,), "no request can be made of what it is given"),
)


def took_longer(timeout_sec: float) -> str:
    """Say that a deadline has passed."""
    return f"took longer than {timeout_sec:g} s"


def reason(error: BaseException) -> str:
    """Say what an error of TROUBLE means."""
    match error:
        case TooLargeError() | BadPackingError():
            return str(error)
        case aiohttp.ClientConnectorError(__cause__=OSError() as inner):
            return _no_connection(inner)
        case aiohttp.ClientResponseError() | HttpProcessingError():
            too_long = error.message.startswith(_TOO_LONG)
            return "its headers are too long" if too_long else "what it answers is no HTTP"
    for kinds, words in _SAME_FOR_ALL:
        if isinstance(error, kinds):
            return words
    return _no_connection(error) if isinstance(error, OSError) else errors.reason(error)


def _no_connection(error: OSError) -> str:
    match error:
        case ssl.SSLError():
            return _no_tls(error)
        case socket.gaierror():
            return "no such host" if error.errno in _NO_SUCH_HOST else "its name cannot be looked up now"
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionError():
            return BROKE_OFF
    # Where several addresses fail, each in its own way, there is no number.
    if error.errno is None or error.errno in _NO_WAY:
        return "it cannot be reached"
    return errors.reason(error)


def _no_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = _CERTIFICATE.get(error.verify_code) or error.verify_message.rstrip(".")
        return f"its certificate is not valid ({why})"
    return f"TLS failed ({(error.reason or 'unknown').lower().replace('_', ' ')})"
