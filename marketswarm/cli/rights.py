"""`marketswarm acl`: who may do what on the buses."""

import asyncio
from pathlib import Path

import click

from marketswarm import names
from marketswarm.cli.common import TRUTH_OPTION, Group, faults_of
from marketswarm.cli.seeding import read


@click.group(cls=Group, short_help="Who may do what on the buses.")
def acl() -> None:
    """Who may do what on the buses, as the truth says it.

    Each service has a user of its name on each bus, who may send that service's beats, touch what its access points
    name, and run the commands that it needs. Whoever gives no login may look: at health:*, the truth and the alerts.
    The passwords are in /etc/marketswarm/credentials/redis, a file for each user, and units are given their own alone.

    marketswarm-seed, run as root, brings the rights to a new truth by itself.

    \b
    Examples:
      marketswarm acl show                     # the users, as redis.conf's aclfile has them
      marketswarm acl show --bus market-redis  # for a server of your own
      marketswarm acl apply                    # put them right, if somebody changed them by hand
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

    Only who loses a right is cut off. A server of this host that does not run gets them when it starts. The unit
    marketswarm-acl does this at each start of the swarm, before the truth is seeded.

    \b
    Exit codes:
      0   done
      65  the document is not usable
      66  no such file
      69  a bus does not answer that is not started with a file of this host
      77  a password may not be read or written: run it as root
      78  a variable is not usable
    """
    from marketswarm import granting, settings
    from marketswarm import truth as document
    from marketswarm.errors import NotAllowedError

    path, raw = read(file)
    with faults_of(path):
        parsed = document.parse(raw)
    environment = settings.load()
    if environment.credentials is None:
        click.echo(f"nothing to do: {names.ENV_REDIS_CREDENTIALS} names no folder, so nobody has a login")
        return
    keeper = granting.keeper(environment)
    if keeper is None:
        where = environment.credentials
        raise NotAllowedError(
            f"{where}: the password that this takes is not there, or not yours to read; run it as root"
        )
    asyncio.run(keeper.apply([parsed], click.echo))
