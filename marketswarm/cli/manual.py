"""Man pages, made from the commands themselves: a page says what ``--help`` says.

The library click-man does the same from outside. It is not used since it escapes nothing but hyphens, fills the lines
that click is told to leave alone, knows section 1 only, and dates each page.
"""

import inspect
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version

import click

from marketswarm import names, unitnames, variables
from marketswarm.cli import roff
from marketswarm.cli.main import PROGRAMS, main
from marketswarm.install import plan

HEADINGS = {"Examples:": "EXAMPLES", "Exit codes:": "EXIT STATUS"}
"""What a paragraph of a help text begins with, on a line of its own, to become a section of the page."""
ADMINISTERS = {"marketswarm-seed"}
"""Pages of section 8: what they describe changes the host for everyone."""
FILES = {
    names.TRUTH_FILE: "The truth: who beats, where and how often. marketswarm-seed puts it on the buses.",
    names.ENV_FILE: "Environment variables for every unit, `NAME=value` a line.",
    f"/{plan.CONFIG}/SERVICE.env": "The same for one service; wins over what is set for all.",
    f"/{plan.CONFIG}/redis/": "The settings of the two bus servers.",
    f"/{plan.SECRETS}/": "Secrets, a file for each, named as the variable that it stands for; root's alone.",
    f"/{plan.PRIVATE_STATE}/redis/": "What the buses keep on disk.",
    unitnames.redis_socket("BUS-redis"): f"Where the units reach a bus; the group {unitnames.GROUP} may open it.",
}
BEYOND = ("journalctl(1)", "systemctl(1)")
"""What the main page sends its readers on to."""


def man_pages() -> dict[str, bytes]:
    """Make every page, by its path below a share directory: ``man/man1/marketswarm-up.1``. Always the same bytes."""
    everyone = [ctx for program, command in PROGRAMS.items() for ctx in _walk(command, program)]
    return {_path(ctx): _page(ctx, everyone).encode("ascii") for ctx in everyone}


def _walk(command: click.Command, word: str, parent: click.Context | None = None) -> Iterator[click.Context]:
    """Yield a command and all below it, as click sees them when they are called."""
    ctx = click.Context(command, info_name=word, parent=parent, **command.context_settings)
    yield ctx
    for below, command_below in _commands(ctx):
        yield from _walk(command_below, below, ctx)


def _commands(ctx: click.Context) -> list[tuple[str, click.Command]]:
    """The commands of a group that its ``--help`` lists."""
    if not isinstance(ctx.command, click.Group):
        return []
    return [(word, command) for word, command in sorted(ctx.command.commands.items()) if not command.hidden]


def _name(ctx: click.Context) -> str:
    return ctx.command_path.replace(" ", "-")


def _section(ctx: click.Context) -> int:
    return 8 if _name(ctx) in ADMINISTERS else 1


def _path(ctx: click.Context) -> str:
    section = _section(ctx)
    return f"man/man{section}/{_name(ctx)}.{section}"


def _page(ctx: click.Context, everyone: Iterable[click.Context]) -> str:
    command = ctx.command
    told = _told(command.help or "")
    of_the_host = ctx.command is main
    sections = (
        ("NAME", rf"{roff.escape(_name(ctx))} \- {roff.escape(_short(command))}"),
        ("SYNOPSIS", f"{roff.bold(ctx.command_path)} {roff.usage(' '.join(command.collect_usage_pieces(ctx)))}"),
        ("DESCRIPTION", told["DESCRIPTION"]),
        ("OPTIONS", roff.items(_options(ctx))),
        ("COMMANDS", roff.items((roff.bold(word), f"{_short(below)}.") for word, below in _commands(ctx))),
        ("EXAMPLES", told["EXAMPLES"]),
        ("EXIT STATUS", told["EXIT STATUS"]),
        ("ENVIRONMENT", _environment() if of_the_host else ""),
        ("FILES", roff.items((roff.bold(path), text) for path, text in FILES.items()) if of_the_host else ""),
        ("SEE ALSO", _see_also(ctx, everyone)),
    )
    return roff.page(_name(ctx), _section(ctx), f"marketswarm {version('marketswarm')}", sections)


def _short(command: click.Command) -> str:
    """Return the first sentence of the help text."""
    return command.get_short_help_str(limit=1000).rstrip(".")


def _told(text: str) -> dict[str, str]:
    """Sort the paragraphs of a help text into the sections that they name; the others describe."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    for paragraph in re.split(r"\n{2,}", inspect.cleandoc(text).partition("\f")[0]):
        lines = paragraph.splitlines()
        as_it_is = lines[:1] == ["\b"]  # click's mark for "leave these lines alone"
        lines = lines[as_it_is:]
        title = HEADINGS.get(lines[0]) if lines else None
        body = lines[1:] if title else lines
        told[title or "DESCRIPTION"].append(roff.as_it_is(body) if as_it_is else roff.prose(" ".join(body)))
    return defaultdict(str, {title: "\n.PP\n".join(bodies) for title, bodies in told.items()})


def _options(ctx: click.Context) -> Iterator[tuple[str, str]]:
    for param in ctx.command.get_params(ctx):
        if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
            yield roff.usage(record[0]), record[1]


def _environment() -> str:
    """Describe the variables."""
    listed = roff.items(
        (
            ", ".join(map(roff.bold, variable.names)),
            f"{variable.used_by}: {variable.meaning}" + (f" [default: {variable.default}]" if variable.default else ""),
        )
        for variable in variables.VARIABLES
    )
    return f"{listed}\n.PP\n{roff.prose(variables.NOTE)}"


def _see_also(ctx: click.Context, everyone: Iterable[click.Context]) -> str:
    """Name the pages around this one: above, below, and beside it."""
    near = [
        f"{roff.bold(_name(other))}({_section(other)})"
        for other in everyone
        if other is not ctx and (other is ctx.parent or other.parent in (ctx, ctx.parent))
    ]
    return ",\n".join([*near, *(BEYOND if ctx.command is main else ())])
