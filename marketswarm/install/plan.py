"""Which file goes where on a host. Paths are relative to the host's root."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from marketswarm import hostfiles, names, nameservers, unitnames

VENV: Final = PurePosixPath("opt/marketswarm")
CONFIG: Final = PurePosixPath(names.TRUTH_FILE).parent.relative_to("/")
STATE: Final = PurePosixPath("var/lib/marketswarm")
PRIVATE_STATE: Final = PurePosixPath("var/lib/private/marketswarm")
"""Where systemd keeps the state of units with DynamicUser=; the other path leads there."""
MANIFEST: Final = STATE / "installed.json"
UNITS: Final = PurePosixPath("usr/local/lib/systemd/system")
CATALOG: Final = PurePosixPath("usr/local/lib/systemd/catalog")
SYSUSERS: Final = PurePosixPath("usr/local/lib/sysusers.d")
TMPFILES: Final = PurePosixPath("usr/local/lib/tmpfiles.d")
RESOLVERS: Final = UNITS / f"{unitnames.SERVICES_SLICE}.d/resolvers.conf"
"""Made on the host, where its name servers lie in ranges that are closed to services with egress."""
SHARE: Final = PurePosixPath("usr/local/share")
BIN: Final = PurePosixPath("usr/local/bin")
COMMANDS: Final = ("marketswarm", "marketswarm-seed")
OPERATORS_UNITS: Final = PurePosixPath("etc/systemd/system")
SECRETS: Final = CONFIG / "credentials"

_RESOLVERS: Final = """\
# Made by `marketswarm install` of /etc/resolv.conf, and anew each time: the name servers of this host that lie in
# ranges which egress.conf closes. Without them, services that talk to the internet could look up no name. Whatever else
# listens at these addresses is open to them as well. Set for the slice of all services: those without egress have no
# network, and gain nothing by it.
[Slice]
IPAddressAllow={}
"""

Generated = Mapping[str, bytes]
"""Files that are made and not shipped (man pages, completions), by their path below a share directory."""


@dataclass(frozen=True, slots=True)
class HostFile:
    """A file as it should be on the host. ``config`` belongs to the operator once it is there."""

    path: PurePosixPath
    content: bytes
    config: bool = False

    @property
    def mode(self) -> int:
        """Its permissions: secrets are root's alone."""
        return 0o600 if SECRETS in self.path.parents else 0o644


def files(generated: Generated, open_to: Iterable[nameservers.Address] = ()) -> list[HostFile]:
    """Every file of this version; ``open_to`` are the name servers that services would not reach without a word."""
    made = [HostFile(SHARE / path, content) for path, content in generated.items()]
    addresses = " ".join(map(str, open_to))
    if addresses:
        made.append(HostFile(RESOLVERS, _RESOLVERS.format(addresses).encode()))
    return [*_units(), *_config(), *made]


def links() -> dict[PurePosixPath, PurePosixPath]:
    """Every symbolic link of this version: the commands, on everybody's PATH."""
    return {BIN / name: "/" / VENV / "bin" / name for name in COMMANDS}


def _units() -> Iterator[HostFile]:
    for relative, path in _shipped("systemd"):
        folder = UNITS
        if path.suffix == ".catalog":
            folder = CATALOG
        elif relative.parts[0] in (SYSUSERS.name, TMPFILES.name):
            folder = SYSUSERS.parent
        yield HostFile(folder / relative, path.read_bytes())


def _config() -> Iterator[HostFile]:
    for relative, path in _shipped("etc"):
        yield HostFile(CONFIG / relative, path.read_bytes(), config=True)


def _shipped(folder: str) -> Iterator[tuple[PurePosixPath, Path]]:
    top = hostfiles.find(folder)
    for path in sorted(top.rglob("*")):
        if path.is_file():
            yield PurePosixPath(path.relative_to(top)), path
