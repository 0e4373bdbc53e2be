"""The ports of a private swarm, where two of them start at once."""

import asyncio
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from testkit import free_port

from marketswarm import names
from marketswarm.local import servers


def test_a_port_that_is_taken_between_the_look_and_the_start_is_not_insisted_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that finds its port taken ends; another port is tried, and the swarm comes up."""
    look = servers.free_ports
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        looks: list[Sequence[int]] = []

        def too_early(preferred: Sequence[int]) -> list[int]:
            looks.append(preferred)
            return [taken] if len(looks) == 1 else look(preferred)

        monkeypatch.setattr(servers, "free_ports", too_early)
        monkeypatch.setattr(servers, "PREFERRED_PORTS", {names.SYSTEM_BUS: taken, names.MARKET_BUS: free_port()})

        async def ports() -> list[int]:
            async with servers.private_servers(os.environ, tmp_path) as running:
                return [server.address.port for server in running.by_bus.values()]

        system, market = asyncio.run(ports())
    assert taken not in (system, market)
