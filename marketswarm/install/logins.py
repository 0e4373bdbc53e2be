"""The users of the buses of a host: what its servers start with."""

from pathlib import Path

from marketswarm import names, settings, users
from marketswarm.errors import BadEnvironmentError, BadTruthError
from marketswarm.granting import Keeper, host_files
from marketswarm.install import systemd
from marketswarm.passwords import Passwords
from marketswarm.settings import Settings
from marketswarm.truth import Truth, parse


def make_logins(root: Path) -> None:
    """Make the passwords that are missing, and the files from which servers have their users, by the truth file.

    A truth or a setting that cannot be used is for others to tell: where there are files already, they stay then.
    """
    folder = root / users.PASSWORDS.lstrip("/")
    files = host_files(root)
    for place in (folder, *{file.parent for file in files.values()}):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    truth = _truth(root)
    if truth or not all(file.exists() for file in files.values()):
        Keeper(_settings(root), Passwords(folder), files, durable=True).prepare([truth or Truth(services={})])
    systemd.own_files(root)


def _settings(root: Path) -> Settings:
    variables = settings.read_env_file(root / names.ENV_FILE.lstrip("/"))
    try:
        # By which certificates buses are trusted makes no difference here.
        return settings.load({name: value for name, value in variables.items() if name not in names.TLS_ENV})
    except BadEnvironmentError:
        return Settings()


def _truth(root: Path) -> Truth | None:
    try:
        return parse((root / names.TRUTH_FILE.lstrip("/")).read_bytes())
    except (OSError, BadTruthError):
        return None
