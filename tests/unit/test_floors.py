"""The floors of the house: who may import whom, and who owns which outside thing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import marketswarm

PACKAGE = Path(marketswarm.__file__).parent
GROUND = {"names", "unitnames", "users", "errors", "address", "place", "text", "version"}
FLOORS = (
    {"truth", "messages", "pacing", "difference", "durations", "variables", "refusals"},
    {"liveness", "notices", "feeds", "probing", "rights"},
    {"isolated", "lookup", "trouble", "files", "alertlog", "tls"},
    {"line", "outage"},
    {
        "clock",
        "passwords",
        "settings",
        "bus",
        "firehose",
        "sd",
        "log",
        "term",
        "host",
        "hostfiles",
        "units",
        "ports",
        "nameservers",
        "notifier",
        "web",
        "reach",
    },
    {"inspection", "outbox", "backlog", "handlers", "patience", "probebook", "columns", "ownership", "granting"},
    {"feedbook"},
    {"daemon", "ending"},
    {"inuse", "reseeding"},
    {"services.notifying"},
    {"services.watching", "pauses"},
    {
        "services",
        "seed",
        "failure",
        "install",
        "local",
        "overview",
        "history",
        "proving",
        "feedview",
        "probeview",
        "meshview",
        "queueing",
    },
    {"start", "doctor"},
    {"cli"},
    {"__main__"},
)
FLOOR_OF = {module: number for number, modules in enumerate(FLOORS) for module in modules} | dict.fromkeys(GROUND, -1)
PURE = len(FLOORS[:2])
"""So many of the floors do not know of the world."""
IMPURE = {"time", "os", "socket", "threading", "asyncio", "random", "logging"}
OWNERS = {
    "redis": {"inspection"},
    "hiredis": {"line", "firehose"},
    "sdnotify": {"sd"},
    "click": {"cli"},
    "fakeredis": {"local"},
    "signal": {"daemon", "local"},
    "apprise": {"notifier"},
    "smtplib": {"notifier"},
    "aiohttp": {"web"},
    "aiohappyeyeballs": {"reach"},
    "dns": {"reach"},
    "h11": {"reach"},
    "wsproto": {"reach"},
    "brotli": {"web"},
    "feedparser": {"services.rss_agg"},
    "vader": {"handlers"},
    "urllib.request": {"notifier"},
    "os.environ": {"settings"},
    "os.getenv": {"settings"},
}


def uses(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of each import, wherever it stands, and of each ``os.something``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            yield node.lineno, f"os.{node.attr}"


def module_of(dotted: str) -> str:
    """Name the module: a folder is one, but each service is one of its own."""
    parts = dotted.split(".")
    return ".".join(parts[:2]) if parts[0] == "services" else parts[0]


def floor_of(module: str) -> int | None:
    """Say where a module stands, if it stands anywhere."""
    return FLOOR_OF.get(module, FLOOR_OF.get(module.partition(".")[0]))


def broken_rule(module: str, name: str) -> str | None:
    """Say which rule ``module`` breaks by using ``name``."""
    here = floor_of(module)
    owners = next((OWNERS[thing] for thing in OWNERS if f"{name}.".startswith(f"{thing}.")), None)
    if here is None:
        return f"{module} is on no floor: give it one here"
    if owners and module not in owners:
        return f"only {' and '.join(sorted(owners))} may use it"
    if here < PURE and name.partition(".")[0] in IMPURE:
        return "the ground and the pure floors know nothing of the world"
    if name.startswith("."):
        return "imports are written in full"
    if not name.startswith("marketswarm.") or module_of(target := name.removeprefix("marketswarm.")) == module:
        return None
    there = floor_of(module_of(target))
    return None if there is not None and there < max(here, 0) else "a module imports from lower floors only"


def broken_rules(path: str, source: str) -> list[str]:
    """Name every rule that a file of the package breaks, a line each."""
    module = module_of(path.removesuffix(".py").replace("/", "."))
    found = [(line, name, broken_rule(module, name)) for line, name in [(1, "itself"), *uses(source)]]
    return [f"{path}:{line}: {name}: {rule}" for line, name, rule in found if rule]


def test_every_module_keeps_to_its_floor() -> None:
    """Imports go down only, the lowest floors are pure, each outside thing has one owner."""
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    assert len(files) > len(FLOOR_OF)
    broken = [rule for path in files for rule in broken_rules(str(path.relative_to(PACKAGE)), path.read_text("utf-8"))]
    assert not broken, "\n" + "\n".join(broken)


def test_no_floor_names_a_module_that_is_gone() -> None:
    """The plan and the house agree."""
    places = [PACKAGE / module.replace(".", "/") for module in FLOOR_OF]
    assert [str(place) for place in places if not place.is_dir() and not place.with_suffix(".py").exists()] == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("newcomer.py", ""),
        ("liveness/detector.py", "import time"),
        ("messages/alerts.py", "import asyncio"),
        ("truth/deep/down.py", "def f():\n    from os import path"),
        ("names.py", "import logging.handlers"),
        ("names.py", "from marketswarm import pacing"),
        ("pacing.py", "from marketswarm import messages"),
        ("messages/alerts.py", "from marketswarm.liveness import State"),
        ("liveness/storm.py", "from marketswarm.line import Line"),
        ("pacing.py", "from marketswarm.bus import Bus"),
        ("bus.py", "from marketswarm import settings"),
        ("bus.py", "from . import names"),
        ("bus.py", "from marketswarm.newcomer import x"),
        ("seed.py", "from marketswarm import overview"),
        ("local/up.py", "from marketswarm.services import load"),
        ("services/healer.py", "from marketswarm.services.rss_agg import work"),
        ("services/watching/judge.py", "from marketswarm.services import load"),
        ("services/__init__.py", "from marketswarm import start"),
        ("start.py", "from marketswarm import cli"),
        ("seed.py", "from redis.asyncio import Redis"),
        ("bus.py", "import hiredis"),
        ("bus.py", "import redis.asyncio"),
        ("line.py", "from marketswarm import bus"),
        ("bus.py", "from marketswarm.firehose import Firehose"),
        ("daemon/x.py", "import sdnotify as s"),
        ("__main__.py", "import click"),
        ("bus.py", "import fakeredis"),
        ("start.py", "from signal import SIGTERM"),
        ("services/healer.py", "import urllib.request"),
        ("settings.py", "from smtplib import SMTP"),
        ("log.py", "import os\nx = os.environ['A']"),
        ("log.py", "from os import environ"),
        ("log.py", "import os\nx = os.getenv('A')"),
    ],
)
def test_a_broken_rule_is_seen(path: str, source: str) -> None:
    """Each rule catches what it is there for, and says in which file and line."""
    (broken,) = broken_rules(path, source)
    assert broken.startswith(f"{path}:{max(1, source.count(chr(10)) + 1)}: ")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("inspection.py", "import redis.asyncio\nimport os\nfrom marketswarm import bus"),
        ("firehose/session.py", "import hiredis\nfrom marketswarm import line, messages"),
        ("liveness/sequence.py", "from marketswarm.messages import Heartbeat"),
        ("daemon/lifecycle.py", "import signal\nfrom marketswarm.daemon.progress import Progress"),
        ("services/healer.py", "from marketswarm.services.watching import watch"),
        ("cli/main.py", "import click\nfrom marketswarm.start import start\nimport marketswarm"),
        ("settings.py", "import os\nx = os.environ"),
    ],
)
def test_what_is_allowed_is_let_through(path: str, source: str) -> None:
    """The rules forbid no more than they say."""
    assert broken_rules(path, source) == []
