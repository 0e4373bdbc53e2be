"""`marketswarm run`."""

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
