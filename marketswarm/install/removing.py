"""Taking a host's files away. The command itself goes last, so that what was cut off can be done again."""

import contextlib
import shutil
from pathlib import Path, PurePosixPath

from marketswarm import unitnames
from marketswarm.errors import MarketSwarmError
from marketswarm.install import systemd
from marketswarm.install.laying import Say, prune
from marketswarm.install.manifest import Manifest
from marketswarm.install.plan import (
    BIN,
    COMMANDS,
    CONFIG,
    MANIFEST,
    OPERATORS_UNITS,
    PRIVATE_STATE,
    RESOLVERS,
    STATE,
    UNITS,
    VENV,
    files,
)

_BY_HAND = f"rm -r /{CONFIG} /{STATE} /{PRIVATE_STATE}"
BROUGHT_REDIS = STATE / "brought-redis-server"
"""Left by packaging/install.sh where it was that which installed Debian's redis-server, and masked its unit."""


def take_away(root: Path, say: Say, *, purge: bool, live: bool) -> None:
    """Remove what was laid down; ``purge`` removes config and data too, ``live`` stops what runs first."""
    manifest = Manifest.read(root)
    if live:
        _stop(say)
    _disable(root)
    # Where the manifest is lost, they are those of this version.
    of_this_version = {str(RESOLVERS), *(str(file.path) for file in files({}) if not file.config)}
    for name in sorted(manifest.files if (root / MANIFEST).exists() else of_this_version):
        if PurePosixPath(name).parent != BIN:
            (root / name).unlink(missing_ok=True)
            prune((root / name).parent, root / UNITS)
    if live:
        systemd.systemctl("daemon-reload")
        with contextlib.suppress(MarketSwarmError):  # where none has failed
            systemd.systemctl("reset-failed", *systemd.ALL)
        systemd.update_catalog()
        _give_redis_back(root, say)
    if purge:
        for folder in (CONFIG, STATE, PRIVATE_STATE):
            shutil.rmtree(root / folder, ignore_errors=True)
        for path in (root / OPERATORS_UNITS).glob("marketswarm*"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        systemd.drop_user(root, say)
        say("config and data are gone")
    else:
        manifest.files = set()
        manifest.write(root)
        say(f"config stays in /{CONFIG} and data in /{STATE}; to remove them too: {_BY_HAND}")
    for name in COMMANDS:
        (root / BIN / name).unlink(missing_ok=True)
    # This very code runs from there: nothing may need a module after this line.
    shutil.rmtree(root / VENV, ignore_errors=True)


def _stop(say: Say) -> None:
    say("stopping the swarm")
    systemd.systemctl("stop", unitnames.TARGET_UNIT, *systemd.ALL)


def _disable(root: Path) -> None:
    """Remove the links that `systemctl enable` made, those to the operator's own instances included."""
    for link in (root / OPERATORS_UNITS).glob("*.wants/marketswarm*"):
        link.unlink()
    for folder in (root / OPERATORS_UNITS).glob("marketswarm*.wants"):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _give_redis_back(root: Path, say: Say) -> None:
    if (root / BROUGHT_REDIS).exists():
        systemd.systemctl("unmask", "--quiet", "redis-server.service")
        (root / BROUGHT_REDIS).unlink()
        systemd.systemctl("disable", "--quiet", "redis-server.service")
        say("the Debian package redis-server stays, disabled; apt purge redis-server removes it")
