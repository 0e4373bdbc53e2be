"""The man pages say what the commands say."""

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from marketswarm import cli, names, variables
from marketswarm.cli import roff
from marketswarm.cli.manual import HEADINGS, man_pages

PAGES = {path: page.decode() for path, page in man_pages().items()}
MAIN = "man/man1/marketswarm.1"
SEED = "man/man8/marketswarm-seed.8"


def listed(command: click.Command, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command that some `--help` lists, with the words that call it."""
    yield words, command
    for word, below in command.commands.items() if isinstance(command, click.Group) else ():
        if not below.hidden:
            yield from listed(below, *words, word)


COMMANDS = {f"man/man1/{'-'.join(('marketswarm', *words))}.1": (words, one) for words, one in listed(cli.main)}
COMMANDS[SEED] = ((), cli.seed)

every_page = pytest.mark.parametrize("path", sorted(COMMANDS))


def section(page: str, title: str) -> str:
    """A section of a page as plain text; empty where there is none."""
    found = re.search(rf"^\.SH {title}\n(.*?)(?=^\.SH |\Z)", page, re.MULTILINE | re.DOTALL)
    return plain(found[1]) if found else ""


def plain(text: str) -> str:
    """Undo what roff wants."""
    bare = re.sub(r"\\f[BIP]|\\&", "", text)
    for sign, char in {r"\-": "-", r"\(aq": "'", r"\(ga": "`", r"\(ti": "~", r"\(ha": "^", r"\(rs": "\\"}.items():
        bare = bare.replace(sign, char)
    return bare


def help_of(path: str, option: str = "--help") -> str:
    """What the command of a page prints when it is asked to explain itself, on a terminal of 80 columns."""
    words, command = COMMANDS[path]
    done = CliRunner().invoke(command if path == SEED else cli.main, [*words, option], terminal_width=80)
    assert done.exit_code == 0
    return done.output


def test_every_command_has_its_page_and_nothing_else_has() -> None:
    """One for each command and subcommand; the seed administers the host, so its page is in section 8, and only there.

    A command that no `--help` lists has none.
    """
    assert PAGES.keys() == COMMANDS.keys()
    assert {MAIN, SEED, "man/man1/marketswarm-truth-check.1"} <= PAGES.keys()


@every_page
def test_every_option_is_on_the_page_as_in_the_help(path: str) -> None:
    """Each way to write it, its value's name, its words and its default."""
    _, command = COMMANDS[path]
    ctx = click.Context(command, help_option_names=["-h", "--help"])
    options = " ".join(section(PAGES[path], "OPTIONS").split())
    records = [param.get_help_record(ctx) for param in command.get_params(ctx) if isinstance(param, click.Option)]
    told = [f".TP {names} {' '.join(words.split())}" for names, words in filter(None, records)]
    assert " ".join(told) == options
    assert told[-1].startswith(".TP -h, --help ")


@every_page
def test_every_command_is_on_its_group_s_page(path: str) -> None:
    """With the first sentence of its help; hidden ones are left out."""
    _, command = COMMANDS[path]
    below = [word for word, one in getattr(command, "commands", {}).items() if not one.hidden]
    assert re.findall(r"^\.TP\n(\S+)$", section(PAGES[path], "COMMANDS"), re.MULTILINE) == sorted(below)


@every_page
def test_no_line_of_a_list_of_commands_is_cut_off(path: str) -> None:
    """On a terminal of 80 columns each says its whole sentence."""
    lines = [line for line in help_of(path).splitlines() if not line.startswith("Usage:")]
    assert [line for line in lines if line.endswith("...")] == []


@every_page
def test_every_word_of_the_help_text_is_on_the_page(path: str) -> None:
    """Whichever section it went to; only the headings that became sections are gone."""
    page = " ".join(word for word in plain(PAGES[path]).split() if word not in {".PP", ".RS", ".nf"})
    text = (COMMANDS[path][1].help or "").replace("\b", "").replace("`", "")
    for line in text.splitlines():
        assert " ".join(line.split()) in page or line.strip() in HEADINGS


@every_page
def test_exit_codes_have_their_section(path: str) -> None:
    """A help text tells them below a line of its own, `Exit codes:`, and nowhere else."""
    text = COMMANDS[path][1].help or ""
    codes = re.findall(r"^ +(\d+)  ", text, re.MULTILINE)
    status = section(PAGES[path], "EXIT STATUS")
    assert re.findall(r"^(\d+)  ", status, re.MULTILINE) == codes
    assert bool(status) == ("exit code" in text.lower())


@every_page
def test_a_command_explains_itself_to_h_too_within_80_columns(path: str) -> None:
    """`-h` is `--help`; lines that click leaves alone are short enough by themselves."""
    said = help_of(path)
    assert help_of(path, "-h") == said
    assert [line for line in said.splitlines() if len(line) > 80] == []


@every_page
def test_a_page_names_only_pages_of_its_own_house_that_exist(path: str) -> None:
    """SEE ALSO leads on: up, down and sideways."""
    named = re.findall(r"(marketswarm[\w-]*)\((\d)\)", section(PAGES[path], "SEE ALSO"))
    pages = {f"man/man{number}/{name}.{number}" for name, number in named}
    assert pages
    assert pages <= PAGES.keys() - {path}


def test_the_pages_are_the_same_whenever_they_are_made() -> None:
    """They bear the version and no date."""
    assert {path: page.decode() for path, page in man_pages().items()} == PAGES
    assert all(re.match(r'\.TH \S+ [18] "" "marketswarm \d', page) for page in PAGES.values())
    assert all(page.isascii() for page in PAGES.values())


def test_the_main_page_tells_every_variable() -> None:
    """Each that names.py spells and that a person sets, and nothing twice."""
    known = {name for key, name in vars(names).items() if key.startswith("ENV_") and name != names.ENV_FILE}
    known |= {names.bus_env(bus) for bus in names.DEFAULT_BUS_URLS}
    told = [name for variable in variables.VARIABLES for name in variable.names]
    assert sorted(told) == sorted(known - {names.ENV_CREDENTIALS_DIRECTORY})
    environment = section(PAGES[MAIN], "ENVIRONMENT")
    assert all(re.search(rf"^(.*, )?{name}(,|$)", environment, re.MULTILINE) for name in told)


def test_the_main_page_tells_where_the_host_s_files_are() -> None:
    """Truth, variables for all, where a bus is reached."""
    files = section(PAGES[MAIN], "FILES")
    assert all(
        f".TP\n{path}\n" in files for path in (names.TRUTH_FILE, names.ENV_FILE, "/run/marketswarm/BUS/redis.sock")
    )


def test_the_truth_commands_say_which_file_they_look_at() -> None:
    """It is the one that names.py spells."""
    assert names.TRUTH_FILE in section(PAGES["man/man1/marketswarm-truth.1"], "DESCRIPTION")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".so /etc/passwd", r"\&.so /etc/passwd"),
        ("'tis", r"\(aqtis"),
        (r"a\nb", r"a\(rsnb"),
        ("--wait-sec", r"\-\-wait\-sec"),
        ("3 \N{MULTIPLICATION SIGN} 2", r"3 \[u00D7] 2"),
        ("\N{FIRE}", r"\[u1F525]"),
        ("~/^x", r"\(ti/\(hax"),
        ("plain", "plain"),
    ],
)
def test_text_prints_as_it_stands(text: str, expected: str) -> None:
    """Nothing in it is a request, an escape or a typographic sign."""
    assert roff.escape(text) == expected


def test_lines_that_are_left_alone_keep_their_columns() -> None:
    """Without the indentation that they share; none of them is a request."""
    assert roff.as_it_is(["  a   b", "    .c"]).splitlines() == [".RS 4", ".nf", "a   b", r"  .c", ".fi", ".RE"]


def test_a_usage_tells_what_is_typed_from_what_stands_for_it() -> None:
    """Bold and italic."""
    assert roff.usage("-f, --file FILE") == r"\fB\-f\fP, \fB\-\-file\fP \fIFILE\fP"


def test_words_between_backticks_are_bold() -> None:
    """And the paragraph is one line, which its reader fills."""
    assert roff.prose("say `a-b`\nnow") == r"say \fBa\-b\fP now"
