"""How many heartbeats a second the hot path takes in, beside a peer and a limit, in one run.

A publisher process pipelines real heartbeats of 1,000 services into a private redis-server. Three subscribers take
turns, several rounds each:

- limit: reads the socket and throws the bytes away, so what it shows is the server's own rate;
- firehose: parses, decodes, and feeds the failure detector, as healer does;
- redis-py: its asyncio pub/sub with hiredis, and the same decoding and detector.

    python benchmarks/firehose.py [--beats 200000] [--rounds 3]
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator

import hiredis
import redis.asyncio

from marketswarm.address import Address
from marketswarm.firehose import Beats, Firehose, Oddities
from marketswarm.liveness import Detector
from marketswarm.messages import Heartbeat, decode_heartbeat, encode

SERVICES = [f"svc_{number}" for number in range(1000)]
Measure = Callable[[int, int], Coroutine[None, None, float]]


def publish(port: int, beats: int) -> None:
    """Publish so many beats, round robin, from bytes made beforehand: the publisher must not be the slowest."""
    command = hiredis.pack_command
    payloads = [encode(Heartbeat(service, 1, 1762433458.0, "0123456789abcdef")) for service in SERVICES]
    commands = [
        command((b"PUBLISH", f"{service}:heartbeat".encode(), payload))  # type: ignore[arg-type] # its stub has one word
        for service, payload in zip(SERVICES, payloads, strict=True)
    ]
    batch = b"".join(commands)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(beats // len(SERVICES)):
            connection.sendall(batch)
            answers = 0
            while answers < len(SERVICES):
                answers += connection.recv(1 << 16).count(b"\n")


@contextlib.contextmanager
def publishing(port: int, beats: int) -> Iterator[None]:
    """Publish in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=publish, args=(port, beats))
    process.start()
    yield
    process.join()


def detector() -> Detector:
    """A detector that watches all of them."""
    judge = Detector()
    for service in SERVICES:
        judge.watch(service, 10, 30, time.monotonic())
    return judge


def rate(times: list[float], beats: int) -> float:
    """Beats a second from the first read to the last."""
    return beats / (times[-1] - times[0])


async def by_firehose(port: int, beats: int) -> float:
    """Healer's way."""
    judge, done, live = detector(), asyncio.Event(), asyncio.Event()
    times: list[float] = []
    seen = 0

    def hear(heard: Beats, _oddities: Oddities) -> None:
        nonlocal seen
        now = time.monotonic()
        times.append(now)
        for service, _beat in heard:
            judge.beat(service, now, now)
        seen += len(heard)
        if seen >= beats:
            done.set()

    canary = redis.asyncio.Redis(host="127.0.0.1", port=port, protocol=2)
    firehose = Firehose(
        Address(host="127.0.0.1", port=port),
        {f"{service}:heartbeat": service for service in SERVICES},
        canary="benchmark:canary",
        publish=canary.publish,
        on_beats=hear,
        on_live=live.set,
        on_lost=print,
        chance=random.random,
    )
    task = asyncio.create_task(firehose.run())
    await live.wait()
    with publishing(port, beats):
        await done.wait()
    task.cancel()
    await canary.aclose()
    return rate(times, beats)


async def by_redis_py(port: int, beats: int) -> float:
    """The peer's way."""
    judge = detector()
    client = redis.asyncio.Redis(host="127.0.0.1", port=port, protocol=2)
    subscription = client.pubsub(ignore_subscribe_messages=True)
    await subscription.subscribe(*[f"{service}:heartbeat" for service in SERVICES])
    times: list[float] = []
    seen = 0
    with publishing(port, beats):
        while seen < beats:
            message = await subscription.get_message(timeout=10)
            if message is None:
                continue
            service = message["channel"].decode().removesuffix(":heartbeat")
            if isinstance(decode_heartbeat(message["data"], service), Heartbeat):
                now = time.monotonic()
                times.append(now)
                judge.beat(service, now, now)
                seen += 1
    await subscription.aclose()
    await client.aclose()
    return rate(times, beats)


async def by_nobody(port: int, beats: int) -> float:
    """The limit: bytes in, nothing done; the end is known by half a second of quiet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    channels = [f"{service}:heartbeat" for service in SERVICES]
    writer.write(f"SUBSCRIBE {' '.join(channels)}\r\n".encode())
    await asyncio.sleep(0.5)
    await reader.read(1 << 20)
    times: list[float] = []
    with publishing(port, beats):
        while True:
            try:
                async with asyncio.timeout(10 if not times else 0.5):
                    if not await reader.read(1 << 20):
                        break
            except TimeoutError:
                break
            times.append(time.monotonic())
    writer.close()
    return rate(times, beats)


def main() -> int:
    """Measure in turns and report medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--beats", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    server = shutil.which("redis-server")
    if server is None:
        print("needs redis-server on PATH: apt install redis-server", file=sys.stderr)
        return 2
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    ways: dict[str, Measure] = {"limit": by_nobody, "firehose": by_firehose, "redis-py": by_redis_py}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as directory:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""]
        process = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            for _ in range(arguments.rounds):
                for way, measure in ways.items():
                    rates[way].append(asyncio.run(measure(port, arguments.beats)))
        finally:
            process.terminate()
            process.wait(10)
    limit = statistics.median(rates["limit"])
    print(f"{arguments.beats} beats of {len(SERVICES)} services, {arguments.rounds} rounds, medians")
    for way, found in rates.items():
        median = statistics.median(found)
        print(f"{way:<9} {median:>10,.0f} beats/s   {median / limit:5.0%} of the limit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
