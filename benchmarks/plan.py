"""How much is measured, and a line that says how far it is."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """``rounds`` alternate between the peers; ``quick`` is for seeing that it works, its figures are rough."""

    rounds: int = 3
    quick: bool = False

    def beats(self, count: int) -> int:
        """How many beats to publish."""
        return count // 4 if self.quick else count


def say(line: str) -> None:
    """Show what is going on, on a terminal only; an empty line takes it away."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()
