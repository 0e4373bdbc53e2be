"""`marketswarm-seed` and `marketswarm truth`: the document, before and after it reaches the buses."""

import asyncio
import json
import sys
from pathlib import Path

import click

from marketswarm.cli.common import TRUTH_OPTION, Command, Group, faults_of

FILE_ARGUMENT = click.argument("file", type=click.Path(path_type=Path), required=False)


@click.command("seed", cls=Command, hidden=True, context_settings={"help_option_names": ["-h", "--help"]})
@TRUTH_OPTION
@click.option("--check", is_flag=True, help="Only validate the document; no bus is contacted.")
@click.option("--diff", is_flag=True, help="Only show what would change on each bus.")
@click.option(
    "--wait-sec",
    type=click.FloatRange(min=0),
    default=90.0,
    show_default=True,
    help="How long to wait for a bus that does not answer.",
)
@click.version_option(package_name="marketswarm", message="%(prog)s %(version)s")
def seed(file: Path | None, wait_sec: float, *, check: bool, diff: bool) -> None:
    """Put the truth document on every bus, and make sure that it is there.

    Validates the document, waits for the buses, writes document and SHA-256 in one transaction, reads them back. Run
    again, it changes nothing. Services that run follow a new document by themselves, within seconds.

    Exit codes are sysexits(3): 65 bad truth, 66 no file, 69 a bus does not answer, 77 a bus refuses; nothing was
    written after 65, 66 and 69.
    """
    from marketswarm import seed as seeding
    from marketswarm import settings

    path, raw = _read(file)
    if check:
        _check(path, raw)
    elif diff:
        _diff(path, raw)
    else:
        with faults_of(path, "not usable, nothing was written"):
            asyncio.run(seeding.seed(raw, settings.load(), wait_sec=wait_sec, say=click.echo))


@click.group(cls=Group)
def truth() -> None:
    """Look at the truth document before you seed it, or as the buses have it."""


@truth.command("check")
@FILE_ARGUMENT
def check(file: Path | None) -> None:
    """Validate FILE: every fault and every warning, a line each. Exit code 65 for a fault."""
    _check(*_read(file))


@truth.command("diff")
@FILE_ARGUMENT
def diff(file: Path | None) -> None:
    """Show what seeding FILE would change on each bus. Exit code 1 if anything."""
    _diff(*_read(file))


@truth.command("show")
@click.option("--bus", default=None, help="The bus to read.  [default: the first that has it]")
def show(bus: str | None) -> None:
    """Print the document that the services run on, exactly as it is stored."""
    from marketswarm import seed as seeding
    from marketswarm import settings

    raw = asyncio.run(seeding.fetch(settings.load(), bus))
    click.echo(raw.decode("utf-8", "replace").rstrip("\n"))


@truth.command("schema")
def schema() -> None:
    """Print the JSON schema of the document, for an editor."""
    from marketswarm import truth as document

    click.echo(json.dumps(document.schema(), indent=2))


def _read(file: Path | None) -> tuple[Path, bytes]:
    from marketswarm import seed as seeding

    path = seeding.find_file(file)
    return path, seeding.read_file(path)


def _check(path: Path, raw: bytes) -> None:
    from marketswarm import truth as document

    with faults_of(path):
        parsed = document.parse(raw)
    warnings = document.warnings(parsed)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{path}: good, {len(parsed.services)} service(s), {len(warnings)} warning(s)")


def _diff(path: Path, raw: bytes) -> None:
    from marketswarm import seed as seeding
    from marketswarm import settings

    with faults_of(path):
        lines = asyncio.run(seeding.diff(raw, settings.load()))
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo(f"{path}: the same as on every bus")
    sys.exit(1 if lines else 0)
