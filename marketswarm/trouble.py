"""Why a connection did not come about, or did not last, in plain words. Nothing of an address is in them."""

import errno
import socket
import ssl
from typing import Final

from marketswarm import errors, names, unitnames
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
BAD_CERTIFICATE: Final = "its certificate is not valid"
_NO_TLS: Final = "TLS failed"
_WANTS_OURS: Final = "it wants a certificate of its client"
_WANTS_PERHAPS: Final = "it ends the handshake, as one does that wants a certificate of its client"
_REFUSES_OURS: Final = "it does not take the certificate of its client"
_TLS: Final = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WANTS_OURS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _WANTS_PERHAPS,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": f"{_REFUSES_OURS} (expired)",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": f"{_REFUSES_OURS} (revoked)",
    "TLSV1_ALERT_UNKNOWN_CA": f"{_REFUSES_OURS} (of a CA that it does not trust)",
    "SSLV3_ALERT_BAD_CERTIFICATE": _REFUSES_OURS,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _REFUSES_OURS,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _REFUSES_OURS,
}
"""What OpenSSL calls the alerts of a server that speak of the client's certificate; the first and second are one thing,
in TLS 1.3 and before."""


_CA_HINT: Final = f"the CA that has signed it belongs into {names.ENV_REDIS_TLS_CA_FILE}"
_HOST_HINT: Final = "the host in the address of the bus has to be one that the certificate names"
_PAIR: Final = f"{names.ENV_REDIS_TLS_CERT_FILE} and {names.ENV_REDIS_TLS_KEY_FILE}"
_OF_TLS: Final = {
    f"{BAD_CERTIFICATE} (not valid yet)": "is the clock of this host right?",
    f"{BAD_CERTIFICATE} (expired)": "renew it, and have its redis-server read the new one",
    f"{BAD_CERTIFICATE} (self-signed)": _CA_HINT,
    f"{BAD_CERTIFICATE} (of a CA that is not trusted)": _CA_HINT,
    f"{BAD_CERTIFICATE} (for another host)": _HOST_HINT,
    f"{BAD_CERTIFICATE} (for another address)": _HOST_HINT,
    _WANTS_OURS: f"set {_PAIR}",
    _WANTS_PERHAPS: f"set {_PAIR}",
    f"{_REFUSES_OURS} (expired)": f"renew {_PAIR}",
}
_OF_A_BUS: Final = {
    errors.NO_DESCRIPTOR: "raise LimitNOFILE= of this service, or find what it leaves open",
    "max number of clients reached": "see by `redis-cli CLIENT LIST` who has its connections",
    errors.NOT_PERMITTED: f"only members of the group {unitnames.GROUP} may open it",
}


def hint(bus: Address, why: str) -> str:
    """What to look at first when a bus does not answer for that reason."""
    if not bus.path and cut_off():
        return NO_NETWORK
    if of_tls(why):
        unknown = f"see {_PAIR}" if why.startswith(_REFUSES_OURS) else "see the log of its redis-server"
        return _OF_TLS.get(why, unknown)
    if bus.tls:
        return _OF_A_BUS.get(why, "is its redis-server running, and does it speak TLS at that port?")
    if why == errors.RESET and not bus.local:
        return "is its redis-server running, and not for rediss:// alone?"
    return _OF_A_BUS.get(why, "is its redis-server running?")


def of_bus(error: BaseException) -> str:
    """Say in a few words why a bus does not answer. Libraries wrap what the system, or TLS, says."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return errors.RESET if isinstance(cause, ssl.SSLEOFError) else _of_tls(cause)
        cause = cause.__cause__ or cause.__context__
    return errors.reason(error)


def of_tls(why: str) -> bool:
    """Whether such a reason is one of TLS, which waiting alone does not mend."""
    return why.startswith((BAD_CERTIFICATE, _NO_TLS)) or why in _TLS.values()


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
        return f"{BAD_CERTIFICATE} ({why})"
    reason = error.reason or "unknown"
    return _TLS.get(reason, f"{_NO_TLS} ({reason.lower().replace('_', ' ')})")
