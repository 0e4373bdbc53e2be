"""The documents name only what exists, and facts that stand twice agree."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
from commandline import unknown_word

from marketswarm import messages, variables
from marketswarm.notices import wording
from marketswarm.notifier import payloads

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEMO = "python3 -m venv .venv && .venv/bin/pip install --quiet --use-pep517 '.[local]' && .venv/bin/marketswarm demo"
TEST = "python3 -m venv .venv && .venv/bin/pip install --quiet tox && .venv/bin/tox"
PAGES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/operate.md")
"""What speaks of today. The changelog may name what is gone, or still to come."""
TOP = r"(?:\.ci|benchmarks|docs|etc|marketswarm|packaging|systemd|tests)"

COMMAND = re.compile(r"(?:^|(?<=[\s(])|(?<=/bin/))(marketswarm(?:-seed)?)((?: +[^\s|;&<>()'\",]+)*)", re.MULTILINE)
FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PATH = re.compile(rf"{TOP}/[\w./-]*|[\w/-]+\.(?:py|md|toml|ini)")
MODULE = re.compile(r"(?<![\w./-])[\w/]+\.py\b")
TOX_ENV = re.compile(r"\btox (?:run )?-e +([\w,-]+)")

every_page = pytest.mark.parametrize("page", PAGES)


def text(page: str) -> str:
    """A page."""
    return (ROOT / page).read_text(encoding="utf-8")


def fenced(page: str) -> list[str]:
    """Its blocks of code."""
    return FENCED.findall(text(page))


def inline(page: str) -> list[str]:
    """Its code between backticks."""
    return INLINE.findall(FENCED.sub("", text(page)))


def commands(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each use of a command in the page's code: its name and the words after it, up to a shell comment."""
    for code in (*fenced(page), *inline(page)):
        for name, words in COMMAND.findall(code):
            yield name, words.partition(" #")[0].split()


def set_up_lines(page: str) -> list[str]:
    """The lines of the page's blocks that make or fill an environment."""
    lines = [line for block in fenced(page) for line in block.splitlines()]
    return [line for line in lines if "-m venv" in line or "pip install" in line]


def supported_pythons() -> list[str]:
    """The versions between the two bounds of requires-python."""
    bounds = re.findall(r"[<>=]+3\.(\d+)", PROJECT["project"]["requires-python"])
    return [f"3.{minor}" for minor in range(*map(int, bounds))]


@every_page
def test_commands_exist(page: str) -> None:
    """Each `marketswarm ...` on the page is a command with such options."""
    assert [(name, words) for name, words in commands(page) if unknown_word(name, words)] == []


def test_commands_of_the_catalog_exist() -> None:
    """Each line that starts with `marketswarm` in what `journalctl -x` advises can be typed."""
    lines = re.findall(r"^ +(marketswarm[^@\n]*)$", text("systemd/marketswarm.catalog"), re.MULTILINE)
    named = [(name, words.split()) for line in lines for name, words in COMMAND.findall(line)]
    assert named
    assert [(name, words) for name, words in named if unknown_word(name, words)] == []


@every_page
def test_links_lead_somewhere(page: str) -> None:
    """Each relative link's target exists."""
    targets = [target for target in LINK.findall(text(page)) if "://" not in target]
    assert [target for target in targets if not ((ROOT / page).parent / target).exists()] == []


@every_page
def test_paths_exist(page: str) -> None:
    """Each file or folder of the project that the page names between backticks exists, as seen from the top."""
    paths = [code for code in inline(page) if PATH.fullmatch(code)]
    assert [path for path in paths if not any(ROOT.glob(path)) and not any(ROOT.glob(f"marketswarm/**/{path}"))] == []


@every_page
def test_modules_exist(page: str) -> None:
    """Each module in a picture of the page exists."""
    modules = {module for code in fenced(page) for module in MODULE.findall(code)}
    assert sorted(module for module in modules if not any(ROOT.glob(f"**/{module}"))) == []


@every_page
def test_tox_environments_exist(page: str) -> None:
    """Each `tox -e NAME` on the page is an environment that plain tox runs."""
    tox = ConfigParser()
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    known = {name.strip() for name in tox["tox"]["env_list"].split(",")}
    assert {name for names in TOX_ENV.findall(text(page)) for name in names.split(",")} - known == set()


def test_the_readme_has_two_commands_to_set_up_and_no_more() -> None:
    """One line ends with the demo having played, one with the tests green."""
    assert set_up_lines("README.md") == [DEMO, TEST]


def test_contributing_repeats_the_command_for_the_tests() -> None:
    """Whoever changes something runs what the README says."""
    assert set_up_lines("CONTRIBUTING.md") == [TEST]


def test_ci_runs_the_command_of_the_readme() -> None:
    """What CI tests is what a newcomer types."""
    assert TEST in [line.strip() for line in text(".ci/run").splitlines()]
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_the_supported_pythons_are_the_same_everywhere() -> None:
    """requires-python, the classifiers, ruff's target, the README and CI agree."""
    versions = supported_pythons()
    classifier = "Programming Language :: Python :: 3."
    declared = [name for name in PROJECT["project"]["classifiers"] if name.startswith(classifier)]
    assert [name.rpartition(" ")[2] for name in declared] == versions
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{versions[0].replace('.', '')}"
    assert f"Python {versions[0]} to {versions[-1]}" in text("README.md")
    # Debian 12 has the first and Debian 13 the last: the host tests run there.
    assert f"for version in {' '.join(versions[1:-1])}; do" in text(".ci/run")


def test_the_readme_tells_the_variables_as_the_manual_does() -> None:
    """Its table of settings is that of marketswarm/variables.py, in the same words and order."""
    settings = text("README.md").partition("\n## Settings\n")[2].partition("\n## ")[0]
    table = [tuple(cell.strip() for cell in row.split("|")[1:-1]) for row in settings.splitlines() if "|" in row]
    assert table[2:] == [
        (", ".join(f"`{name}`" for name in one.names), one.used_by, one.meaning, one.default)
        for one in variables.VARIABLES
    ]
    assert variables.NOTE in settings


def test_the_handbook_shows_the_body_that_a_webhook_gets() -> None:
    """The same fields and version, around an alert of the kind that it names."""
    section = text("docs/operate.md").partition("\n### What a message says\n")[2].partition("\n### ")[0]
    shown = json.loads(next(block for block in FENCED.findall(section) if block.startswith("{")))
    sent = json.loads(payloads.body_for("https://hooks.example.com", wording.test_message("key", "healer@swarm")))
    (told,) = shown["told"]
    assert (list(shown), shown["version"]) == (list(sent), sent["version"])
    assert list(told) == list(sent["told"][0])
    alert = messages.decode_alert(json.dumps(told["alert"]).encode())
    assert alert
    assert (messages.kind(alert), messages.subject(alert)) == (told["type"], told["subject"])


def test_the_changelog_knows_the_version() -> None:
    """The newest entry with a number is the version of pyproject."""
    headings = re.findall(r"^## \[?v?(\d[\w.]*)", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[:1] == [PROJECT["project"]["version"]]
