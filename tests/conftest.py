"""Which kind of bus the tests run on, and a swarm for each test that wants one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from testkit import FakeServer, RealServer, Server, Swarm, free_port


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tox choose."""
    parser.addoption("--bus", choices=("fake", "real"), default="fake", help="fakeredis over TCP, or redis-server")


@pytest.fixture
def swarm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Swarm]:
    """Two empty buses of the chosen kind."""
    real = request.config.getoption("--bus") == "real"
    servers: list[Server] = []
    for _ in range(2):
        port = free_port()
        servers.append(RealServer(port, tmp_path) if real else FakeServer(port))
        servers[-1].start()
    whole = Swarm(servers[0], servers[1], tmp_path)
    try:
        yield whole
    finally:
        whole.close()
        for server in servers:
            server.stop()
