"""How connections to a bus over TLS are secured: whom they trust, and by which certificate they say who they are.

The files are read when the settings are, so that what cannot be used is told at the start, and looked at again by each
new connection: certificates live for weeks and services for months. A file that has changed is read anew. Where that
does not go well, as between the writing of a certificate and that of its key, what was read before stays in use: a bus
is not given up for a renewal that is under way.
"""

import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from marketswarm import names
from marketswarm.address import TlsFiles
from marketswarm.text import printable

_OF_ANOTHER: Final = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}
"""What OpenSSL calls it when a key does not belong to a certificate: the last of them where their kinds differ."""
_log = logging.getLogger(__name__)

Stamp = tuple[object, ...]
"""What tells one state of the files from another."""


class UnusableFilesError(OSError):
    """Files that cannot be used: ``faults`` names the variable of each, and what is the matter."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{variable}: {what}" for variable, what in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class _Known:
    stamp: Stamp
    context: ssl.SSLContext


_known: dict[TlsFiles, _Known] = {}
"""One context for all connections by the same files: the system's CAs alone are a MiB, and 20 ms to be read."""


def read(files: TlsFiles) -> None:
    """Read files for the connections to come. Raises UnusableFilesError."""
    stamp = _stamp(files)  # before they are read: what changes meanwhile is seen by the next look
    _known[files] = _Known(stamp, _made(files))


def context(files: TlsFiles) -> ssl.SSLContext:
    """Give the context of a new connection.

    Raises UnusableFilesError where files cannot be used that never could. Of those that could, that is logged, and the
    context stays as it was.
    """
    before = _known.get(files)
    if before is None:
        read(files)
    elif before.stamp != (stamp := _stamp(files)):
        try:
            read(files)
        except UnusableFilesError as error:
            _log.warning("%s; new connections go on by what was read before", error)
            _known[files] = _Known(stamp, before.context)  # told once; the next change is looked at anew
        else:
            _log.info("the files for TLS have changed: new connections go by what they hold now")
    return _known[files].context


def _made(files: TlsFiles) -> ssl.SSLContext:
    """Make a context: the host's name is verified, and TLS is 1.2 at least.

    Not by ssl.create_default_context(), whose checks of a CA's form depend on the version of Python: a CA of one's own
    that does under Debian 12 would not under Debian 13.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # Whoever names an intermediate CA, and not the root above it, means to trust that one.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    faults = [*_trust(made, files.ca), *_identify(made, files.cert, files.key)]
    if faults:
        raise UnusableFilesError(faults)
    return made


def _trust(made: ssl.SSLContext, ca: str | None) -> list[tuple[str, str]]:
    """Trust the CAs of a file, or those of the system."""
    variable = names.ENV_REDIS_TLS_CA_FILE
    if ca is None:
        made.load_default_certs()
        return []
    if fault := _unreadable(ca):
        return [(variable, fault)]
    try:
        made.load_verify_locations(cafile=ca)
    except ssl.SSLError:
        return [(variable, f"{printable(ca)}: must hold certificates in PEM")]
    return []


def _identify(made: ssl.SSLContext, cert: str | None, key: str | None) -> list[tuple[str, str]]:
    """Have a certificate to show to servers that ask for one."""
    if cert is None or key is None:
        return []
    files = {names.ENV_REDIS_TLS_CERT_FILE: cert, names.ENV_REDIS_TLS_KEY_FILE: key}
    unreadable = [(variable, fault) for variable, path in files.items() if (fault := _unreadable(path))]
    if unreadable:
        return unreadable
    try:
        made.load_cert_chain(cert, key, password=_nobody_types_it)
    except _EncryptedError:
        remedy = f"openssl pkey -in {printable(key)} -out FILE writes it without one"
        return [(names.ENV_REDIS_TLS_KEY_FILE, f"{printable(key)}: is encrypted by a password; {remedy}")]
    except ssl.SSLError as error:
        return [_what_is_wrong(cert, key, error)]
    return []


def _what_is_wrong(cert: str, key: str, error: ssl.SSLError) -> tuple[str, str]:
    """Say which of the two files is at fault: OpenSSL does not."""
    if error.reason in _OF_ANOTHER:
        return names.ENV_REDIS_TLS_KEY_FILE, f"{printable(key)}: does not belong to the certificate {printable(cert)}"
    if not _holds_certificate(cert):
        return names.ENV_REDIS_TLS_CERT_FILE, f"{printable(cert)}: must hold a certificate in PEM"
    if error.reason:  # a certificate that is no good, as one whose key is too short
        what = error.reason.lower().replace("_", " ")
        return names.ENV_REDIS_TLS_CERT_FILE, f"{printable(cert)}: cannot be used ({what})"
    return names.ENV_REDIS_TLS_KEY_FILE, f"{printable(key)}: must hold a private key in PEM"


def _holds_certificate(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except (ssl.SSLError, OSError):
        return False
    return True


def _unreadable(path: str) -> str:
    """Say why a file cannot be read; OpenSSL does not say which one it is."""
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        denied = "; root may read it, and a unit by LoadCredential=" if isinstance(error, PermissionError) else ""
        return f"{printable(path)}: {(error.strerror or str(error)).lower()}{denied}"
    return ""


class _EncryptedError(Exception):
    """A key that wants a password."""


def _nobody_types_it() -> NoReturn:
    """Give no password: without this OpenSSL would ask for one on the terminal, and wait."""
    raise _EncryptedError


def _stamp(files: TlsFiles) -> Stamp:
    """Tell the state of the files: each new version of one is another file, or was written at another time."""
    paths = ssl.get_default_verify_paths()
    return tuple(_state(path) for path in (files.ca or paths.cafile, files.cert, files.key) if path)


def _state(path: str) -> Stamp:
    try:
        found = Path(path).stat()
    except OSError as error:
        return path, error.errno
    return path, found.st_ino, found.st_mtime_ns, found.st_size
