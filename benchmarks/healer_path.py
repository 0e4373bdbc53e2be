"""Healer's path, alone in a process: from the socket over the failure detector to alerts on the bus.

It watches svc_0 to svc_<N-1>, and --others more that nobody beats for, with an hour's timeout. Prints "ready" once
subscribed, "warm" when it has heard --warm beats and done all that they brought about, and after --beats more the C
subscriber's line of JSON, with subscribe_sec, rss_kib (resident memory by the watching and subscribing) and heard_kib
(by the end). Without --beats it watches until SIGTERM. With --webhook it tells people there, as healer does.

    python benchmarks/healer_path.py --port P --services N --timeout-sec T --interval-sec I [--warm W] [--beats M]
"""

import argparse
import asyncio
import contextlib
import gc
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from marketswarm import log, names, settings, unitnames
from marketswarm.address import Address
from marketswarm.bus import Bus
from marketswarm.clock import SystemClock
from marketswarm.daemon import Daemon, exact_loop
from marketswarm.firehose import Beats, Oddities
from marketswarm.liveness import Terms
from marketswarm.messages import HeartbeatMiss, HeartbeatOk
from marketswarm.pacing import until_tick
from marketswarm.sd import Manager
from marketswarm.services.notifying import Desk
from marketswarm.services.watching import Finding, Words
from marketswarm.services.watching.findings import Recalled, Target
from marketswarm.services.watching.judge import Judge
from marketswarm.services.watching.recorder import Recorder
from marketswarm.services.watching.verdicts import Announcer
from marketswarm.truth import Loaded, Truth

sys.path.append(str(Path(__file__).parents[1]))

from benchmarks.meter import Meter, arguments, cpu_sec, rss_kib, say

OTHERS_TERMS = Terms(interval_sec=1200, timeout_sec=3600)
LOOK_SEC = 0.1
QUIET_SEC = 1.0
IDLE_SHARE = 0.1

# ---- What knows healer's insides begins here; marketswarm/services/watching/watcher.py puts it together as well. ----

PACE_SEC = 1.0


def targets(given: argparse.Namespace) -> Iterator[Target]:
    """Whom to watch."""
    terms = Terms(given.interval_sec, given.timeout_sec)
    for k in range(given.services + given.others):
        service = f"svc_{k}"
        yield Target(service, names.heartbeat_channel(service), terms if k < given.services else OTHERS_TERMS)


def miss(found: Finding, ts: int) -> HeartbeatMiss:
    """Put a miss into healer's words."""
    turn = found.transition
    late_sec = round(turn.silence_sec, 3)
    return HeartbeatMiss(turn.service, late_sec, turn.timeout_sec, ts, reason=found.reason, group=found.group)


def ok(found: Finding, ts: int) -> HeartbeatOk:
    """Put its end into them."""
    turn = found.transition
    return HeartbeatOk(turn.service, round(turn.silence_sec, 3), ts, group=found.group)


def well(service: str, age_sec: float, ts: int) -> HeartbeatOk:
    """Say that a service beats."""
    return HeartbeatOk(service, round(age_sec, 3), ts)


class CountingJudge(Judge):
    """The judge, with a meter beside it."""

    meter: Meter

    def _hear(self, beats: Beats, oddities: Oddities) -> None:
        self.meter.reading()
        super()._hear(beats, oddities)
        self.meter.read(len(beats))


def desk(given: argparse.Namespace, recorder: Recorder, clock: SystemClock) -> Desk:
    """Make the part of healer that tells people."""
    environ = {"SYSTEM_REDIS_URL": f"redis://127.0.0.1:{given.port}", "WEBHOOK_URL": given.webhook}
    daemon = Daemon(names.HEALER, settings.load(environ), Loaded(Truth(services={}), ""), Manager(present=False), clock)
    return Desk(daemon, recorder.unstored, None)


class HealerPath:
    """The judge of one bus and the recorder of what it finds."""

    def __init__(self, given: argparse.Namespace, meter: Meter) -> None:
        clock = SystemClock()
        address = Address(host="127.0.0.1", port=given.port)
        bus = Bus(names.SYSTEM_BUS, address, client_name=f"marketswarm:{names.HEALER}")
        self._clock = clock
        self._recorder = Recorder(bus, bus, names.ALERT_CHANNEL)
        self._announcer = Announcer(
            Words(miss, ok, well, announces_buses=True, deputy=False), self._recorder, clock, alert_on={}
        )
        self._judge = CountingJudge(
            bus,
            targets(given),
            watcher=names.HEALER,
            clock=clock,
            verdicts=self._announcer,
            pace_sec=PACE_SEC,
            mark=_ignore,
            recalled=Recalled(),
        )
        self._judge.meter = meter
        self._desk = desk(given, self._recorder, clock) if given.webhook else None
        gc.collect()
        gc.freeze()

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recorder.run())
            group.create_task(self._judge.run())
            if self._desk:
                group.create_task(self._desk.run())
            while True:
                self._judge.report(self._announcer)
                await asyncio.sleep(until_tick(self._clock.monotonic(), PACE_SEC))

    async def subscribed(self) -> None:
        """Wait until the subscription stands and is judged by."""
        await self._judge.tried.wait()

    @property
    def busy(self) -> bool:
        """Whether verdicts are waiting to be stored."""
        return bool(self._recorder.waiting or self._recorder.notes)


def _ignore() -> None:
    """Nobody watches the progress here."""


# ---- What knows healer's insides ends here. ----


async def settled(path: HealerPath, meter: Meter) -> None:
    """Wait until all that the first beats brought about is done: stored, and no work left for a second."""
    while True:
        before = cpu_sec()
        await asyncio.sleep(QUIET_SEC)
        if meter.warm and not path.busy and cpu_sec() - before < IDLE_SHARE * QUIET_SEC:
            return


async def watch(given: argparse.Namespace, meter: Meter) -> None:
    """Subscribe; measure where it is asked for; else go on until cancelled."""
    before, began = rss_kib(), time.monotonic()
    path = HealerPath(given, meter)
    watching = asyncio.create_task(path.run())
    await path.subscribed()
    took, memory = time.monotonic() - began, rss_kib() - before
    say("ready")
    await settled(path, meter)
    say("warm")
    if given.beats is None:
        await watching
    # Whatever would wake this at the last beat would be a part of what is measured.
    while True:
        await asyncio.sleep(LOOK_SEC)
        if meter.done:
            break
    meter.report(subscribe_sec=took, rss_kib=memory, heard_kib=rss_kib() - before)
    watching.cancel()


async def main(given: argparse.Namespace) -> None:
    """Watch until done or SIGTERM."""
    log.configure("INFO", None, identifier=unitnames.journal_identifier(names.HEALER))
    watching = asyncio.create_task(watch(given, Meter(given.warm, given.beats or 0)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, watching.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await watching


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--others", type=int, default=0, help="watch so many more (0)")
    parser.add_argument("--webhook", default="", help="tell people at this URL (nobody)")
    parser.add_argument("--interval-sec", type=float, default=10.0)
    parser.add_argument("--timeout-sec", type=float, default=30.0)
    with asyncio.Runner(loop_factory=exact_loop) as runner:
        runner.run(main(parser.parse_args()))
