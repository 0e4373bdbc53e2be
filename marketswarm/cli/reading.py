"""`marketswarm feeds` and `marketswarm queue`: what is read from outside, and what is made of it."""

import asyncio
import json
import re
import sys
import time
from typing import Any, Final

import click

from marketswarm.cli.common import JSON_OPTION, Command, cannot_tell, show
from marketswarm.errors import MarketSwarmError

NOT_ALL: Final = 1
SHOWN: Final = 50
"""So many dead items are listed for people."""
_ENTRY_ID: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")


@click.command(cls=Command, short_help="Show a line for each feed.")
@JSON_OPTION
def feeds(*, as_json: bool) -> None:
    """Show a line for each feed: when it was fetched, what it answered, what came of it, when it is its turn again.

    \b
    ok       its document could be read, or is still the same (http 304)
    odd      so it is, but something about the document is wrong: see why
    waiting  not fetched yet: rss_agg does so soon after its start
    BROKEN   the last fetch failed; it is tried again, ever less often

    entries is how many its last document had; items, how many have come of it so far: each entry once, and once more
    when it is edited. Feeds stand under services.rss_agg.feeds in the truth; marketswarm-seed puts a change into use.

    \b
    Examples:
      marketswarm feeds
      watch marketswarm feeds
      marketswarm feeds --json | jq '.feeds[] | select(.failures > 0)'

    \b
    Exit codes:
      0   all well, or there are none
      1   a feed is broken, or has long been due
      3   can't tell: no bus, no truth, or a variable that is not usable
    """
    from marketswarm import feedview

    show(
        feedview.look,
        lambda found, paint: feedview.render(found, paint, time.time()),
        feedview.as_json,
        as_json=as_json,
    )


def _entry_ids(_ctx: click.Context, _param: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        match = _ENTRY_ID.fullmatch(word)
        if match is None or any(int(number) >= 2**64 for number in match.groups()):
            raise click.BadParameter(f"{word!r} is no id as --dead shows it, like 1762433458123-0")
    return tuple(dict.fromkeys(words))


@click.command(cls=Command, short_help="Show what waits on the queue of items.")
@click.argument("ids", nargs=-1, metavar="[ID]...", callback=_entry_ids)
@click.option("--dead", is_flag=True, help="Instead: the items that no worker could work through, and why.")
@click.option("--resend", is_flag=True, help="Send dead items back to the queue: those named, or all.")
@click.option("--drop", is_flag=True, help="Throw the dead items that are named away, for good.")
@JSON_OPTION
def queue(ids: tuple[str, ...], *, dead: bool, resend: bool, drop: bool, as_json: bool) -> None:
    """Show what waits on the queue between rss_agg and vexy_ai, for each group of workers, and whether they live.

    Not delivered yet is what no worker was given so far; pending, what one was given and has no result of yet. A worker
    is alive as long as it renews its lease; what one leaves behind that is gone, another takes over.

    An item that fails in every try is put aside, so that the others go on: it is dead. --dead lists the last 50 of
    those (with --json all, a line each); the first word is the ID. Once the reason is gone, --resend sends them back,
    with all their tries before them; two who do so at once send each once.

    The queue is what the truth names, or RSS_STREAM.

    \b
    Examples:
      marketswarm queue
      marketswarm queue --dead
      marketswarm queue --resend
      marketswarm queue --resend 1762433458123-0 1762433458123-1
      marketswarm queue --drop 1762433458123-0
      marketswarm queue --dead --json | jq -r .reason | sort | uniq -c

    \b
    Exit codes:
      0   nothing waits too long; or listed, sent back, thrown away
      1   there are dead items, something waits and no worker lives, or the
          queue is nearly full; or an ID was not there any more
      3   can't tell: no bus, no truth, or a variable that is not usable
    """
    if resend and drop:
        raise click.UsageError("--resend and --drop exclude each other")
    if ids and not (resend or drop):
        raise click.UsageError("an ID goes with --resend or --drop")
    if drop and not ids:
        raise click.UsageError("--drop wants the IDs; marketswarm queue --dead shows them")
    try:
        if resend:
            sys.exit(_resend(ids, as_json=as_json))
        elif drop:
            sys.exit(_drop(ids, as_json=as_json))
        elif dead:
            _list_dead(as_json=as_json)
        else:
            from marketswarm import queueing

            show(queueing.look, queueing.render, queueing.as_json, as_json=as_json)
    except MarketSwarmError as error:
        cannot_tell(error, as_json=as_json)


def _list_dead(*, as_json: bool) -> None:
    from marketswarm import queueing, settings, term

    environment = settings.load()
    found = asyncio.run(queueing.dead(environment, None if as_json else SHOWN))
    paint, now = term.painter(sys.stdout, allowed=environment.colour), time.time()
    for item in found.items:
        click.echo(json.dumps(queueing.dead_json(item)) if as_json else queueing.render_dead(item, paint, now))
    if not as_json and not found.items:
        click.echo("nothing is dead", err=True)
    elif not as_json and (older := found.total - len(found.items)) > 0:
        click.echo(f"and {older} older: marketswarm queue --dead --json lists all", err=True)


def _resend(ids: tuple[str, ...], *, as_json: bool) -> int:
    from marketswarm import queueing, settings

    sent = asyncio.run(queueing.revive(settings.load(), ids or None))
    return _told(sent, len(ids), "back on the queue", {"sent": sent}, as_json=as_json)


def _drop(ids: tuple[str, ...], *, as_json: bool) -> int:
    from marketswarm import queueing, settings

    dropped = asyncio.run(queueing.drop(settings.load(), ids))
    return _told(dropped, len(ids), "thrown away", {"dropped": dropped}, as_json=as_json)


def _told(count: int, named: int, done: str, shape: dict[str, Any], *, as_json: bool) -> int:
    """Say what was done to how many; 1 where some that were ``named`` were not there."""
    missing = max(0, named - count)
    code = NOT_ALL if missing else 0
    if as_json:
        click.echo(json.dumps({"exit_code": code} | shape | {"missing": missing}))
        return code
    if count:
        click.echo(f"{count} {'item is' if count == 1 else 'items are'} {done}")
    elif not named:
        click.echo("nothing is dead", err=True)
    if missing:
        click.echo(f"{missing} not there any more; marketswarm queue --dead shows what is", err=True)
    return code
