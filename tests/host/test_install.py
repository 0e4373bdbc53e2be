"""packaging/install.sh on bare Debian hosts, and what it leaves when it goes."""

from host.conftest import Installation
from host.layout import UNITS


def test_one_command_makes_a_bare_host_run_the_swarm(installation: Installation) -> None:
    """Python, Redis, environment, units, config: all comes, all runs, and the last lines say how to look at it."""
    assert {name: installation.states[name] for name in UNITS} == dict.fromkeys(UNITS, "active")
    assert [line.strip() for line in installation.output.splitlines()[-3:]] == [
        "marketswarm status",
        "marketswarm alerts --follow",
        "journalctl -fu 'marketswarm@*'",
    ]
