"""Which feed is fetched when: each on its own schedule, so many at a time, and one at a time of each host."""

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Timetable:
    """Knows when each feed is due. Times are seconds on one monotonic clock; ``hosts`` gives the host of each feed."""

    hosts: Mapping[str, str]
    at_once: int
    _due: list[tuple[float, str]] = field(default_factory=list)
    _waiting: dict[str, deque[str]] = field(default_factory=dict)
    """Feeds that are due, by host, in the order in which they became so."""
    _under_way: dict[str, str] = field(default_factory=dict)
    """Hosts that are being asked, and for which feed."""
    _turn: deque[str] = field(default_factory=deque)
    """Hosts that have a feed that is due, in the order in which they are served."""

    def plan(self, feed: str, at: float) -> None:
        """Have a feed due at a time. Each feed is planned once, and again when its fetch has ended."""
        heapq.heappush(self._due, (at, feed))

    def pending(self, now: float) -> bool:
        """Whether there may be something to begin."""
        return bool(self._turn) or bool(self._due and self._due[0][0] <= now)

    def begin(self, now: float) -> list[str]:
        """Say which feeds to fetch now; each counts as under way until ``end``."""
        while self._due and self._due[0][0] <= now:
            _, feed = heapq.heappop(self._due)
            host = self.hosts[feed]
            if host not in self._waiting:
                self._waiting[host] = deque()
                self._turn.append(host)
            self._waiting[host].append(feed)
        begun = []
        for _ in range(len(self._turn)):
            if len(self._under_way) >= self.at_once:
                break
            host = self._turn.popleft()
            if host in self._under_way:
                self._turn.append(host)
                continue
            feed = self._waiting[host].popleft()
            if self._waiting[host]:
                self._turn.append(host)
            else:
                del self._waiting[host]
            self._under_way[host] = feed
            begun.append(feed)
        return begun

    def end(self, feed: str, next_at: float) -> None:
        """Take in that a fetch has ended, and when the next one is due."""
        del self._under_way[self.hosts[feed]]
        self.plan(feed, next_at)

    def next_at(self) -> float | None:
        """When the next feed becomes due; None where none is planned."""
        return self._due[0][0] if self._due else None
