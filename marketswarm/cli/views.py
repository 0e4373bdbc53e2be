"""`marketswarm status` and `marketswarm alerts`."""

import asyncio
import json
import sys
import time

import click

from marketswarm.cli.common import JSON_OPTION, Check, Command, show


@click.command(cls=Check, short_help="Show a line for each service.")
@JSON_OPTION
def status(*, as_json: bool) -> None:
    """Show a line for each service: state, age of its last beat, time of the last verdict, host, why it is down.

    \b
    up         it beat within its timeout; with a lease also how long ago
    DOWN       reported as missed
    returning  reported as missed, and beating again
    stopped    it said goodbye; that is reported when its timeout is over
    unseen     no beat since healer started, and no verdict yet
    unknown    its bus does not answer, or its watcher does not beat

    Host: where it beats; of a singleton also where others stand by to take over.

    Why: stopped, crashed, restarting, unknown, or wedged (it is connected to its bus and does not beat); then whether
    it is silenced or acknowledged. With --json also what was counted: lost beats, restarts, duplicates (two processes
    under one name).

    \b
    Examples:
      marketswarm status
      watch marketswarm status
      marketswarm status --json | jq .services

    \b
    Exit codes:
      0   all well
      1   a warning
      2   something is down
      3   can't tell
    """
    from marketswarm import overview

    show(overview.look, overview.render, overview.Overview.as_json, as_json=as_json, otherwise={"services": []})


@click.command(cls=Command, short_help="Show the alerts that were announced.")
@click.option("--follow", "-f", is_flag=True, help="Go on and show each alert as it comes.")
@click.option("--since", metavar="WHEN", help="From then on: 90s, 15m, 2h, 3d, or a local time 2026-01-31T09:30.")
@click.option("--all", "-a", "everything", is_flag=True, help="Also those that people are told of as a group.")
@click.option("--undelivered", is_flag=True, help="Instead: what has not reached people.")
@click.option("--resend", is_flag=True, help="With --undelivered: send what was refused once more.")
@JSON_OPTION
def alerts(
    since: str | None, *, follow: bool, everything: bool, undelivered: bool, resend: bool, as_json: bool
) -> None:
    """Show the alerts that were announced, the last 50 unless --since says more.

    Where most of a bus's services go dark at once, or one goes and comes, the group is shown (mass_miss, flapping);
    --all shows each alert in it as well. With --json, a line for each alert, as it was published.

    What a target refuses for good (a webhook by 401 or 404, a mail server by 5xx) is parked: --undelivered lists it,
    with the target and the reason, and what else waits. Once that is mended, --resend has it sent again, and what was
    delivered is gone from the list.

    \b
    Examples:
      marketswarm alerts --since 2h
      marketswarm alerts --follow
      marketswarm alerts --json --since 3d | jq .type
      marketswarm alerts --undelivered --resend

    \b
    Exit codes:
      0   shown, or there were none
      1   --resend: something was refused once more
      69  system-redis does not answer, or nobody is there to send
      77  system-redis refuses
      78  a variable is not usable
    """
    from marketswarm import history

    if undelivered or resend:
        if since or follow or everything or not undelivered:
            raise click.UsageError("--undelivered goes with --resend and --json alone, and --resend with --undelivered")
        sys.exit(asyncio.run(_undelivered(resend=resend, as_json=as_json)))
    try:
        start = history.parse_since(since, time.time()) if since else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    try:
        count = asyncio.run(_print_alerts(start, follow=follow, everything=everything or as_json, as_json=as_json))
    except KeyboardInterrupt:
        return
    if not count and not as_json:
        click.echo("no alerts so far" if since is None else f"no alerts since {since}", err=True)


async def _print_alerts(since: float | None, *, follow: bool, everything: bool, as_json: bool) -> int:
    from marketswarm import history, settings, term

    environment = settings.load()
    paint = term.painter(sys.stdout, allowed=environment.colour)
    count = 0
    async for entry in history.entries(environment, since=since, follow=follow):
        if not everything and history.in_a_group(entry):
            continue
        count += 1
        click.echo(entry[1].decode("utf-8", "replace") if as_json else history.render(entry, paint))
    return count


async def _undelivered(*, resend: bool, as_json: bool) -> int:
    from msgspec import to_builtins

    from marketswarm import proving, settings, term
    from marketswarm.notices.message import Result

    environment = settings.load()
    paint = term.painter(sys.stdout, allowed=environment.colour)
    found = await proving.undelivered(environment)
    if resend and found.letters:
        failed = 0
        async for answer in proving.resend(environment, [entry for entry, _ in found.letters]):
            failed += answer.result is not Result.DELIVERED
            if as_json:
                click.echo(json.dumps(to_builtins(answer)))
            elif answer.letter:
                click.echo(proving.render_answer(answer, paint))
        return int(failed > 0)
    for entry, letter in found.letters:
        shown = json.dumps(proving.letter_json(entry, letter))
        click.echo(shown if as_json else proving.render_letter(entry, letter, paint))
    if not as_json:
        for name, state in found.waiting.items():
            click.echo(proving.render_waiting(name, state, paint))
        if not found.letters and not found.waiting:
            click.echo("nothing was refused, and nothing waits", err=True)
    return 0
