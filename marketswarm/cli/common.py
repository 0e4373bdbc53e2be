"""What the commands share."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from marketswarm import names
from marketswarm.ending import guarded
from marketswarm.errors import BadTruthError

TRUTH_OPTION = click.option(
    "--truth",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"The truth document.  [default: {names.TRUTH_FILE}, else ./{names.TRUTH_FILE_IN_CHECKOUT}]",
)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def _services(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from marketswarm import services

    return sorted(name for name in services.installed() if name.startswith(incomplete))


SERVICE_ARGUMENT = click.argument("service", shell_complete=_services)
OPTIONAL_SERVICE_ARGUMENT = click.argument("service", required=False, shell_complete=_services)

INTERRUPTED = 130


def _call(command: Callable[[], Any]) -> Any:
    try:
        try:
            return guarded(command)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader, `head` say, has seen enough. Without this Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@contextlib.contextmanager
def faults_of(path: Path, verdict: str = "not usable") -> Iterator[None]:
    """Say in which file the faults are."""
    try:
        yield
    except BadTruthError as error:
        click.echo(f"{path}: {verdict}", err=True)
        raise error from None


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
