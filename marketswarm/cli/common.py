"""What the commands share."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, TypeVar

import click

from marketswarm import names
from marketswarm.ending import guarded
from marketswarm.errors import BadTruthError, MarketSwarmError

if TYPE_CHECKING:
    # Only then: what shows nothing does not wait for them.
    from marketswarm.settings import Settings
    from marketswarm.term import Paint

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
CANNOT_TELL: Final = 3


class View(Protocol):
    """What a command shows."""

    @property
    def exit_code(self) -> int:
        """What the command ends with."""


_View = TypeVar("_View", bound=View)


def cannot_tell(
    error: MarketSwarmError, *, as_json: bool, otherwise: Mapping[str, Any] = MappingProxyType({})
) -> NoReturn:
    """Say why nothing can be said, and exit with 3. ``otherwise`` is what else the JSON has then."""
    if as_json:
        click.echo(json.dumps({"exit_code": CANNOT_TELL, **otherwise, "notes": str(error).splitlines()}))
    else:
        click.echo(f"can't tell: {error}", err=True)
    sys.exit(CANNOT_TELL)


def show(
    look: "Callable[[Settings], Awaitable[_View]]",
    render: "Callable[[_View, Paint], str]",
    shape: Callable[[_View], dict[str, Any]],
    *,
    as_json: bool,
    otherwise: Mapping[str, Any] = MappingProxyType({}),
) -> NoReturn:
    """Look, print what was found for people or as JSON, and exit with its code; 3 where one cannot look."""
    from marketswarm import settings, term

    try:
        environment = settings.load()
        found = asyncio.run(_awaited(look(environment)))
    except MarketSwarmError as error:
        cannot_tell(error, as_json=as_json, otherwise=otherwise)
    if as_json:
        click.echo(json.dumps(shape(found)))
    else:
        click.echo(render(found, term.painter(sys.stdout, allowed=environment.colour)))
    sys.exit(found.exit_code)


async def _awaited(looking: Awaitable[_View]) -> _View:
    return await looking


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


class Check(Command):
    """A command by whose exit code things are well or not: 2 is what it means there, where click has a wrong word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; a wrong one ends with CANNOT_TELL."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.show()
            ctx.exit(CANNOT_TELL)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the group's own function, if it has one to run, and the command."""
        return _call(lambda: super(Group, self).invoke(ctx))
