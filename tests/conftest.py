"""Which kind of bus the tests run on, and a swarm for each test that wants one."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from bring import left_out, must_not_be_left_out
from testkit import FakeServer, RealServer, Server, Swarm, Users, free_port

from marketswarm import names


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tox choose."""
    parser.addoption("--bus", choices=("fake", "real"), default="fake", help="fakeredis over TCP, or redis-server")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the layer out where there is no redis-server; with CI=true that is a failure.

    Who may take longest begins first, so that no run waits for it alone at the end.
    """
    items.sort(key=_allowed_sec, reverse=True)
    why = left_out("redis-server") if config.getoption("--bus") == "real" else None
    if why and must_not_be_left_out():
        pytest.exit(why, returncode=1)
    if why:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=why))


def _allowed_sec(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else 0.0


def pytest_configure() -> None:
    """Take signals as a terminal would: whoever runs the tests in the background has them ignored, and children too."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)


@pytest.fixture
def swarm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Swarm]:
    """Two empty buses of the chosen kind."""
    real = request.config.getoption("--bus") == "real"
    servers: list[Server] = []
    users = Users(tmp_path) if real else None
    for bus in names.DEFAULT_BUS_URLS:
        port = free_port()
        servers.append(RealServer(port, tmp_path, users=users, bus=bus) if real else FakeServer(port))
        servers[-1].start()
    whole = Swarm(servers[0], servers[1], tmp_path)
    try:
        yield whole
    finally:
        whole.close()
        for server in servers:
            server.stop()
