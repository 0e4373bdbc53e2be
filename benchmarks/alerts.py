"""Listens to the alerts as a stranger would, and notes when each came."""

import json
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Self

import hiredis

CHANNEL = "healer:alerts"
LOOK_SEC = 0.05
READ_BYTES = 1 << 13


class Alerts:
    """A subscription of its own, read by a bare socket: what it adds to a miss is a system call.

    What has come is looked at when nothing more comes, so that this takes no CPU from whom it measures.
    """

    def __init__(self, port: int) -> None:
        self.misses: dict[str, float] = {}
        """When each service's first miss came, CLOCK_MONOTONIC."""
        self.others: list[dict[str, Any]] = []
        """All alerts that are no heartbeat_miss."""
        self.alone = 0
        """Misses that belong to no group, which people are told of one by one."""
        self.again = 0
        """Misses of services whose miss had come."""
        self._reader = hiredis.Reader()
        self._unread: deque[tuple[bytes, float]] = deque()
        self._link = socket.create_connection(("127.0.0.1", port))
        self._link.settimeout(LOOK_SEC)
        self._link.sendall(f"SUBSCRIBE {CHANNEL}\r\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()

    def until(self, over: Callable[[], bool], within_sec: float) -> None:
        """Listen until it is over and nothing more comes for LOOK_SEC, or the time is."""
        end = time.monotonic() + within_sec
        while time.monotonic() < end:
            try:
                self._unread.append((self._link.recv(READ_BYTES), time.monotonic()))
            except TimeoutError:
                self._catch_up()
                if not self._unread and over():
                    return
        while self._unread:
            self._read()

    def _catch_up(self) -> None:
        """Look at what has come, until more comes."""
        while self._unread and not select.select([self._link], [], [], 0)[0]:
            self._read()

    def _read(self) -> None:
        data, now = self._unread.popleft()
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, list) and reply[0] == b"message":
                self._take(json.loads(reply[2]), now)

    def _take(self, alert: dict[str, Any], now: float) -> None:
        if alert["type"] != "heartbeat_miss":
            self.others.append(alert)
            return
        self.alone += not alert.get("group")
        if alert["svc"] in self.misses:
            self.again += 1
        else:
            self.misses[alert["svc"]] = now
