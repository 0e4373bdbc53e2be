"""`marketswarm up` and `marketswarm demo`: the whole swarm in one terminal, without root or systemd."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from marketswarm.cli.common import SERVICE_ARGUMENT, Command, Group, faults_of

OWN_TRUTH = click.option(
    "--truth",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The truth document.  [default: the one that MarketSwarm brings, with its six services]",
)


@click.group(cls=Group, invoke_without_command=True, short_help="Run the whole swarm in this terminal.")
@OWN_TRUTH
@click.pass_context
def up(ctx: click.Context, file: Path | None) -> None:
    """Run the whole swarm here: two private redis-servers, the seed, every service. Ctrl-C stops all of it.

    Its servers have ports of their own, so that it runs beside the swarm of this host and does not touch it. It prints
    the two variables that let `marketswarm status` and `marketswarm alerts --follow` find them.

    While it runs, play the runbook from a second terminal, with the commands below.

    \b
    Examples:
      marketswarm up                # in the first terminal
      marketswarm up stop rss_agg   # heartbeat_miss after its timeout
      marketswarm up start rss_agg  # heartbeat_ok with its first beat
      marketswarm up kill healer    # SIGKILL; sentinel says healer_miss
      marketswarm up ps             # what runs

    \b
    Exit codes:
      0   stopped by Ctrl-C or SIGTERM
      1   another one of yours runs, or none that a command could ask
      65  the truth is not usable
      66  no such file
      69  no server to be had, or one that ended
      78  a variable is not usable
    """
    if ctx.invoked_subcommand is None:
        from marketswarm.local.up import up as run_up

        sys.exit(asyncio.run(run_up(**_swarm(file))))


@up.command("stop")
@SERVICE_ARGUMENT
def stop(service: str) -> None:
    """Stop SERVICE as a service manager would (SIGTERM); it stays down."""
    _ask("stop", service)


@up.command("start")
@SERVICE_ARGUMENT
def start(service: str) -> None:
    """Start SERVICE again, after `stop` or `kill`."""
    _ask("start", service)


@up.command("kill", short_help="Kill SERVICE (SIGKILL), as a crash would.")
@SERVICE_ARGUMENT
def kill(service: str) -> None:
    """Kill SERVICE (SIGKILL), as a crash would; it stays down until `start`."""
    _ask("kill", service)


@up.command("ps")
def ps() -> None:
    """Show each service of the swarm that runs, its state and its pid."""
    _ask("ps", "")


@click.command(cls=Command, short_help="Play the runbook in a swarm of its own.")
@OWN_TRUTH
@click.option("--verbose", "-v", is_flag=True, help="Show what the services log as well.")
def demo(file: Path | None, *, verbose: bool) -> None:
    """Play the runbook in a swarm with second-scale timing, and check every alert; takes about ten seconds.

    Stops rss_agg and starts it again, kills healer and starts it again, kills sentinel and starts it again, on two
    private servers: the swarm of this host is not touched.

    \b
    Exit codes:
      0    each of the six alerts came, in its turn, and nothing else did
      1    one was missing, late, or too many
      65   the truth is not usable
      66   no such file
      69   no server to be had
      78   a variable is not usable
      130  ended by Ctrl-C
    """
    from marketswarm.local.demo import demo as run_demo

    sys.exit(asyncio.run(run_demo(**_swarm(file), verbose=verbose)))


def _swarm(file: Path | None) -> dict[str, Any]:
    """Gather what a local swarm is made of."""
    from marketswarm import hostfiles, seed, services, settings, term, truth

    path = file or hostfiles.find("etc/truth.json")
    raw = seed.read_file(path)
    with faults_of(path):
        wanted = truth.parse(raw).services
    installed = services.installed()
    environment = settings.load()
    return {
        "truth_raw": raw,
        "services": [name for name in wanted if name in installed],
        "environ": settings.inherited(),
        "paint": term.painter(sys.stdout, allowed=environment.colour),
        "out": sys.stdout,
    }


def _ask(verb: str, service: str) -> None:
    from marketswarm import settings
    from marketswarm.local.control import ask, socket_path

    click.echo(ask(socket_path(settings.inherited()), verb, service))
