"""Names that other programs rely on: they change with the contract only."""

import pytest

from marketswarm import names, unitnames


def test_keys_and_channels_are_those_of_the_contract() -> None:
    """A beat and its lease share a name; health and truth have their own."""
    assert names.heartbeat_channel("rss_agg") == names.lease_key("rss_agg") == "rss_agg:heartbeat"
    assert names.health_key("rss_agg") == "health:rss_agg"
    assert (names.TRUTH_KEY, names.TRUTH_HASH_KEY, names.TRUTH_CHANGED) == (
        "truth:doc",
        "truth:sha256",
        "truth:changed",
    )
    assert (names.ALERT_CHANNEL, names.ALERT_LOG, names.ALERT_LOG_FIELD) == (
        "healer:alerts",
        "healer:alerts:log",
        "event",
    )
    assert names.RECORDS == "healer:records"
    assert not names.RECORDS.endswith(names.HEARTBEAT_SUFFIX)
    assert names.PROBES_TOLD == "massive:told"
    assert (names.PROBE_ALERTS, names.PROBE_ALERTS_LAST) == ("massive:alerts", "massive:alerts:last")
    assert names.PASSED_ON_FIELD == "passed_on"


def test_the_ids_of_alerts_never_change() -> None:
    """Searches in journals rely on them."""
    assert {kind: message_id[:8] for kind, message_id in unitnames.MESSAGE_IDS.items()} == {
        "heartbeat_miss": "0ac16f08",
        "heartbeat_ok": "1f354563",
        "healer_miss": "73388b07",
        "healer_ok": "f149e2c4",
        "bus_lost": "ac3fcae5",
        "bus_ok": "7281382f",
        "truth_drift": "d5e0c173",
        "unit_failed": "249b21e1",
        "mass_miss": "8dbb17f6",
        "mass_ok": "67613d24",
        "flapping": "2973ce66",
        "stable": "91bc6a1a",
        "service_restarted": "bfe64296",
        "duplicate_instance": "1ef4fd5c",
        "probe_failed": "d651a863",
        "probe_ok": "b7f06aa9",
    }


def test_people_call_a_probe_by_its_service_and_its_target() -> None:
    """Silences and acknowledgements are kept by it; no service and no bus has a name like that."""
    assert names.probe_subject(names.MASSIVE, "broker") == "massive/broker"
    assert names.PROBES_OF_ENV == ("net-host", "net-url", "massive-api", "massive-ws")


def test_the_buses_are_on_loopback_by_number() -> None:
    """A bare host may not resolve localhost."""
    assert names.DEFAULT_BUS_URLS == {
        "system-redis": "redis://127.0.0.1:6379",
        "market-redis": "redis://127.0.0.1:6380",
    }


@pytest.mark.parametrize(
    ("bus", "variable"),
    [("system-redis", "SYSTEM_REDIS_URL"), ("market-redis", "MARKET_REDIS_URL"), ("feed-2-redis", "FEED_2_REDIS_URL")],
)
def test_a_bus_has_a_variable(bus: str, variable: str) -> None:
    """Its name in capitals."""
    assert names.bus_env(bus) == variable


def test_another_key_has_another_hash() -> None:
    """Two documents on one bus keep their hashes apart."""
    assert names.truth_hash_key("truth:doc") == "truth:sha256"
    assert names.truth_hash_key("trial:doc") == "trial:doc:sha256"


def test_no_canary_can_be_taken_for_a_heartbeat() -> None:
    """Nobody's beat arrives on it, and each watcher has its own."""
    assert names.canary_channel("healer") != names.canary_channel("sentinel")
    assert not names.canary_channel("healer").endswith(names.HEARTBEAT_SUFFIX)
