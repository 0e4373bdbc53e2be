"""A service's heartbeat follows its work: the lifecycle in this process, with work of the test's own."""

import asyncio
import hashlib
import json

import pytest
from testkit import INTERVAL_SEC, Swarm, listening, watching

from marketswarm import settings, truth
from marketswarm.clock import SystemClock
from marketswarm.daemon import Daemon, Work
from marketswarm.errors import FencedError, StalledError
from marketswarm.sd import Manager
from marketswarm.services import mesh
from marketswarm.services.mesh import rounds
from marketswarm.services.mesh.registry import Registry
from marketswarm.truth import Loaded


def made(swarm: Swarm) -> Daemon:
    """Make a service."""
    raw = json.dumps(watching("mesh")).encode()
    loaded = Loaded(truth.parse(raw), hashlib.sha256(raw).hexdigest())
    return Daemon("mesh", settings.load(swarm.environ, user="mesh"), loaded, Manager(present=False), SystemClock())


def live(swarm: Swarm, work: Work, seconds: float) -> None:
    """Let a service live for some seconds."""

    async def bounded() -> None:
        try:
            async with asyncio.timeout(seconds):
                await made(swarm).live(work)
        except TimeoutError:
            pass

    asyncio.run(bounded())


def beats(swarm: Swarm, work: Work, seconds: float) -> int:
    """Count the beats of that life."""
    with listening(swarm.system, "mesh:heartbeat") as heard:
        live(swarm, work, seconds)
        return len(heard())


def test_there_is_no_beat_before_the_work_is_under_way(swarm: Swarm) -> None:
    """Marks alone are not enough: the work says when it has started."""

    async def starts_late(daemon: Daemon) -> None:
        while True:
            daemon.progress.mark()
            await asyncio.sleep(0.01)

    assert beats(swarm, starts_late, 4 * INTERVAL_SEC) == 0


def test_wedged_work_stops_the_beat_and_is_said_once(swarm: Swarm, caplog: pytest.LogCaptureFixture) -> None:
    """The process lives, its event loop turns, its work does not: no beat, one line."""

    async def wedges(daemon: Daemon) -> None:
        daemon.started()
        daemon.progress.mark()
        await asyncio.Event().wait()

    assert beats(swarm, wedges, 8 * INTERVAL_SEC) == 1
    assert [record.message for record in caplog.records if "no progress" in record.message] == [
        "mesh: its work makes no progress; the heartbeat is held back"
    ]


def test_one_wedged_part_among_several_stops_the_beat(swarm: Swarm) -> None:
    """A loop that still turns does not speak for one that does not."""

    async def half_wedges(daemon: Daemon) -> None:
        daemon.started()
        daemon.progress.mark("stuck")
        while True:
            daemon.progress.mark("turning")
            await asyncio.sleep(0.01)

    assert beats(swarm, half_wedges, 8 * INTERVAL_SEC) == 1


def test_mesh_whose_rounds_are_wedged_does_not_beat(
    swarm: Swarm, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its judges turn: what it has left on the bus is old, and a beat would say that it is not."""

    async def wedges(_registry: Registry) -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(Registry, "look", wedges)
    monkeypatch.setattr(rounds, "ROUND_SEC", INTERVAL_SEC)
    live(swarm, mesh.work, 16 * INTERVAL_SEC)
    assert sum("makes no progress" in record.message for record in caplog.records) == 1


def test_progress_again_is_a_beat_again(swarm: Swarm) -> None:
    """A wedge that dissolves is over with the next mark."""

    async def pauses(daemon: Daemon) -> None:
        daemon.started()
        daemon.progress.mark()
        await asyncio.sleep(4 * INTERVAL_SEC)
        await daemon.idle()

    assert beats(swarm, pauses, 8 * INTERVAL_SEC) >= 3


def test_work_that_ends_by_itself_ends_the_service(swarm: Swarm) -> None:
    """Beats do not go on over dead work: the process ends, and not with 0."""

    async def returns(daemon: Daemon) -> None:
        daemon.started()

    with pytest.RaisesGroup(StalledError):
        live(swarm, returns, 5)
    assert StalledError.exit_code != 0


def test_work_that_fails_ends_the_service(swarm: Swarm) -> None:
    """A bug in the work is not survived by its heartbeat."""

    async def fails(daemon: Daemon) -> None:
        daemon.started()
        raise ZeroDivisionError

    with pytest.RaisesGroup(ZeroDivisionError):
        live(swarm, fails, 5)


def test_ready_comes_with_the_first_beat_and_not_again(swarm: Swarm, caplog: pytest.LogCaptureFixture) -> None:
    """One line says that the service is ready, however often it beats."""
    caplog.set_level("INFO")

    async def idles(daemon: Daemon) -> None:
        await daemon.idle()

    assert beats(swarm, idles, 5 * INTERVAL_SEC) >= 3
    assert sum("ready" in record.message for record in caplog.records) == 1


def test_a_stop_while_the_work_ends_by_itself_is_a_stop(swarm: Swarm) -> None:
    """One that comes while the work is cleared away, after a write that was refused: no other life begins."""
    ending = asyncio.Event()

    async def lingers() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.sleep(0.1)

    async def is_fenced_off(daemon: Daemon) -> None:
        daemon.started()
        async with asyncio.TaskGroup() as group:
            group.create_task(lingers())
            await asyncio.sleep(0)
            raise FencedError("another one owns it")

    async def scene() -> None:
        life = asyncio.create_task(made(swarm).live(is_fenced_off))
        await ending.wait()
        life.cancel()
        await asyncio.wait({life})
        assert life.cancelled()

    asyncio.run(scene())
