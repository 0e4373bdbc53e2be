"""`marketswarm run`, and what systemd calls when it has given a unit up."""

import asyncio

import click

from marketswarm import users
from marketswarm.cli.common import SERVICE_ARGUMENT, Command


@click.command(cls=Command)
@SERVICE_ARGUMENT
def run(service: str) -> None:
    """Run one SERVICE in the foreground until SIGTERM or Ctrl-C.

    It waits for its bus and for the truth, then beats. This is what the unit marketswarm@SERVICE does, so stop that one
    before you run the same service by hand: systemctl stop marketswarm@SERVICE.

    Under systemd SIGHUP (systemctl reload marketswarm@SERVICE) has it look at the truth at once instead of within 4 s.
    By hand it ends by SIGHUP, as when its terminal is closed.

    \b
    Examples:
      marketswarm run healer
      LOG_LEVEL=DEBUG marketswarm run rss_agg

    \b
    Exit codes:
      0   stopped by SIGTERM or Ctrl-C
      65  the truth on the bus is not usable
      69  NET_PROBE_STRICT is set, and a target cannot be reached
      70  its work ended by itself, which is a bug
      77  a bus refuses: password, permission, memory
      78  a variable is not usable, or there is no such service
    """
    from marketswarm.start import start

    start(service)


@click.command("unit-failed", cls=Command, hidden=True)
@click.argument("unit")
def unit_failed(unit: str) -> None:
    """Announce that systemd has given UNIT up; the units call it by OnFailure=."""
    from marketswarm.doctor import ask_environment
    from marketswarm.failure import tell

    # The setting that cannot be used may be why the unit failed: it must not silence this.
    environment, _ = ask_environment(users.FAILED)
    asyncio.run(tell(unit, environment))
