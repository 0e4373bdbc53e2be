"""`marketswarm silence`, `unsilence`, `silences` and `ack`: what people are told of, and what not for a while."""

import asyncio
import json
import sys
import time

import click

from marketswarm import names
from marketswarm.cli.common import JSON_OPTION, OPTIONAL_SERVICE_ARGUMENT, SERVICE_ARGUMENT, Command
from marketswarm.durations import LIKE, in_seconds, spoken

MAX_FOR_SEC = 30 * 86_400
MAX_WHY = 200
NOTHING_TO_DO = 1


def _seconds(_ctx: click.Context, _param: click.Parameter, text: str) -> int:
    found = in_seconds(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not like {LIKE}")
    if not 0 < found <= MAX_FOR_SEC:
        raise click.BadParameter(f"must be from 1s to {MAX_FOR_SEC // 86_400}d, is {text}")
    return found


def _short(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    if len(text) > MAX_WHY:
        raise click.BadParameter(f"at most {MAX_WHY} characters, has {len(text)}")
    return text


def _subject(service: str | None, *, everything: bool) -> str:
    if everything and service is not None:
        raise click.UsageError(f"--all and {service!r} exclude each other")
    if everything:
        return names.EVERYTHING
    if service is None or service == names.EVERYTHING:
        raise click.UsageError("name a SERVICE, or give --all")
    return service


def _but(all_until: float | None) -> str:
    """Say that a service stays silent, where everything is."""
    from marketswarm.term import local_time

    if all_until is None:
        return ""
    return f", but everything is until {local_time(all_until, time.time())} (marketswarm unsilence --all)"


def _words(subject: str) -> str:
    return "--all" if subject == names.EVERYTHING else subject


WHY_OPTION = click.option("--why", metavar="TEXT", default="", callback=_short, help="The reason, for others to read.")


@click.command(cls=Command, short_help="Tell nobody of a service for a while.")
@OPTIONAL_SERVICE_ARGUMENT
@click.option("--all", "everything", is_flag=True, help="Instead of one SERVICE: tell nobody of anything.")
@click.option(
    "--for",
    "for_sec",
    metavar="SPAN",
    default="1h",
    show_default=True,
    callback=_seconds,
    help=f"How long: {LIKE}; at most {MAX_FOR_SEC // 86_400}d.",
)
@WHY_OPTION
def silence(service: str | None, for_sec: int, why: str, *, everything: bool) -> None:
    """Tell nobody of SERVICE for a while, as while you work on it.

    SERVICE may also be a bus or a probe, as in massive/NAME. Who silences massive silences none of its probes.

    Its state is still tracked: it stands in `marketswarm status` and `marketswarm alerts` as ever, and programs hear
    of it. Only messages to people are held back. Silenced again, the new end counts.

    \b
    Examples:
      marketswarm silence rss_agg
      marketswarm silence rss_agg --for 2h --why "new feed"
      marketswarm silence massive/broker --for 8h
      marketswarm silence --all --for 30m

    \b
    Exit codes:
      0   silenced
      65  the truth on the buses is not usable
      69  system-redis does not answer, or no bus has the truth
      77  a bus refuses
      78  a variable is not usable, or there is nothing of that name
    """
    subject = _subject(service, everything=everything)
    from marketswarm import pauses, settings
    from marketswarm.term import local_time

    made = asyncio.run(pauses.silence(settings.load(), subject, for_sec, why))
    click.echo(
        f"{pauses.called(subject)} is silenced until {local_time(made.until, made.since)} ({spoken(for_sec)}): "
        f"nobody is told, its state is still tracked; undo: marketswarm unsilence {_words(subject)}"
    )


@click.command(cls=Command, short_help="End a silence before its time.")
@OPTIONAL_SERVICE_ARGUMENT
@click.option("--all", "everything", is_flag=True, help="End the silence of everything; others stay.")
def unsilence(service: str | None, *, everything: bool) -> None:
    """End the silence of SERVICE before its time.

    \b
    Examples:
      marketswarm unsilence rss_agg
      marketswarm unsilence --all

    \b
    Exit codes:
      0   ended
      1   there was none
      69  system-redis does not answer
      77  a bus refuses
      78  a variable is not usable
    """
    subject = _subject(service, everything=everything)
    from marketswarm import pauses, settings

    ended, all_until = asyncio.run(pauses.unsilence(settings.load(), subject))
    called = pauses.called(subject)
    if not ended:
        click.echo(f"{called} is not silenced{_but(all_until)}; see marketswarm silences", err=True)
        sys.exit(NOTHING_TO_DO)
    click.echo(f"the silence of {called} is over{_but(all_until)}")


@click.command(cls=Command, short_help="Show who is silenced.")
@JSON_OPTION
def silences(*, as_json: bool) -> None:
    """Show the silences in force, a line each: of what, until when, how long still, by whom and why.

    \b
    Examples:
      marketswarm silences
      marketswarm silences --json | jq -r '.[].subject'

    \b
    Exit codes:
      0   shown, or there were none
      69  system-redis does not answer
      77  a bus refuses
      78  a variable is not usable
    """
    from msgspec import structs

    from marketswarm import pauses, settings

    found = asyncio.run(pauses.in_force(settings.load()))
    now = time.time()
    if as_json:
        left = [structs.asdict(one) | {"left_sec": round(max(0.0, one.until - now), 3)} for one in found]
        click.echo(json.dumps(left))
    elif found:
        click.echo("\n".join(pauses.render(found, now)))
    else:
        click.echo("no silences", err=True)


@click.command(cls=Command, short_help="Say that you know that a service is down.")
@SERVICE_ARGUMENT
@WHY_OPTION
@click.option("--undo", is_flag=True, help="Take it back.")
def ack(service: str, why: str, *, undo: bool) -> None:
    """Acknowledge that SERVICE is down: no reminders and no escalation until it is back.

    SERVICE may also be a bus or a probe, as in massive/NAME. That it is back is told, and so is the next time that it
    goes.

    \b
    Examples:
      marketswarm ack rss_agg
      marketswarm ack rss_agg --why "waiting for the provider"
      marketswarm ack massive/broker
      marketswarm ack rss_agg --undo

    \b
    Exit codes:
      0   acknowledged, or taken back
      1   it is not down, or was not acknowledged
      65  the truth on the buses is not usable
      69  system-redis does not answer, or no bus has the truth
      77  a bus refuses
      78  a variable is not usable, or there is nothing of that name
    """
    from marketswarm import pauses, settings

    called = pauses.called(service)
    environment = settings.load()
    if undo:
        done = asyncio.run(pauses.unacknowledge(environment, service))
        good = f"{called} is not acknowledged any more: reminders and escalation go on"
        bad = f"{called} was not acknowledged: nothing to undo"
    else:
        done = asyncio.run(pauses.acknowledge(environment, service, why))
        good = (
            f"{called} is acknowledged: no reminders and no escalation until it is back; "
            f"undo: marketswarm ack {called} --undo"
        )
        bad = f"{called} is not down: nothing to acknowledge"
    click.echo(good if done else bad, err=not done)
    if not done:
        sys.exit(NOTHING_TO_DO)
