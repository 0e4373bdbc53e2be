"""The command `marketswarm`, also as `python -m marketswarm`."""

import sys

RUN_WORDS = 3


def main() -> None:
    """Run the command.

    `marketswarm run SERVICE` goes past the command line parser: a daemon would carry it in its memory for months.
    """
    words = sys.argv
    if len(words) == RUN_WORDS and words[1] == "run" and not words[2].startswith("-"):
        from marketswarm.start import start

        start(words[2])
    else:
        from marketswarm import cli

        cli.main()


if __name__ == "__main__":
    main()
