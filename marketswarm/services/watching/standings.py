"""How each service stands, on its way to who keeps it: a part of all at each call, and whoever has changed."""

import itertools
from collections.abc import Callable, Iterable

from marketswarm.liveness import Detector
from marketswarm.services.watching.findings import Reports

REPORTS = 10_000
"""How many services are reported of at a time, besides those who have changed."""


class Standings:
    """Knows of whom the last report is out of date; at first that is everybody."""

    def __init__(self, detector: Detector, flaps: Callable[[int], bool]) -> None:
        self._detector = detector
        self._flaps = flaps
        self._unreported = iter(range(len(detector.services)))
        self._stale: set[int] = set()

    def changed(self, rows: Iterable[int]) -> None:
        """Take in whose last report is out of date."""
        self._stale.update(rows)

    def report(self, to: Reports) -> None:
        """Tell how they stand."""
        numbers = self._detector.numbers
        self._stale.update(numbers.changed, itertools.islice(self._unreported, REPORTS))
        for row in self._stale:
            service = self._detector.services[row]
            to.record(service, self._detector.state(row), numbers.tally(row), flapping=self._flaps(row))
        self._stale.clear()
        numbers.changed.clear()
