"""What the commands share."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from marketswarm import names
from marketswarm.ending import guarded

TRUTH_OPTION = click.option(
    "--truth",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"The truth document.  [default: {names.TRUTH_FILE}, else ./{names.TRUTH_FILE_IN_CHECKOUT}]",
)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def _call(command: Callable[[], Any]) -> Any:
    try:
        return guarded(command)
    except BrokenPipeError:
        # The reader, `head` say, has seen enough. Python would complain once more when it flushes at exit.
        sys.stderr.close()
        sys.exit(0)


class Command(click.Command):
    """A command that speaks of a person's mistakes in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        return _call(lambda: super(Command, self).invoke(ctx))


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the group's own function, if it has one to run, and the command."""
        return _call(lambda: super(Group, self).invoke(ctx))
