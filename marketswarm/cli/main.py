"""The group `marketswarm`."""

import click

from marketswarm.cli.common import Group
from marketswarm.cli.daemons import run
from marketswarm.cli.doctor import doctor
from marketswarm.cli.play import demo, up
from marketswarm.cli.seeding import seed, truth
from marketswarm.cli.views import alerts, status


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="marketswarm", message="%(prog)s %(version)s")
def main() -> None:
    """MarketSwarm watches a swarm of market daemons and says within seconds when one has gone dark.

    \b
    See it work:     marketswarm demo
    Play by hand:    marketswarm up, and in a second terminal: marketswarm status
    For real:        marketswarm-seed, then marketswarm run healer, marketswarm run rss_agg, ...
    What is wrong:   marketswarm doctor

    The buses are system-redis (127.0.0.1:6379) and market-redis (127.0.0.1:6380); the variables SYSTEM_REDIS_URL and
    MARKET_REDIS_URL say otherwise.
    """


for command in (run, up, demo, status, alerts, doctor, truth, seed):
    main.add_command(command)
