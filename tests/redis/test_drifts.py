"""Services that do not follow the truth, as healer announces them."""

import time

import pytest
from testkit import INTERVAL_SEC, RealServer, Swarm, beating, eventually, watching

from marketswarm.services.watching.drifts import GRACE_SEC, LOOK_SEC
from marketswarm.truth import digest

OLD = "b" * 64
TOLD_SEC = GRACE_SEC + 4 * LOOK_SEC


@pytest.mark.timeout(4 * TOLD_SEC)
def test_a_service_that_stays_on_an_old_truth_is_announced_once_and_a_reseed_tells_nobody(
    swarm: Swarm, system: RealServer
) -> None:
    """Real services follow within the grace, and one is stopped and started; the end is a line of healer's log."""
    document = watching("rss_agg", "mesh", "sentinel", "stuck", stuck={"heartbeat": {"interval_sec": INTERVAL_SEC}})
    swarm.seed(document)
    worker, _, healer = swarm.start("rss_agg").ready(), swarm.start("mesh").ready(), swarm.start("healer").ready()
    swarm.start("sentinel").ready()
    swarm.seed(document | {"version": 2})
    current = digest(swarm.write(document | {"version": 2}).read_bytes())
    seeded = time.monotonic()
    with beating(system, "stuck", lease=True, sha256=OLD):
        worker.stop()
        swarm.start("rss_agg").ready()
        eventually(lambda: "truth_drift" in system.alert_types(), "a truth_drift", TOLD_SEC)
        assert time.monotonic() - seeded >= GRACE_SEC
    with beating(system, "stuck", lease=True, sha256=current):
        healer.logs("truth_drift of stuck is over", 3 * LOOK_SEC)
    (drift,) = [alert for alert in system.alerts() if alert["type"] == "truth_drift"]
    assert list(drift) == ["type", "bus", "reason", "ts", "svc"]
    assert (drift["bus"], drift["svc"]) == ("system-redis", "stuck")
    assert f"has run on the truth {OLD[:12]}" in drift["reason"]
    assert f"healer runs on {current[:12]}" in drift["reason"]
    assert swarm.health("stuck") == "heartbeat_ok", "it is no verdict on whether it lives"
