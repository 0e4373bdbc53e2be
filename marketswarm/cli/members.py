"""`marketswarm mesh`."""

import time

import click

from marketswarm.cli.common import JSON_OPTION, Check, show


@click.command(cls=Check, short_help="Show who is in the swarm, and on what.")
@JSON_OPTION
def mesh(*, as_json: bool) -> None:
    """Show a line for each member of the swarm, as mesh knows them: who should be there by the truth, and who is.

    \b
    alive      it beats
    suspected  silent for two intervals, or for most of its timeout
    FAILED     its timeout is over, and no goodbye was heard; see why
    left       it said goodbye
    unseen     it stands in the truth, and was never heard

    The host, process and version are those of the last process that beat, as its lease tells them; of a program that
    only publishes its beats, nothing of that is known. A truth that is not the one on the buses is marked old. Standbys
    are the hosts on which others wait to own a singleton; on which truth those run is not shown. What has left the
    truth is shown for a day more.

    mesh has to run for this: it keeps mesh:services on system-redis, and publishes each change on mesh:gossip.

    \b
    Examples:
      marketswarm mesh
      watch marketswarm mesh
      marketswarm mesh --json | jq '.members[] | select(.state != "alive")'

    \b
    Exit codes:
      0   all are alive, and on the truth that the buses hold
      1   somebody is suspected, left or unseen, or on another truth; or a
          bus does not answer
      2   somebody has failed
      3   can't tell: mesh does not run; no bus, no truth, or a variable
          that is not usable
    """
    from marketswarm import meshview

    show(
        meshview.look,
        lambda found, paint: meshview.render(found, paint, time.time()),
        meshview.as_json,
        as_json=as_json,
    )
