"""Why a connection failed, in words without secrets: of a peer only its host is named."""

import http.client
import socket
import ssl

from marketswarm import errors
from marketswarm.notices.message import Outcome, Result


def no_connection(host: str, error: BaseException, hint: str) -> Outcome:
    """Say why there was no answer of ``host``. It may go well later; ``hint`` is what to look at if TLS failed."""
    return Outcome(Result.TRANSIENT, f"{host}: {_why(error, hint)}")


def _why(error: BaseException, hint: str) -> str:
    inner = getattr(error, "reason", None)
    if isinstance(inner, OSError) and not isinstance(error, ssl.SSLError):  # as urllib wraps it
        error = inner
    match error:
        case ssl.SSLError():
            return _why_no_tls(error, hint)
        case socket.gaierror():
            return f"its name cannot be looked up: {error.strerror}"
        case ConnectionError() | TimeoutError():
            return errors.reason(error)
        case OSError():
            return error.strerror or "connection failed"
        case http.client.HTTPException():
            return "what it answers is no HTTP"
    return type(error).__name__


def _why_no_tls(error: ssl.SSLError, hint: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        untrusted = error.verify_message.rstrip(".")
        return f"its certificate is not trusted: {untrusted}; where the CA is your own, set SSL_CERT_FILE"
    return f"TLS failed: {(error.reason or 'unknown').lower().replace('_', ' ')}; {hint}"
