"""What a process knows of its hold on a singleton: by its own clock, and by what the bus has said."""

_TO_SPARE = 2 / 3
"""So much of the lease is left when it is renewed: one renewal may fail, and another."""


class Hold:
    """A process owns the singleton for a lease from when it asked for it; what the bus does not say, it assumes.

    Times are seconds of a clock that counts while the machine sleeps.
    """

    def __init__(self, lease_sec: float) -> None:
        self.token = 0
        """The last that this process was given; 0 for none."""
        self.cut_off = False
        """Whether the lease has run out, and all that is known is that the bus did not answer since."""
        self._lease_sec = lease_sec
        self._until = 0.0
        self._mine = False

    def owns(self, now: float) -> bool:
        """Whether nobody else can own it."""
        return self.left_sec(now) > 0

    def left_sec(self, now: float) -> float:
        """For how long that is certain."""
        return self._until - now if self._mine else 0.0

    def renew_in_sec(self, now: float) -> float:
        """In how many seconds the lease is to be renewed."""
        return max(0.0, self.left_sec(now) - _TO_SPARE * self._lease_sec)

    def taken(self, token: int, asked: float) -> None:
        """The bus gave it, or renewed it, to who asked at that time: not later does the lease begin."""
        self.token, self._until = token, asked + self._lease_sec
        self._mine, self.cut_off = True, False

    def refused(self) -> None:
        """The bus says that it is another's."""
        self._mine = self.cut_off = False

    def unanswered(self, asked: float) -> None:
        """The bus does not answer what was asked at that time, or cannot keep a lease."""
        self.cut_off = self._mine and asked >= self._until
