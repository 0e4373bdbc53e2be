"""`marketswarm doctor`."""

import asyncio
import json
import sys
from pathlib import Path

import click

from marketswarm import names
from marketswarm.cli.common import JSON_OPTION, Command


@click.command(cls=Command, short_help="Check all that has to be well, with remedies.")
@click.option(
    "--truth",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"The truth document that should be in use.  [default: {names.TRUTH_FILE}, where it exists]",
)
@click.option(
    "--notify", is_flag=True, help="Also send a test message to each target, as marketswarm notify test does."
)
@JSON_OPTION
def doctor(file: Path | None, *, notify: bool, as_json: bool) -> None:
    """Check everything that has to be well, from the ground up, and say what to type where it is not.

    Looks at the environment, the truth file, the systemd units, the buses, the truth on them, the watchers, the
    heartbeats, the alerts, whether they reach people, the probes, the feeds, the queue of items, and the clocks. It
    changes nothing, and takes a few seconds at most; with --notify, as long as the targets take. On a host run it as
    root: the buses tell others little.

    \b
    ok      as it should be
    warn    it works, but not for all, or not for long
    FAIL    it does not work
    skip    it does not apply here, or cannot be asked; that is no fault

    \b
    Exit codes:
      0  all well
      1  warnings
      2  something failed
    """
    from marketswarm import term
    from marketswarm.doctor import ask_environment, examine, render

    settings, wrong = ask_environment()
    report = asyncio.run(examine(file, settings, wrong, prove=notify))
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        click.echo(render(report, term.painter(sys.stdout, allowed=settings.colour)))
    sys.exit(report.exit_code)
