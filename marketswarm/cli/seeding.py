"""`marketswarm-seed`, and what `marketswarm truth` shares with it."""

import asyncio
import json
import sys
from pathlib import Path

import click

from marketswarm import users
from marketswarm.cli.common import TRUTH_OPTION, Command, faults_of


@click.command("seed", cls=Command, hidden=True, context_settings={"help_option_names": ["-h", "--help"]})
@TRUTH_OPTION
@click.option("--check", is_flag=True, help="Only validate the document; no bus is contacted.")
@click.option("--diff", is_flag=True, help="Only show what would change, service by service.")
@click.option("--restore", is_flag=True, help="Only give a bus that lost the truth what another bus still holds.")
@click.option(
    "--wait-sec",
    type=click.FloatRange(min=0),
    default=90.0,
    metavar="SECONDS",
    show_default=True,
    help="How long to wait for a bus that does not answer; inf: for ever.",
)
@click.version_option(package_name="marketswarm", message="%(prog)s %(version)s")
def seed(file: Path | None, wait_sec: float, *, check: bool, diff: bool, restore: bool) -> None:
    """Put the truth document on every bus, and make sure that it is there.

    Validates the document, waits for the buses, writes document and SHA-256 in one transaction, reads them back. Run
    again, it changes nothing. Services that run follow a new document by themselves, within seconds. With --restore the
    file counts only where no bus holds a good document.

    \b
    Examples:
      marketswarm-seed               # the file of this host
      marketswarm-seed --check       # is it good? touches no bus
      marketswarm-seed --diff        # what would it change?
      marketswarm-seed --truth FILE  # another file

    \b
    Exit codes:
      0   done; with --check: it is good; with --diff: nothing would change
      1   with --diff: something would change
      65  the document is not usable; nothing was written
      66  no such file; nothing was written
      69  a bus does not answer; nothing was written, unless it left midway
      77  a bus refuses: password, permission, memory
      78  a variable is not usable
    """
    from marketswarm import granting, settings
    from marketswarm import seed as seeding

    if restore:
        environment = settings.load(user=users.SEED)
        asyncio.run(seeding.restore(lambda: _good(file), environment, wait_sec=wait_sec, say=click.echo))
        return
    path, raw = read(file)
    if check:
        check_file(path, raw)
    elif diff:
        diff_file(path, raw)
    else:
        with faults_of(path, "not usable, nothing was written"):
            environment = settings.load(user=users.SEED)
            keeper = granting.keeper(environment)
            asyncio.run(seeding.seed(raw, environment, wait_sec=wait_sec, say=click.echo, keeper=keeper))


def read(file: Path | None, *, named_by: str = "--truth FILE") -> tuple[Path, bytes]:
    """Read the file given, else that of the host or the checkout; returns its path too."""
    from marketswarm import seed as seeding

    path = seeding.find_file(file, named_by=named_by)
    return path, seeding.read_file(path)


def _good(file: Path | None) -> bytes:
    from marketswarm import truth as document

    path, raw = read(file)
    with faults_of(path):
        document.parse(raw)
    return raw


def check_file(path: Path, raw: bytes) -> None:
    """Print every fault or every warning of a document."""
    from marketswarm import truth as document

    with faults_of(path):
        parsed = document.parse(raw)
    warnings = document.warnings(parsed)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{path}: good, {len(parsed.services)} service(s), {len(warnings)} warning(s)")


def diff_file(path: Path, raw: bytes, *, as_json: bool = False) -> None:
    """Print what seeding a document would change, and exit: 0 if nothing, 1 if anything."""
    from marketswarm import reseeding, settings, term
    from marketswarm import seed as seeding

    environment = settings.load(user=users.SEED)
    with faults_of(path):
        outlook = asyncio.run(seeding.diff(raw, environment))
    if as_json:
        click.echo(json.dumps(reseeding.as_json(outlook)))
    elif outlook.exit_code:
        click.echo(reseeding.render(outlook, term.painter(sys.stdout, allowed=environment.colour)))
    else:
        click.echo(f"{path}: the same as on every bus")
    sys.exit(outlook.exit_code)
