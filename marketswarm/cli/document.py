"""`marketswarm truth`: the document, before and after it reaches the buses."""

import asyncio
import json
from pathlib import Path

import click

from marketswarm import names
from marketswarm.cli.common import JSON_OPTION, Group
from marketswarm.cli.seeding import check_file, diff_file, read

FILE_ARGUMENT = click.argument("file", type=click.Path(path_type=Path), required=False)


def _buses(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [bus for bus in names.DEFAULT_BUS_URLS if bus.startswith(incomplete)]


@click.group(cls=Group, short_help="Look at the truth before you seed it.")
def truth() -> None:
    """Look at the truth document before you seed it, or as the buses have it.

    `check` and `diff` without a FILE look at /etc/marketswarm/truth.json, else at ./etc/truth.json.

    \b
    Examples:
      marketswarm truth check new.json   # what is wrong with it?
      marketswarm truth diff new.json    # what would it change?
      marketswarm truth show > old.json  # keep what the buses have
      marketswarm-seed --truth new.json  # put the new one there
    """


@truth.command("check")
@FILE_ARGUMENT
def check(file: Path | None) -> None:
    """Validate FILE: every fault and every warning, a line each.

    \b
    Exit codes:
      0   good, though there may be warnings
      65  there are faults
      66  no such file
    """
    check_file(*read(file, named_by="the argument FILE"))


@truth.command("diff", short_help="Show what seeding FILE would change.")
@FILE_ARGUMENT
@JSON_OPTION
def diff(file: Path | None, *, as_json: bool) -> None:
    """Show what seeding FILE would change: for each service that it concerns, and outside of services.

    Below the buses, with the hash of what they hold and of FILE, each service has a line of its own that says what it
    means for the service, and then a line for each place: + is new, - is gone, ~ is changed. What a running service
    does:

    \b
    begins its work anew  in the same process, without a restart
    goes on               it changes nothing for its work
    is new                you start it; nobody else does
    leaves                you stop it; nobody else does

    A service is listed too where its own section stays as it is: healer where another's heartbeat changes, a service
    whose timeout healer's section gives, all of them where a bus moves. Where the buses hold different documents, FILE
    is compared with each.

    With --json, one object; the lines are those that are shown. Where the buses hold different documents, each line
    begins with the buses that it is about.

    \b
    exit_code  0 or 1, as below
    buses      for each the SHA-256 of what it holds, or null
    services   for each that is listed: change (added, removed, changed),
               effect (what it means for it), places (the lines)
    other      lines about buses, and for what stands outside of services

    \b
    Examples:
      marketswarm truth diff
      marketswarm truth diff new.json --json | jq '.services | keys'

    \b
    Exit codes:
      0   nothing
      1   something
      65  the document is not usable
      66  no such file
      69  a bus does not answer
      77  a bus refuses
      78  a variable is not usable
    """
    diff_file(*read(file, named_by="the argument FILE"), as_json=as_json)


@truth.command("show", short_help="Print the document that the services run on.")
@click.option(
    "--bus",
    metavar="BUS",
    shell_complete=_buses,
    help="The bus to read.  [default: the first that has it]",
)
def show(bus: str | None) -> None:
    """Print the document that the services run on, exactly as it is stored.

    \b
    Examples:
      marketswarm truth show
      marketswarm truth show --bus market-redis

    \b
    Exit codes:
      0   printed
      66  no bus has it; run marketswarm-seed
      69  a bus does not answer
      77  a bus refuses
      78  a variable is not usable, or there is no such bus
    """
    from marketswarm import seed as seeding
    from marketswarm import settings

    raw = asyncio.run(seeding.fetch(settings.load(), bus))
    click.echo(raw.decode("utf-8", "replace").rstrip("\n"))


@truth.command("schema", short_help="Print the JSON schema of the document.")
def schema() -> None:
    """Print the JSON schema of the document, for an editor that checks while you type."""
    from marketswarm import truth as document

    click.echo(json.dumps(document.schema(), indent=2))
