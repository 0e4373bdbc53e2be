"""The commands `marketswarm` (also as `python -m marketswarm`) and `marketswarm-seed`."""

import atexit
import gc
import sys

RUN_WORDS = 3
INTERRUPTED = 130
"""What a shell gives for a command that Ctrl-C ended: 128 and SIGINT's number."""


def main() -> None:
    """Run `marketswarm`.

    `marketswarm run SERVICE` goes past the command line parser: a daemon would carry it in its memory for months.
    """
    words = sys.argv
    _leave_at_once()
    try:
        if len(words) == RUN_WORDS and words[1] == "run" and not words[2].startswith("-"):
            from marketswarm.start import start

            start(words[2])
        else:
            from marketswarm import cli

            cli.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def seed() -> None:
    """Run `marketswarm-seed`."""
    _leave_at_once()
    try:
        from marketswarm import cli

        cli.seed()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _leave_at_once() -> None:
    """Have the process end without a search for cycles in all that it has ever imported.

    It is 0.1 s of work at each stop, for memory that the kernel takes back anyway.
    """
    atexit.register(gc.freeze)


if __name__ == "__main__":
    main()
