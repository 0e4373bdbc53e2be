"""`marketswarm acl`: who may do what on the buses."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from marketswarm import names
from marketswarm.cli.common import TRUTH_OPTION, Group, faults_of
from marketswarm.cli.seeding import read
from marketswarm.errors import BadTruthError, NoTruthFileError

if TYPE_CHECKING:
    from marketswarm.granting import Keeper
    from marketswarm.truth import Truth

UNPARSED: Final = {"ignore_unknown_options": True, "allow_interspersed_args": False}
"""Words that are another program's."""
_NOT_YOURS: Final = "has no password for this that is yours to read; run it as root"


@click.group(cls=Group, short_help="Who may do what on the buses.")
def acl() -> None:
    """Who may do what on the buses, as the truth says it.

    Each service has a user of its name on each bus, who may send that service's beats, touch what its access points
    name, and run the commands that it needs. Whoever gives no login may look: at health:*, the truth and the alerts.
    The passwords are in /etc/marketswarm/credentials/redis, a file for each user, and units are given their own alone.

    marketswarm-seed, run as root, brings the rights to a new truth by itself.

    \b
    Examples:
      marketswarm acl show                     # what each may do
      marketswarm acl show --bus market-redis  # for a server of your own
      marketswarm acl apply                    # undo changes made by hand
      marketswarm acl rotate                   # new passwords for all
      marketswarm acl cli system-redis         # redis-cli with all rights
    """


@acl.command("show", short_help="Print the users that a bus should have.")
@TRUTH_OPTION
@click.option(
    "--bus",
    metavar="BUS",
    help="Of this bus alone, and nothing else: the lines go into its aclfile.  [default: all of the truth's]",
)
def show(file: Path | None, bus: str | None) -> None:
    """Print the users that each bus should have by the truth file, as Redis' ACL files have them.

    No password is in it. On a server of your own, give each user one: ">PASSWORD" or "#SHA-256" at the end of its line.

    \b
    Exit codes:
      0   printed
      65  the document is not usable
      66  no such file
      78  a variable is not usable, or there is no such bus
    """
    from marketswarm import granting, settings
    from marketswarm import truth as document
    from marketswarm.errors import BadEnvironmentError

    path, raw = read(file)
    with faults_of(path):
        parsed = document.parse(raw)
    environment = settings.load()
    buses = parsed.bus_urls()
    if bus is not None and bus not in buses:
        raise BadEnvironmentError(f"--bus: there is no {bus!r}; there are: {', '.join(buses)}")
    for each in [bus] if bus else buses:
        if not bus:
            click.echo(f"# {each}")
        click.echo(granting.lines(each, parsed, environment), nl=False)


@acl.command("apply", short_help="Give everybody the rights of the truth file.")
@TRUTH_OPTION
def apply(file: Path | None) -> None:
    """Give everybody on the buses the rights of the truth file: passwords that are missing, files, running servers.

    Only who loses a right is cut off. A server of this host that does not answer within 10 s gets them when it starts.
    The unit marketswarm-acl does this at each start of a bus, and of the swarm before the truth is seeded. Services
    that run by a truth which the file no longer has keep its rights too, until the file is seeded.

    \b
    Exit codes:
      0   done
      65  the document is not usable
      66  no such file
      69  a bus that has no file on this host does not answer
      77  a password may not be read or written: run it as root
      78  a variable is not usable
    """
    from marketswarm import granting, settings

    environment = settings.load()
    if environment.credentials is None:
        click.echo(f"nothing to do: {names.ENV_REDIS_CREDENTIALS} names no folder, so nobody has a login")
        return
    try:
        parsed = _truth(file)
    except (BadTruthError, NoTruthFileError):
        if known := granting.keeper(environment):
            asyncio.run(known.open_doors())
        raise
    asyncio.run(_apply(_keeper(), parsed))


async def _apply(keeper: "Keeper", parsed: "Truth") -> None:
    """Who runs by a truth that the file no longer has keeps its rights: a seed takes them away."""
    await keeper.open_doors()
    await keeper.apply([*await keeper.in_force(), parsed], click.echo)


def _truth(file: Path | None) -> "Truth":
    from marketswarm import truth as document

    path, raw = read(file)
    with faults_of(path):
        return document.parse(raw)


def _keeper() -> "Keeper":
    """Find who keeps the users of the buses. Raises NotAllowedError."""
    from marketswarm import granting, settings
    from marketswarm.errors import NotAllowedError

    environment = settings.load()
    keeper = granting.keeper(environment)
    if keeper is None:
        where = environment.credentials or names.ENV_REDIS_CREDENTIALS
        raise NotAllowedError(f"{where}: {_NOT_YOURS}")
    return keeper


@acl.command("rotate", short_help="Give everybody a new password.")
@TRUTH_OPTION
def rotate(file: Path | None) -> None:
    """Give everybody on the buses of this host a new password, and restart the services that run, one after another.

    The old passwords are good until the last service has its new one, so none of them is cut off, and nothing is
    missed. A program of your own, and services of other hosts, have to be given theirs: until then they are refused.
    What cuts this off does no harm; run it again, and it goes on. Services that the truth does not have, and that do
    not run, lose their user.

    \b
    Exit codes:
      0   done
      1   systemd could not do its part; the old passwords stay good
      65  the document is not usable
      66  no such file
      69  a bus does not answer
      77  not root
      78  a variable is not usable
    """
    from marketswarm import install as installing
    from marketswarm.install.rotating import rotate as rotate_all

    installing.check_root()
    keeper, parsed = _keeper(), _truth(file)
    rotate_all(keeper, parsed, click.echo)


@acl.command("cli", short_help="Run redis-cli on a bus as who may do anything.", context_settings=UNPARSED)
@click.argument("bus")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def cli(bus: str, words: tuple[str, ...]) -> None:
    """Run redis-cli on BUS as the user who may do anything; WORDS are a command, or none for a session.

    \b
    Examples:
      marketswarm acl cli system-redis
      marketswarm acl cli market-redis CONFIG SET maxmemory 1gb

    \b
    Exit codes:
      77  the password may not be read: run it as root
      78  a variable is not usable, there is no such bus, or no redis-cli
      all others are those of redis-cli
    """
    from marketswarm import settings, users
    from marketswarm.errors import BadEnvironmentError, NotAllowedError

    environment = settings.load(user=users.ADMIN)
    if bus not in names.DEFAULT_BUS_URLS and bus not in environment.buses:
        raise BadEnvironmentError(f"{bus}: no such bus; there are: {', '.join(names.DEFAULT_BUS_URLS)}")
    at = environment.address(bus)
    if environment.credentials and at.password is None:
        raise NotAllowedError(f"{environment.credentials}: {_NOT_YOURS}")
    program = shutil.which("redis-cli")
    if program is None:
        raise BadEnvironmentError("there is no redis-cli on PATH; apt install redis-tools")
    login = ("--user", at.username, "--no-auth-warning") if at.username else ()
    environ = settings.inherited() | ({"REDISCLI_AUTH": at.password} if at.password else {})
    sys.exit(asyncio.run(_run([program, *at.for_redis_cli(), *login, *words], environ)))


async def _run(command: list[str], environ: dict[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, env=environ)
    return await process.wait()
