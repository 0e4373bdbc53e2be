"""One way that is being gone: which step is under way, how long each took, what has been found so far."""

import time
from types import TracebackType

from marketswarm import errors, trouble
from marketswarm.place import Step
from marketswarm.reach.finding import FailedError, Finding


class Walk:
    """Steps are taken in ``with walk.step(...)``; what is found on the way is set as it becomes known."""

    def __init__(self, timeout_sec: float) -> None:
        self.address = ""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.days: float | None = None
        self.late = trouble.took_longer(timeout_sec)
        """What to say where the deadline cuts off the step that is under way."""
        self._began = time.perf_counter()
        self._steps: dict[str, float] = {}
        self._failed: Step | None = None

    def step(self, step: Step, late: str | None = None) -> "_Taken":
        """Time a step. What is raised in it, but for cancellation, becomes a FailedError with a reason."""
        return _Taken(self, step, late or self.late)

    def took(self, step: Step, ms: float, late: str | None) -> None:
        """Note how long a step took; where it failed, ``late`` is what to say if it was the deadline."""
        self._steps[step.value] = ms
        if late is not None:
            self._failed, self.late = step, late

    def finding(self, reason: str) -> Finding:
        """Sum up, at the end."""
        return Finding(
            self._failed,
            reason,
            self._steps,
            _ms_since(self._began),
            self.address,
            self.status,
            self.headers,
            self.body,
            self.days,
        )


class _Taken:
    def __init__(self, walk: Walk, step: Step, late: str) -> None:
        self._walk = walk
        self._step = step
        self._late = late

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._walk.took(self._step, _ms_since(self._began), self._late if error else None)
        if isinstance(error, Exception) and not isinstance(error, FailedError):
            raise FailedError(_reason(error)) from None


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError(errno=None):  # of a caller's own deadline; the system's has a number
            return errors.reason(error)
        case OSError():
            return trouble.of_connection(error)
    return f"what it answers cannot be used ({type(error).__name__})"  # its text may have anything in it


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)
