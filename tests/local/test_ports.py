"""The ports of a private swarm, where two of them start at once."""

import asyncio
import os
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from testkit import free_port

from marketswarm import names
from marketswarm.local import servers
from marketswarm.truth import Truth

TRUTH = Truth(services={})


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
            async with servers.private_servers(os.environ, tmp_path, TRUTH) as running:
                return [server.address.port for server in running.by_bus.values()]

        system, market = asyncio.run(ports())
    assert taken not in (system, market)


@pytest.mark.parametrize("program", ["redis-server", None], ids=["redis-server", "embedded"])
def test_two_swarms_that_start_at_once_never_share_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    """Both find the same ports free; whose server is too late does not take the other's answer for its own."""
    look, contested = servers.free_ports, {names.SYSTEM_BUS: free_port(), names.MARKET_BUS: free_port()}
    looks: list[int] = []

    def too_early(preferred: Sequence[int]) -> list[int]:
        looks.extend(preferred)
        return list(preferred) if looks.count(preferred[0]) <= 2 else look(preferred)

    monkeypatch.setattr(servers, "free_ports", too_early)
    monkeypatch.setattr(servers, "PREFERRED_PORTS", contested)
    if program is None:
        monkeypatch.setattr(servers, "PROGRAMS", ())

    for name in ("one", "two"):
        tmp_path.joinpath(name).mkdir()

    async def ports() -> list[int]:
        async def swarm(stack: AsyncExitStack, directory: Path) -> list[int]:
            running = await stack.enter_async_context(servers.private_servers(os.environ, directory, TRUTH))
            return [server.address.port for server in running.by_bus.values()]

        async with AsyncExitStack() as one, AsyncExitStack() as two:
            first, second = await asyncio.gather(swarm(one, tmp_path / "one"), swarm(two, tmp_path / "two"))
            return first + second

    assert len(set(asyncio.run(ports()))) == 4
