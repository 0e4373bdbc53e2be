"""When to look at whom next: a timing wheel that nobody has to turn."""

import heapq
import math


class Wheel:
    """Rows by the moment at which they are to be looked at, in buckets that are a grain wide.

    In and out cost O(1) a row. A row comes up at the beginning of its bucket: never late, a grain early at the most.
    Who takes it looks whether its moment has come, and puts it in again without a grain where it is near: most have
    another moment by then, so a coarse grain costs nothing, and saves wake-ups. Buckets exist only while they hold
    something; a heap of their moments says which is next. Source: Varghese and Lauck, "Hashed and Hierarchical Timing
    Wheels", SOSP 1987.
    """

    def __init__(self) -> None:
        self._buckets: dict[float, list[int]] = {}
        self._moments: list[float] = []

    def put(self, row: int, moment: float, grain_sec: float = 0.0) -> None:
        """Have a row looked at at ``moment``, or up to a grain before, which is a power of two; 0: right then."""
        start = math.floor(moment / grain_sec) * grain_sec if grain_sec else moment
        bucket = self._buckets.get(start)
        if bucket is None:
            self._buckets[start] = [row]
            heapq.heappush(self._moments, start)
        else:
            bucket.append(row)

    def next(self) -> float | None:
        """When the next row comes up; None where there is none."""
        return self._moments[0] if self._moments else None

    def take(self, now: float, limit: int) -> list[int]:
        """Take out rows whose moment has come, the earliest first, at most ``limit``."""
        taken: list[int] = []
        while self._moments and self._moments[0] <= now and len(taken) < limit:
            bucket = self._buckets[self._moments[0]]
            while bucket and len(taken) < limit:
                taken.append(bucket.pop())
            if not bucket:
                del self._buckets[heapq.heappop(self._moments)]
        return taken
