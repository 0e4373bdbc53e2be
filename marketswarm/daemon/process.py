"""The process of a service, from its start to SIGTERM: finds the truth, and lives one life after another on it."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine, Iterator

from marketswarm.bus import Bus, client_name
from marketswarm.clock import SystemClock
from marketswarm.daemon.following import POLL_SEC, Follower, sources
from marketswarm.daemon.lifecycle import Daemon, Work
from marketswarm.daemon.position import check_timeouts, watched_by
from marketswarm.errors import MarketSwarmError
from marketswarm.sd import Manager
from marketswarm.settings import Settings

STOP_SEC = 1.5
_log = logging.getLogger(__name__)


async def run(name: str, work: Work, settings: Settings, *, poll_sec: float = POLL_SEC) -> None:
    """Run a service until SIGTERM or SIGINT. Raises a MarketSwarmError for what a person has to mend.

    It looks at the truth every ``poll_sec``, and under systemd at once on SIGHUP. Elsewhere SIGHUP says that the
    terminal is gone, and ends it as it ends any program.
    """
    with contextlib.closing(Manager(present=settings.notify_socket is not None)) as manager:
        follower = _follower(name, settings, poll_sec)
        with _reloads(manager, follower) if settings.notify_socket is not None else contextlib.nullcontext():
            await _until_stopped(name, _live(name, work, settings, manager, follower), manager)


def _follower(name: str, settings: Settings, poll_sec: float) -> Follower:
    buses = [Bus(bus, address, client_name=client_name(name)) for bus, address in sources(settings).items()]
    return Follower(
        buses,
        settings.truth_key,
        SystemClock(),
        check=lambda truth: check_timeouts(watched_by(name, truth, settings)),
        poll_sec=poll_sec,
    )


@contextlib.contextmanager
def _reloads(manager: Manager, follower: Follower) -> Iterator[None]:
    """Have SIGHUP ask for a look at the truth, and from the end of the context on be ignored: it cuts off no ending.

    The loop's own way would give it back its default action, to end the process, as soon as the loop is closed.
    """

    def reload() -> None:
        manager.reloading(SystemClock().monotonic())
        follower.ask()

    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(reload))
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


async def _until_stopped(name: str, living: Coroutine[None, None, None], manager: Manager) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    life = asyncio.create_task(living)
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait({life, asked}, return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        asked.cancel()
        _raise_first(life)
    manager.stopping()
    _log.info("%s: stopping", name)
    life.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait({life}, timeout=STOP_SEC)


async def _live(name: str, work: Work, settings: Settings, manager: Manager, follower: Follower) -> None:
    try:
        manager.status("waiting for the truth")
        daemon = Daemon(name, settings, await follower.find(), manager, SystemClock(), follower=follower)
        manager.status("starting")
        while True:
            if name not in daemon.truth.services:
                text = "%s is not in the truth: using the defaults; add services.%s and run marketswarm-seed"
                _log.warning(text, name, name)
            daemon = daemon.moved(await daemon.live(work))
    finally:
        await follower.close()


def _raise_first(life: asyncio.Task[None]) -> None:
    """Raise what ended the service; a person's mistake comes out of its exception group bare."""
    error = life.exception()
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, MarketSwarmError):
        raise error from None
    if error is not None:
        raise error
