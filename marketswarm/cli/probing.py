"""`marketswarm probes`: what massive probes, and how it is."""

import time

import click

from marketswarm.cli.common import JSON_OPTION, Command, show


@click.command(cls=Command, short_help="Show a line for each target that is probed.")
@JSON_OPTION
def probes(*, as_json: bool) -> None:
    """Show a line for each target that massive probes: how it is, since when, and which step fails for which reason.

    \b
    ok       all its steps went well, of dns, tcp, tls, http and api
    odd      it works, and something wants a look: a certificate that
             ends soon, a plan that has less, a clock that is off
    skipped  there is no key for it
    waiting  not probed yet
    bad      the last probe failed; announced when more of them do
    FAILED   announced as probe_failed; its end will be as probe_ok

    Targets stand under services.massive.probes in the truth, by NAME and URL: dns://host, tcp://host:port,
    tls://host:port, https://host/path or http://host/path. NET_HOST and NET_URL add one each; massive-api is the market
    API.

    People are told of a target as of massive/NAME; so are silence and ack typed.

    \b
    Examples:
      marketswarm probes
      watch marketswarm probes
      marketswarm probes --json | jq '.probes[] | {probe, step, ms}'
      marketswarm silence massive/broker --for 2h

    \b
    Exit codes:
      0   all well, or there are none
      1   a target is bad, failed or odd, or was not probed for too long;
          or massive does not beat
      3   can't tell: no bus, no truth, or a variable that is not usable
    """
    from marketswarm import probeview

    show(
        probeview.look,
        lambda found, paint: probeview.render(found, paint, time.time()),
        probeview.as_json,
        as_json=as_json,
        otherwise={"probes": []},
    )
