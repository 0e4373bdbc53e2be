"""Why a connection did not come about, or did not last, in plain words. Nothing of an address is in them."""

import errno
import socket
import ssl
from typing import Final

from marketswarm import errors, unitnames
from marketswarm.address import Address

BROKE_OFF: Final = "the connection broke off"
NO_HTTP: Final = "what it answers is no HTTP"
LONG_HEADERS: Final = "its headers are too long"
NO_REQUEST: Final = "no request can be made of what it is given"
NO_SUCH_HOST: Final = "no such host"
REFUSED: Final = "connection refused"
NO_WAY: Final = "it cannot be reached"
NO_NETWORK: Final = 'the unit of this service is cut off from the network (docs/operate.md, "Networks")'
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


_OF_A_BUS: Final = {
    errors.NO_DESCRIPTOR: "raise LimitNOFILE= of this service, or find what it leaves open",
    "max number of clients reached": "see by `redis-cli CLIENT LIST` who has its connections",
    errors.NOT_PERMITTED: f"only members of the group {unitnames.GROUP} may open it",
}


def hint(bus: Address, why: str) -> str:
    """What to look at first when a bus does not answer for that reason."""
    if not bus.path and cut_off():
        return NO_NETWORK
    return _OF_A_BUS.get(why, "is its redis-server running?")


def cut_off() -> bool:
    """Whether this process may make no socket of the internet's kind, as in a unit without egress.

    There a name is "not known" and an address "not supported", and neither says what is the matter.
    """
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError as error:
        return error.errno == errno.EAFNOSUPPORT
    return False


def took_longer(timeout_sec: float) -> str:
    """Say that a deadline has passed."""
    return f"took longer than {timeout_sec:g} s"


def of_connection(error: OSError) -> str:
    """Say what an error of a lookup, a connection or TLS means."""
    if isinstance(error, ssl.SSLError):
        return _of_tls(error)
    return NO_NETWORK if cut_off() else _of_network(error)


def _of_network(error: OSError) -> str:
    match error:
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
