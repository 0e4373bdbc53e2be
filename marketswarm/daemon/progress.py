"""Whether the work goes on: the one reason to beat."""


class Progress:
    """Counts the turns of the loops that do the work.

    There is progress when every part has turned since one looked last; one wedged loop among several is none.
    """

    def __init__(self) -> None:
        self._turns: dict[str, int] = {}

    def mark(self, part: str = "work") -> None:
        """Say that this part has made a turn."""
        self._turns[part] = self._turns.get(part, 0) + 1

    def drop(self, part: str) -> None:
        """Ask no more turns of this part: it is over."""
        self._turns.pop(part, None)

    def watch(self) -> "Watch":
        """Look from one's own point in time on."""
        return Watch(self._turns)


class Watch:
    """One observer's view of a Progress."""

    def __init__(self, turns: dict[str, int]) -> None:
        self._turns = turns
        self._seen: dict[str, int] = {}

    def made(self) -> bool:
        """Whether every part has turned since this was last True."""
        if not self._turns or any(self._seen.get(part) == turn for part, turn in self._turns.items()):
            return False
        self._seen = dict(self._turns)
        return True
