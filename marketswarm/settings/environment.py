"""The settings of a process, and where they come from."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from marketswarm import names, users
from marketswarm.address import Address, TlsFiles
from marketswarm.errors import BadEnvironmentError
from marketswarm.settings.outward import Outward
from marketswarm.settings.probing import Market, Probing
from marketswarm.settings.reader import Reader
from marketswarm.settings.working import Chat, Fetching, Working


@dataclass(frozen=True, slots=True)
class Login:
    """A user of the buses."""

    user: str
    password: str = field(repr=False)

    def at(self, address: Address) -> Address:
        """The address with this login."""
        return address.logged_in(self.user, self.password)


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of this process, with every default applied. Seconds carry it in their names."""

    buses: Mapping[str, Address] = field(default_factory=dict)
    """Buses whose address the environment sets."""
    truth_bus: str | None = None
    """The bus that TRUTH_REDIS_URL names, where it names one."""
    truth_address: Address | None = None
    """The server that TRUTH_REDIS_URL gives, where it is no bus's name."""
    login: Login | None = None
    """By whom the buses are asked whose address has no login of its own; nobody in particular without one."""
    credentials: Path | None = None
    """The folder with the passwords of the users of the buses, where one is named."""
    sockets: Mapping[int, str] = field(default_factory=dict)
    """The sockets of servers on this host, by their ports on loopback."""
    tls_files: TlsFiles = field(default_factory=TlsFiles)
    """By what buses with an address of ``rediss://`` are trusted, and told who asks."""
    truth_key: str = names.TRUTH_KEY
    log_level: str = "INFO"
    default_timeout_sec: float = names.DEFAULT_TIMEOUT_SEC
    alert_channel: str = names.ALERT_CHANNEL
    healer_interval_sec: float | None = None
    healer_channel: str | None = None
    sentinel_timeout_sec: float | None = None
    outward: Outward = field(default_factory=Outward)
    """How people are told."""
    fetching: Fetching = field(default_factory=Fetching)
    working: Working = field(default_factory=Working)
    chat: Chat | None = None
    """The model that the handler `openai` asks, where one is set up."""
    probing: Probing = field(default_factory=Probing)
    market: Market = field(default_factory=Market)
    notify_socket: str | None = None
    journal_stream: str | None = None
    watchdog_usec: str | None = None
    watchdog_pid: str | None = None
    failed_result: str | None = None
    """How the unit failed for which OnFailure= started this process, in systemd's words."""
    failed_exit_status: str | None = None
    colour: bool = True
    """False where NO_COLOR is set (https://no-color.org) or the terminal is dumb."""

    def address(self, bus: str, urls: Mapping[str, str] | None = None) -> Address:
        """Where a bus is: the environment, then ``urls`` (truth's ``buses``), then the default; its socket, if any."""
        address = self.buses.get(bus) or Address.parse({**names.DEFAULT_BUS_URLS, **(urls or {})}[bus])
        return _reached(address, self.sockets, self.login, self.tls_files)


def load(environ: Mapping[str, str] | None = None, *, user: str = users.OPERATOR) -> Settings:
    """Read the settings, of this process unless others are given. ``user`` is who asks the buses.

    Raises BadEnvironmentError with a line for every variable that cannot be used.
    """
    from marketswarm.settings import reading
    from marketswarm.settings.telling import outward

    reader = Reader(own() if environ is None else environ)
    password = reader.password(user)
    login = Login(user, password) if password else None
    truth_address = reader.address(names.ENV_TRUTH_REDIS_URL)
    sockets = reader.sockets()
    tls_files = reading.tls_files(reader)
    truth_bus = truth_address.host if truth_address and truth_address.host in names.DEFAULT_BUS_URLS else None
    settings = Settings(
        buses=reader.buses(),
        login=login,
        credentials=Path(folder) if (folder := reader.text(names.ENV_REDIS_CREDENTIALS)) else None,
        truth_bus=truth_bus,
        truth_address=_reached(truth_address, sockets, login, tls_files) if truth_address and not truth_bus else None,
        sockets=sockets,
        tls_files=tls_files,
        truth_key=reader.text(names.ENV_TRUTH_REDIS_KEY) or names.TRUTH_KEY,
        log_level=reader.level(),
        default_timeout_sec=reader.seconds(names.ENV_DEFAULT_TIMEOUT_SEC) or names.DEFAULT_TIMEOUT_SEC,
        alert_channel=reader.text(names.ENV_ALERT_CHANNEL) or names.ALERT_CHANNEL,
        healer_interval_sec=reader.seconds(names.ENV_HB_INTERVAL_SEC),
        healer_channel=reader.text(names.ENV_HEALER_HEARTBEAT_CHANNEL),
        sentinel_timeout_sec=reader.seconds(names.ENV_SENTINEL_TIMEOUT_SEC),
        outward=outward(reader),
        fetching=reading.fetching(reader),
        working=reading.working(reader),
        chat=reading.chat(reader),
        probing=reading.probing(reader),
        market=reading.market(reader),
        notify_socket=reader.text("NOTIFY_SOCKET"),
        journal_stream=reader.text("JOURNAL_STREAM"),
        watchdog_usec=reader.text("WATCHDOG_USEC"),
        watchdog_pid=reader.text("WATCHDOG_PID"),
        failed_result=reader.text("MONITOR_SERVICE_RESULT"),
        failed_exit_status=reader.text("MONITOR_EXIT_STATUS"),
        colour=not reader.text("NO_COLOR") and reader.text("TERM") != "dumb",
    )
    if reader.faults:
        raise BadEnvironmentError("\n".join(reader.faults))
    return settings


def _reached(address: Address, sockets: Mapping[int, str], login: Login | None, files: TlsFiles) -> Address:
    """How this process gets to a server: by its socket where it has one, or by TLS, and with its login."""
    there = address.by_socket(sockets).secured(files)
    return login.at(there) if login else there


def journal_stream() -> str | None:
    """What systemd says of this process's stderr; for whoever has to speak before the settings are known to be good."""
    return os.environ.get("JOURNAL_STREAM")


def inherited() -> dict[str, str]:
    """Copy the environment, to hand it on to a child process."""
    return dict(os.environ)


def own() -> Mapping[str, str]:
    """Give this process's environment; where it does not say which buses are meant, those of this host's units are.

    So a command that is typed on a host finds the buses that the daemons use, wherever they are; but by their ports,
    for the sockets are for the units' group alone. Who may read the passwords of their users has a login there, and
    who may read the key of their certificate shows that to a bus.
    """
    if any(name.endswith(names.ENV_REDIS_URL) for name in os.environ):
        return os.environ
    of_units = read_env_file(Path(names.ENV_FILE))
    of_units.pop(names.ENV_REDIS_SOCKETS, None)
    usual = {names.ENV_REDIS_CREDENTIALS: users.PASSWORDS}
    if of_units.get(names.ENV_REDIS_TLS_CERT_FILE) and names.ENV_CREDENTIALS_DIRECTORY not in os.environ:
        # The units have it as a credential, from there.
        usual[names.ENV_REDIS_TLS_KEY_FILE] = f"{names.CREDENTIALS}/{names.ENV_REDIS_TLS_KEY_FILE}"
    return {**usual, **of_units, **os.environ}


def read_env_file(path: Path) -> dict[str, str]:
    """Read the simple form of systemd.exec(5)'s EnvironmentFile=: NAME=value a line, quotes around the value allowed.

    A file that is missing or may not be read has no settings.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.strip().partition("=") for line in lines if not line.lstrip().startswith(("#", ";")))
    return {name.strip(): value.strip().strip("\"'") for name, sign, value in pairs if sign}
