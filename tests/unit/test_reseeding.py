"""What a seed would change: for whom, what the running service does, and what is said of buses."""

import copy
import json
from typing import Any

import pytest

from marketswarm import names, unitnames
from marketswarm.bus import StoredTruth
from marketswarm.reseeding import Outlook, as_json, compare, render
from marketswarm.settings import Settings
from marketswarm.term import ansi, plain
from marketswarm.truth import digest, short

ANEW = "begins its work anew, no restart"
GOES_ON = "goes on, only its beats name the new truth"
BOTH = (names.SYSTEM_BUS, names.MARKET_BUS)


def services(**sections: Any) -> dict[str, Any]:
    """Make a document in which healer watches massive; a section given replaces one, None leaves it out."""
    usual = {"healer": {"access_points": {"subscribe_to": ["massive:heartbeat"]}}, "sentinel": {}, "massive": {}}
    return {"services": {name: section for name, section in (usual | sections).items() if section is not None}}


BEFORE = services()


def raw(document: object) -> bytes:
    """The bytes of a document."""
    return json.dumps(document).encode()


def sealed(document: object) -> StoredTruth:
    """A document as marketswarm-seed stores it."""
    return StoredTruth(raw(document), digest(raw(document)))


def look(new: object, *stored: StoredTruth | None, settings: Settings | None = None) -> Outlook:
    """Compare with what the two buses hold; one given is on both."""
    held = dict(zip(BOTH, stored * (3 - len(stored)), strict=True))
    return compare(raw(new), held, settings or Settings())


def told(new: object, *stored: StoredTruth | None) -> list[str]:
    """The lines that people read."""
    return render(look(new, *stored), plain).splitlines()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            services(massive={"heartbeat": {"interval_sec": 5}}),
            {
                "massive": (ANEW, ['+ services.massive.heartbeat: {"interval_sec": 5}']),
                "healer": (ANEW, ["~ watches.massive.interval_sec: 10 -> 5"]),
            },
        ),
        (services(massive={"colours": ["x"]}), {"massive": (ANEW, ['+ services.massive.colours: ["x"]'])}),
        (services(massive={"dependencies": []}), {"massive": (GOES_ON, ["+ services.massive.dependencies: []"])}),
        (
            services(massive={"runbook": "look"}),
            {
                "massive": (ANEW, ['+ services.massive.runbook: "look"']),
                "healer": (ANEW, ["~ how people are told"]),
                "sentinel": (ANEW, ["~ how people are told"]),
            },
        ),
        (
            services(healer=BEFORE["services"]["healer"] | {"threshold": {"heartbeat_cadence": 60}}),
            {
                "healer": (
                    ANEW,
                    [
                        '+ services.healer.threshold: {"heartbeat_cadence": 60}',
                        "~ watches.massive.timeout_sec: 30 -> 60",
                    ],
                ),
                "sentinel": (ANEW, ["~ position.timeout_sec: 30 -> 60"]),
                "massive": (ANEW, ["~ position.timeout_sec: 30 -> 60"]),
            },
        ),
        (
            services(healer=BEFORE["services"]["healer"] | {"heartbeat": {"interval_sec": 5}}),
            {
                "healer": (ANEW, ['+ services.healer.heartbeat: {"interval_sec": 5}']),
                "sentinel": (
                    ANEW,
                    ["~ watches.healer.interval_sec: 10 -> 5", "~ watches.healer.timeout_sec: 30 -> 15"],
                ),
            },
        ),
        (
            services(new_svc={}),
            {
                "new_svc": (
                    f"is new; start it with systemctl start {unitnames.service_unit('new_svc')}",
                    ["+ services.new_svc: {}"],
                )
            },
        ),
    ],
)
def test_each_service_that_is_concerned_is_told_what_it_means_for_it(change: object, expected: Any) -> None:
    """Its own places, and those elsewhere that move it: by the rule that the daemons follow; nobody else is named."""
    (comparison,) = look(change, sealed(BEFORE)).comparisons
    assert {name: (each.effect, list(each.places)) for name, each in comparison.services.items()} == expected
    assert comparison.other == ()


@pytest.mark.parametrize(
    ("subscribe_to", "then", "effect"),
    [
        (["massive:heartbeat"], [], "leaves; healer no longer watches it, its process goes on until it is stopped"),
        (
            ["massive:heartbeat"],
            ["massive:heartbeat"],
            "leaves; healer still watches it, as its subscribe_to says, its process goes on until it is stopped",
        ),
        ([], [], "leaves; its process goes on until it is stopped"),
    ],
)
def test_a_service_that_leaves_is_watched_as_long_as_healer_is_told_to(
    subscribe_to: list[str], then: list[str], effect: str
) -> None:
    """Its process goes on in any case."""
    before = services(healer={"access_points": {"subscribe_to": subscribe_to}})
    after = services(healer={"access_points": {"subscribe_to": then}}, massive=None)
    (comparison,) = look(after, sealed(before)).comparisons
    massive = comparison.services["massive"]
    assert (massive.change, massive.effect, massive.places) == ("removed", effect, ("- services.massive: {}",))


def test_what_stands_outside_of_services_comes_after_them() -> None:
    """A bus that moves concerns everybody; an author's mark nobody."""
    bus = {"buses": {"market-redis": {"url": "redis://10.0.0.1:7"}}}
    moved = '  ~ address.market-redis: "127.0.0.1:6380" -> "10.0.0.1:7"'
    everybody = [line for name in BEFORE["services"] for line in (f"{name} {ANEW}", moved)]
    assert told(BEFORE | bus, sealed(BEFORE))[1:] == [
        *everybody,
        "outside of services",
        '  + buses: {"market-redis": {"url": "redis://10.0.0.1:7"}}',
    ]
    assert told(BEFORE | {"version": 2}, sealed(BEFORE))[1:] == [
        "outside of services",
        "  + version: 2",
        f"each service {GOES_ON}",
    ]


def test_a_service_that_only_moved_in_the_order_is_not_concerned() -> None:
    """Nor is anybody else."""
    turned = {"services": dict(reversed(BEFORE["services"].items()))}
    outlook = look(turned, sealed(BEFORE))
    assert outlook.exit_code == 1
    assert render(outlook, plain).splitlines()[1:] == [
        "  only white space or order differs",
        f"each service {GOES_ON}",
    ]
    assert as_json(outlook)["other"] == ["only white space or order differs"]


def test_the_older_name_of_services_is_the_same_section() -> None:
    """Only that it is called otherwise is said."""
    assert told(BEFORE, sealed({"components": BEFORE["services"]}))[1:] == [
        "outside of services",
        "  ~ components: is called services",
        f"each service {GOES_ON}",
    ]
    one, other = ({"components": services(massive={"x": x})["services"]} for x in (1, 2))
    assert told(other, sealed(one))[1:3] == [f"massive {ANEW}", "  ~ services.massive.x: 1 -> 2"]


def test_nothing_is_said_where_every_bus_holds_the_document() -> None:
    """Byte for byte, with its hash."""
    outlook = look(BEFORE, sealed(BEFORE))
    assert (outlook.exit_code, render(outlook, plain)) == (0, "")
    sha256 = digest(raw(BEFORE))
    assert as_json(outlook) == {"exit_code": 0, "buses": dict.fromkeys(BOTH, sha256), "services": {}, "other": []}


@pytest.mark.parametrize(
    ("stored", "remark"),
    [
        (None, "has no truth:doc"),
        (StoredTruth(b"\x00\xff", None), "holds what is no truth: truth: must be UTF-8"),
        (sealed({"services": {"Mesh": {}}}), "holds what is no truth: services.Mesh: must be a name of"),
        (sealed({"services": {}} | {"x" * 300: 1, "components": {}}), "holds what is no truth: components: must not"),
        (StoredTruth(raw(BEFORE), None), "holds a truth:doc without its hash"),
        (StoredTruth(raw(BEFORE), "0" * 64), "holds a truth:doc without its hash"),
    ],
)
def test_a_bus_whose_document_cannot_be_compared_is_named_as_a_whole(stored: StoredTruth | None, remark: str) -> None:
    """Whatever this version cannot read; a seed would put each right, so the exit code is 1."""
    outlook = look(BEFORE, sealed(BEFORE), stored)
    assert outlook.exit_code == 1
    assert outlook.comparisons == ()
    first, second = render(outlook, plain).splitlines()[:2]
    assert first.startswith(f"market-redis: {remark}")
    assert second == f"system-redis: is already {short(digest(raw(BEFORE)))}"
    assert as_json(outlook)["other"] == [first]


def test_where_the_buses_differ_each_is_compared_and_named() -> None:
    """With its hash; for programs each line begins with the bus."""
    one, other = services(massive={"x": 1}), services(massive={"x": 2})
    new = services(massive={"x": 3})
    becomes = short(digest(raw(new)))
    assert told(new, sealed(one), sealed(other)) == [
        f"system-redis: {short(digest(raw(one)))} -> {becomes}",
        f"massive {ANEW}",
        "  ~ services.massive.x: 1 -> 3",
        f"each other service {GOES_ON}",
        f"market-redis: {short(digest(raw(other)))} -> {becomes}",
        f"massive {ANEW}",
        "  ~ services.massive.x: 2 -> 3",
        f"each other service {GOES_ON}",
    ]
    found = as_json(look(new, sealed(one), sealed(other)))["services"]
    places = ["system-redis: ~ services.massive.x: 1 -> 3", "market-redis: ~ services.massive.x: 2 -> 3"]
    assert found == {"massive": {"change": "changed", "effect": ANEW, "places": places}}


def test_a_bus_that_has_it_already_is_named_beside_the_one_that_has_not() -> None:
    """So a seed that was cut off between the two is seen."""
    new = services(massive={"x": 1})
    lines = told(new, sealed(new), sealed(BEFORE))
    assert lines[0] == f"market-redis: {short(digest(raw(BEFORE)))} -> {short(digest(raw(new)))}"
    assert lines[-1] == f"system-redis: is already {short(digest(raw(new)))}"


def test_the_environment_has_the_word_over_truth_as_it_has_in_the_services() -> None:
    """A bus that a variable places stays where it is, whatever truth says of it."""
    fixed = Settings(buses={names.MARKET_BUS: Settings().address(names.SYSTEM_BUS)})
    moved = copy.deepcopy(BEFORE) | {"buses": {names.MARKET_BUS: {"url": "redis://10.0.0.1:7"}}}
    (comparison,) = look(moved, sealed(BEFORE), settings=fixed).comparisons
    assert comparison.services == {}


def test_signs_and_names_have_colours_where_there_may_be_some() -> None:
    """The text beneath is the same."""
    outlook = look(services(new_svc={}), sealed(BEFORE))
    painted = render(outlook, ansi)
    assert ansi("new_svc", "bold") in painted
    assert f"  {ansi('+', 'green')} services.new_svc: {{}}" in painted


def test_mesh_is_concerned_by_where_anybody_stands() -> None:
    """It knows all of them; what a service does there is its own."""
    before = BEFORE | {"services": BEFORE["services"] | {"mesh": {}}}
    moved = before | {"services": before["services"] | {"massive": {"heartbeat": {"interval_sec": 5}}}}
    (comparison,) = look(moved, sealed(before)).comparisons
    assert comparison.services["mesh"].places == ("~ watches.massive.interval_sec: 10 -> 5",)
    busy = before | {"services": before["services"] | {"massive": {"dns": ["127.0.0.1"]}}}
    (comparison,) = look(busy, sealed(before)).comparisons
    assert list(comparison.services) == ["massive"]
