"""Certificates of the tests' own, in files, and a redis-server that speaks TLS by them."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from testkit import TESTER, RealServer, Users, free_port

from marketswarm.address import Address, TlsFiles

HOST = "127.0.0.1"
_LIFE = timedelta(days=30)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, in files of their own."""

    cert: Path
    key: Path

    def become(self, other: "Pair") -> None:
        """Be renewed: hold what another holds, each file in one step."""
        for mine, new in ((self.key, other.key), (self.cert, other.cert)):
            copy = mine.with_suffix(".new")
            copy.write_bytes(new.read_bytes())
            copy.replace(mine)


class Authority:
    """A CA, whose certificate is in the file ``path``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._authority = trustme.CA()
        self.path = self._place("ca")
        self._authority.cert_pem.write_to_path(str(self.path))

    def issue(self, name: str = HOST, *, expired: bool = False) -> Pair:
        """Certify a name or an address; from a month ago until a month from now, or until yesterday."""
        now = datetime.now(UTC)
        until = now - timedelta(days=1) if expired else now + _LIFE
        issued = self._authority.issue_cert(name, not_before=now - _LIFE, not_after=until)
        pair = Pair(self._place("cert"), self._place("key"))
        pair.cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        pair.key.write_bytes(issued.private_key_pem.bytes())
        return pair

    def _place(self, what: str) -> Path:
        return self._directory / f"{what}-{time.monotonic_ns()}.pem"


def environ(authority: Authority | None, pair: Pair | None) -> dict[str, str]:
    """The variables of who trusts a CA, and shows a certificate; empty ones for who does not."""
    return {
        "REDIS_TLS_CA_FILE": str(authority.path) if authority else "",
        "REDIS_TLS_CERT_FILE": str(pair.cert) if pair else "",
        "REDIS_TLS_KEY_FILE": str(pair.key) if pair else "",
    }


def files(authority: Authority, pair: Pair) -> TlsFiles:
    """The same for an address."""
    return TlsFiles(str(authority.path), str(pair.cert), str(pair.key))


class TlsServer(RealServer):
    """A redis-server that takes clients over TLS which have a certificate; tests look at it by a port without."""

    def __init__(self, directory: Path, authority: Authority, pair: Pair, users: Users, bus: str, **more: Any) -> None:
        self.secure_port = free_port()
        options = {
            "tls-port": self.secure_port,
            "tls-ca-cert-file": authority.path,
            "tls-cert-file": pair.cert,
            "tls-key-file": pair.key,
            "tls-auth-clients": "yes",
        }
        words = [word for name, value in (options | more).items() for word in (f"--{name}", str(value))]
        super().__init__(free_port(), directory, *words, users=users, bus=bus)
        self.url = f"rediss://{HOST}:{self.secure_port}"

    @property
    def address(self) -> Address:
        """The port without, with the login of who may do anything."""
        return Address(HOST, self.port).logged_in(TESTER, TESTER)

    def show(self, pair: Pair) -> None:
        """Go over to another certificate, without a new start."""
        self.client.config_set("tls-cert-file", str(pair.cert), "tls-key-file", str(pair.key))
