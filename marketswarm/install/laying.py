"""Laying the host files down. Each step may be cut off and done again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from marketswarm import nameservers
from marketswarm.files import write
from marketswarm.install.manifest import Manifest, digest
from marketswarm.install.plan import RESOLVERS, SECRETS, UNITS, Generated, HostFile, files, links

NEW = ".new"
Say = Callable[[str], None]


@dataclass(slots=True)
class Laid:
    """What has changed on the host, as paths below its root."""

    changed: set[PurePosixPath] = field(default_factory=set)


def lay_down(root: Path, generated: Generated, say: Say) -> Laid:
    """Bring every host file below ``root`` to this version, and take away what only an older one had.

    A config file that the operator has edited stays; where this version ships another than the last, the new one is
    put beside it with the suffix ``.new``, and ``say`` hears of it.
    """
    manifest = Manifest.read(root)
    open_to = [address for address in nameservers.of_host(root) if nameservers.closed(address)]
    wanted = files(generated, open_to)
    laid = Laid()
    (root / SECRETS).mkdir(parents=True, exist_ok=True, mode=0o700)
    ours = {str(file.path) for file in wanted if not file.config} | {str(path) for path in links()}
    stale = manifest.files - ours
    # Known before it is there: what is cut off half way can still be taken away.
    manifest.files |= ours
    manifest.write(root)
    for file in wanted:
        if _lay_config(root, file, manifest, say) if file.config else _lay(root, file):
            laid.changed.add(file.path)
    for path, target in links().items():
        _link(root / path, target)
    for name in stale:
        (root / name).unlink(missing_ok=True)
        prune((root / name).parent, root / UNITS)
    manifest.files = ours
    manifest.write(root)
    if RESOLVERS in laid.changed:
        which = ", ".join(map(str, open_to))
        say(f"opened to services with egress, as name servers of /etc/resolv.conf: {which} (/{RESOLVERS})")
    return laid


def prune(folder: Path, stop: Path) -> None:
    """Remove folders that are empty now, up to one that was not ours."""
    while folder != stop and stop in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _lay(root: Path, file: HostFile) -> bool:
    path = root / file.path
    if path.is_file() and path.read_bytes() == file.content:
        return False
    write(path, file.content, file.mode)
    return True


def _lay_config(root: Path, file: HostFile, manifest: Manifest, say: Say) -> bool:
    """Lay a config file down unless it was edited; returns whether it is another now."""
    path = root / file.path
    beside = path.with_name(path.name + NEW)
    shipped, last = digest(file.content), manifest.config.get(str(file.path))
    present = digest(path.read_bytes()) if path.exists() else None
    manifest.config[str(file.path)] = shipped
    if present == shipped:
        beside.unlink(missing_ok=True)
        return shipped != last  # a run that was cut off has laid it, and nobody has acted on it yet
    if present in (None, last):
        write(path, file.content, file.mode)
        return True
    if shipped != last:
        write(beside, file.content, file.mode)
        say(f"{path} was edited and stays; this version's is beside it: {beside.name}")
    return False


def _link(path: Path, target: PurePosixPath) -> None:
    if path.is_symlink() and path.readlink() == Path(target):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.link")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(path)
