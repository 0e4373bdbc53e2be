"""Real servers, which can be killed and hung."""

from collections.abc import Iterator

import pytest
from receivers import HttpReceiver
from testkit import RealServer, Swarm


@pytest.fixture
def system(swarm: Swarm) -> RealServer:
    """The system bus, as something that can be killed and hung."""
    assert isinstance(swarm.system, RealServer), "these tests need --bus=real"
    return swarm.system


@pytest.fixture
def market(swarm: Swarm) -> RealServer:
    """The market bus, the same way."""
    assert isinstance(swarm.market, RealServer), "these tests need --bus=real"
    return swarm.market


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """A web server that takes everything."""
    with HttpReceiver() as server:
        yield server
