"""`marketswarm notify`: proof that alerts reach people, before it is needed."""

import asyncio
import json
import sys

import click

from marketswarm.cli.common import JSON_OPTION, Group

NOT_ALL = 1


@click.group(cls=Group, short_help="Prove that alerts reach people.")
def notify() -> None:
    """Prove that alerts reach people, before that is needed.

    Where to: WEBHOOK_URL, SMTP_HOST and the others that begin so, NOTIFY_URLS; see `man marketswarm`.

    \b
    Examples:
      marketswarm notify test
      WEBHOOK_URL=https://hooks.example.com/x marketswarm notify test
    """


@notify.command("test", short_help="Send a test to each target.")
@JSON_OPTION
def test(*, as_json: bool) -> None:
    """Send a test message to each target, and print what each answered.

    healer and sentinel send it, each to all its targets, so it is proved what they are allowed to reach and which
    secrets they were given. Where this shell itself has the variables of a target, it is sent from here instead.

    With --json, a line for each answer: {watcher, target, result, says, sec}.

    \b
    Exit codes:
      0   all delivered
      1   something was not, or there is no target
      69  system-redis does not answer, or nobody is there to send
      77  system-redis refuses
      78  a variable is not usable
    """
    sys.exit(asyncio.run(_test(as_json=as_json)))


async def _test(*, as_json: bool) -> int:
    from msgspec import to_builtins

    from marketswarm import proving, settings, term
    from marketswarm.notices.message import Result

    environment = settings.load()
    paint = term.painter(sys.stdout, allowed=environment.colour)
    results = []
    async for answer in proving.test(environment):
        if answer.target:
            results.append(answer.result)
        if not as_json:
            click.echo(proving.render_answer(answer, paint))
        elif answer.target:
            click.echo(json.dumps(to_builtins(answer)))
    return 0 if results and all(result is Result.DELIVERED for result in results) else NOT_ALL
