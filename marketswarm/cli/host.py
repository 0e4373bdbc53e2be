"""`marketswarm install` and `marketswarm uninstall`: the files on a host."""

import os
from pathlib import Path

import click

from marketswarm.cli.common import Command

ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/"),
    metavar="DIR",
    help="Work below DIR, as for an image; no systemd is asked.  [default: this host]",
)
PORT = click.IntRange(1, 65535)


@click.command(cls=Command, short_help="Lay down the files of a host.")
@ROOT
@click.option("--start", is_flag=True, help="Then start the swarm, or bring a running one to this version.")
@click.option(
    "--system-port", type=PORT, metavar="PORT", help="Let the bus system-redis listen on this port.  [default: 6379]"
)
@click.option(
    "--market-port", type=PORT, metavar="PORT", help="Let the bus market-redis listen on this port.  [default: 6380]"
)
def install(root: Path, system_port: int | None, market_port: int | None, *, start: bool) -> None:
    """Lay down the files of a host: units, config, manual pages, completions; and make its user and group, marketswarm.

    packaging/install.sh calls it, once it has made /opt/marketswarm. Run again it brings them to this version: a config
    file under /etc/marketswarm that you edited stays, and the new one is put beside it with the suffix .new.

    \b
    Exit codes:
      0   done
      1   systemd could not do its part; the line says which
      77  not root
      78  not the environment that the units start, or no systemd here
    """
    from marketswarm import install as installing
    from marketswarm import names
    from marketswarm.cli.completion import completions
    from marketswarm.cli.manual import man_pages
    from marketswarm.install import ports

    live = root == Path("/")
    if live:
        installing.check_host()
    os.umask(0o022)  # whatever root's is: the daemons are other users
    laid = installing.lay_down(root, man_pages() | completions(), click.echo)
    for bus, port in ((names.SYSTEM_BUS, system_port), (names.MARKET_BUS, market_port)):
        if port is not None:
            laid.changed.add(ports.move_bus(root, bus, port))
    ports.keep_sockets(root)
    installing.make_user(root)
    installing.make_logins(root)
    if live:
        installing.set_going(laid, click.echo, start=start)


@click.command(cls=Command, short_help="Stop the swarm and take its files away.")
@ROOT
@click.option("--purge", is_flag=True, help="Take config and data as well.")
def uninstall(root: Path, *, purge: bool) -> None:
    """Stop the swarm and take its files away: units, commands, /opt/marketswarm.

    Config in /etc/marketswarm, data in /var/lib/marketswarm and the user marketswarm stay unless --purge is given.

    \b
    Exit codes:
      0   done
      1   systemd could not do its part; the line says which
      77  not root
    """
    from marketswarm import install as installing
    from marketswarm import units

    live = root == Path("/")
    if live:
        installing.check_root()
    installing.take_away(root, click.echo, purge=purge, live=live and units.systemd_runs())
    click.echo("MarketSwarm is uninstalled")
