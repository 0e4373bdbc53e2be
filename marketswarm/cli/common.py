"""What the commands share."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from marketswarm import names
from marketswarm.errors import MarketSwarmError

TRUTH_OPTION = click.option(
    "--truth",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"The truth document.  [default: {names.TRUTH_FILE}, else ./{names.TRUTH_FILE_IN_CHECKOUT}]",
)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def guarded(call: Callable[[], Any]) -> Any:
    """Call; an error that a person can mend ends the process with its lines and its exit code, without a traceback."""
    try:
        return call()
    except MarketSwarmError as error:
        for line in str(error).splitlines():
            click.echo(f"error: {line}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader, `head` say, has seen enough. Python would complain once more when it flushes at exit.
        sys.stderr.close()
        sys.exit(0)


class Command(click.Command):
    """A command that speaks of a person's mistakes in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        return guarded(lambda: super(Command, self).invoke(ctx))


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
