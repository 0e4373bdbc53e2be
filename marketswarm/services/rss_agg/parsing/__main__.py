"""The child: what reads documents."""

import contextlib
import os
import sys

from marketswarm import isolated
from marketswarm.services.rss_agg.parsing import child


def main() -> None:
    """Serve jobs until stdin ends, as it does when the parent does, and end at once."""
    # What a library prints is no document.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        isolated.step_back(child.MAX_MEMORY_BYTES)
        with contextlib.suppress(BrokenPipeError):
            child.serve(sys.stdin.buffer, answers)
    os._exit(0)


if __name__ == "__main__":
    main()
