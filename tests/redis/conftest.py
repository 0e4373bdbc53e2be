"""Real servers, which can be killed and hung."""

import pytest
from testkit import RealServer, Swarm


@pytest.fixture
def system(swarm: Swarm) -> RealServer:
    """The system bus, as something that can be killed and hung."""
    assert isinstance(swarm.system, RealServer), "these tests need --bus=real"
    return swarm.system
