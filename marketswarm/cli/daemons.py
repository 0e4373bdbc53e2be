"""`marketswarm run`, and what systemd calls when it has given a unit up."""

import asyncio

import click

from marketswarm.cli.common import Command


@click.command(cls=Command)
@click.argument("service")
def run(service: str) -> None:
    """Run one SERVICE in the foreground until SIGTERM or Ctrl-C.

    It waits for its bus and for the truth, then beats. Exit codes are sysexits(3): 65 bad truth, 77 refused by the
    bus, 78 bad environment or no such service.
    """
    from marketswarm.start import start

    start(service)


@click.command("unit-failed", cls=Command, hidden=True)
@click.argument("unit")
def unit_failed(unit: str) -> None:
    """Announce that systemd has given UNIT up; the units call it by OnFailure=."""
    from marketswarm import settings
    from marketswarm.failure import announce

    asyncio.run(announce(unit, settings.load()))
