"""The group `marketswarm`."""

import click

from marketswarm.cli.common import Group
from marketswarm.cli.daemons import run, unit_failed
from marketswarm.cli.doctor import doctor
from marketswarm.cli.document import truth
from marketswarm.cli.host import install, uninstall
from marketswarm.cli.members import mesh
from marketswarm.cli.notify import notify
from marketswarm.cli.play import demo, up
from marketswarm.cli.probing import probes
from marketswarm.cli.reading import feeds, queue
from marketswarm.cli.rights import acl
from marketswarm.cli.seeding import seed
from marketswarm.cli.silencing import ack, silence, silences, unsilence
from marketswarm.cli.views import alerts, status


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="marketswarm", message="%(prog)s %(version)s")
def main() -> None:
    """MarketSwarm watches a swarm of market daemons and says within seconds when one has gone dark.

    Each service beats on a Redis bus. healer hears the beats and announces whose have stopped; sentinel does the same
    for healer. Who beats where stands in one document, the truth, which marketswarm-seed puts on the buses.

    The buses are system-redis (127.0.0.1:6379) and market-redis (127.0.0.1:6380); the variables SYSTEM_REDIS_URL and
    MARKET_REDIS_URL say otherwise. On a host most commands need root: only root may read the passwords of the buses.

    \b
    Examples:
      marketswarm demo               # the runbook, played in ten seconds
      marketswarm up                 # a swarm of your own; Ctrl-C ends it
      marketswarm truth check FILE   # every fault, before you seed it
      marketswarm-seed --truth FILE  # put it on the buses
      marketswarm run healer         # one service, as its unit runs it
      marketswarm status             # who is up and who is down
      marketswarm mesh               # who is in the swarm, and on what
      marketswarm alerts --follow    # what is being announced
      marketswarm probes             # what can be reached, and what not
      marketswarm feeds              # how each feed is doing
      marketswarm queue              # what of them waits for a worker
      marketswarm silence SERVICE    # tell nobody of it for an hour
    """


LOOK = (status, mesh, alerts, probes, feeds, queue, doctor)
TELL = (silence, unsilence, silences, ack, notify)
RUN = (run, up, demo, truth, acl, install, uninstall, seed, unit_failed)
for command in (*LOOK, *TELL, *RUN):
    main.add_command(command)

PROGRAMS: dict[str, click.Command] = {"marketswarm": main, "marketswarm-seed": seed}
"""What a host has on its PATH."""
