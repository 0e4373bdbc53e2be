"""The address of a Redis server, read from a URL and never shown with its password."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

DEFAULT_PORT = 6379
CONNECT_SEC = 0.5
"""Less than TCP waits before it repeats a lost SYN (RFC 6298: a second): a new attempt is the quicker one."""
TLS_CONNECT_SEC = 1.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files, by their paths, by which TLS knows whom to trust and says who one is: all of them in PEM."""

    ca: str | None = None
    """The CAs that are trusted; those of the system without it."""
    cert: str | None = None
    """The certificate that is shown to a server, with what leads from it to its CA; none without it."""
    key: str | None = None
    """The private key of that certificate."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Redis server listens.

    ``host`` and ``port`` for ``redis://`` and ``rediss://`` (TLS), ``path`` for ``unix://``. ``str()`` leaves the
    credentials out, so an address may go to a log.
    """

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    db: int = 0
    tls: bool = False
    tls_files: TlsFiles = TlsFiles()

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read a URL of the forms that redis-cli's ``-u`` takes, and ``unix:///path``.

        Raises ValueError with a phrase that fits behind "SETTING: ".
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            # Its own words may repeat a part of the password.
            raise ValueError("must be a URL as in redis://127.0.0.1:6379") from None
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise ValueError("must be a URL that starts with redis://, rediss:// or unix://")
        try:
            port = parts.port
        except ValueError:
            raise ValueError("has a port that is not a number from 1 to 65535") from None
        if port == 0:
            raise ValueError("has a port that is not a number from 1 to 65535")
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        if parts.scheme == "unix":
            if parts.netloc.rpartition("@")[2] or not parts.path:
                raise ValueError("must name a socket, as in unix:///run/redis.sock")
            return cls(path=unquote(parts.path), username=username, password=password)
        if not parts.hostname:
            raise ValueError("must name a host, as in redis://127.0.0.1:6379")
        db = parts.path.strip("/")
        if (db and not db.isdecimal()) or parts.query or parts.fragment:
            raise ValueError("must end with a database number or nothing, as in redis://127.0.0.1:6379/0")
        return cls(
            host=parts.hostname,
            port=port or DEFAULT_PORT,
            db=int(db or 0),
            username=username,
            password=password,
            tls=parts.scheme == "rediss",
        )

    @property
    def local(self) -> bool:
        """Whether it leads to this machine, as far as names tell."""
        return bool(self.path) or self.host in _LOOPBACK

    @property
    def connect_sec(self) -> float:
        """How long a connection may take to come up; after that another attempt is the better bet."""
        return TLS_CONNECT_SEC if self.tls else CONNECT_SEC

    def logged_in(self, username: str, password: str) -> "Address":
        """The same place, with this login; one that has a login already keeps it."""
        return replace(self, username=username, password=password) if self.password is None else self

    def secured(self, files: TlsFiles) -> "Address":
        """The same place, by these files where TLS leads there."""
        return replace(self, tls_files=files) if self.tls else self

    def by_socket(self, sockets: Mapping[int, str]) -> "Address":
        """The same server by the socket that its port on loopback has, where there is one; TLS is by its port only."""
        path = sockets.get(self.port) if self.host in _LOOPBACK and not self.tls else None
        return replace(self, host="", port=DEFAULT_PORT, path=path) if path else self

    def same_server(self, other: "Address") -> bool:
        """Whether both lead to one server, as far as names tell: every spelling of loopback is one host."""
        if self.path or other.path:
            return self.path == other.path
        hosts = {self.host, other.host}
        return self.port == other.port and (len(hosts) == 1 or hosts <= _LOOPBACK)

    def for_redis_cli(self) -> list[str]:
        """The options by which redis-cli gets there; without the login."""
        if self.path:
            return ["-s", self.path]
        host = [] if self.host == "127.0.0.1" else ["-h", self.host]
        files = {"--cacert": self.tls_files.ca, "--cert": self.tls_files.cert, "--key": self.tls_files.key}
        given = [word for option, path in files.items() if path for word in (option, path)]
        return [*host, "-p", str(self.port), *(["--tls", *given] if self.tls else [])]

    def __str__(self) -> str:
        if self.path:
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
