"""Setting a host going, after its files were laid down."""

from marketswarm import unitnames
from marketswarm.errors import MarketSwarmError
from marketswarm.install import systemd
from marketswarm.install.laying import Laid, Say
from marketswarm.install.plan import CONFIG, UNITS

START_SEC = 60.0
_TRUTH = CONFIG / "truth.json"
_BUS_FOLDERS = (CONFIG / "redis", UNITS / "marketswarm-redis@.service", UNITS / "marketswarm-redis@.service.d")


def set_going(laid: Laid, say: Say, *, start: bool) -> None:
    """Tell systemd what has changed and let the swarm come with the next boot; ``start`` sets it going at once.

    A swarm that runs already is brought to the new version: each service that runs restarts once, one that the
    operator stopped stays so, a bus restarts only where its own files have changed. Raises MarketSwarmError.
    """
    systemd.systemctl("daemon-reload")
    systemd.update_catalog()
    systemd.systemctl("enable", "--quiet", unitnames.TARGET_UNIT)
    if not start:
        return
    if systemd.is_active(unitnames.TARGET_UNIT):
        _renew(laid, say)
    else:
        say("starting the swarm")
        try:
            systemd.systemctl("start", unitnames.TARGET_UNIT, timeout_sec=START_SEC)
        except MarketSwarmError as error:
            raise MarketSwarmError(f"{error}; see what is wrong: marketswarm doctor") from None


def _renew(laid: Laid, say: Say) -> None:
    say("restarting the services that run")
    # They stand still meanwhile: one that had no right to what it did before would end for good.
    running = systemd.running()
    try:
        if running:
            systemd.systemctl("stop", *running, timeout_sec=START_SEC)
        if any(path.is_relative_to(folder) for path in laid.changed for folder in _BUS_FOLDERS):
            say("restarting the buses: their files have changed")
            systemd.systemctl("try-restart", systemd.BUSES)
        systemd.systemctl("start", unitnames.ACL_UNIT)
        if _TRUTH in laid.changed:
            say("seeding the new truth")
            systemd.seed()
    finally:
        if running:
            systemd.systemctl("start", *running, timeout_sec=START_SEC)
