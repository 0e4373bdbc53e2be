"""The commands `marketswarm` (also as `python -m marketswarm`) and `marketswarm-seed`."""

import sys

RUN_WORDS = 3
INTERRUPTED = 130
"""What a shell gives for a command that Ctrl-C ended: 128 and SIGINT's number."""


def main() -> None:
    """Run `marketswarm`.

    `marketswarm run SERVICE` goes past the command line parser: a daemon would carry it in its memory for months.
    """
    words = sys.argv
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
    try:
        from marketswarm import cli

        cli.seed()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
