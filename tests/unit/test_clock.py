"""The clocks, and what is made of them."""

from marketswarm.clock import SystemClock, steady


class Clock(SystemClock):
    """The clock of a machine that has slept for three seconds."""

    def monotonic(self) -> float:
        """It does not count those."""
        return 5.0

    def suspended(self) -> float:
        """They are here."""
        return 3.0


def test_a_steady_clock_goes_on_while_the_machine_sleeps() -> None:
    """And nobody sets it."""
    assert steady(Clock()) == 8.0
