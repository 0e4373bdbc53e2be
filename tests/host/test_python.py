"""Debian's own Python, which is older than what other machines have."""

from pathlib import Path

import pytest
from host.conftest import SOURCE, Boot, Figure, copy_checkout
from host.images import extras_of_tests, wanted_by_tests
from host.layout import TARGET

VENV = "/srv/venv"
FEWER = "SIMULATION_RUNS=200 SIMULATION_DAYS=30"
"""The whole of it runs where the checkout is tested."""


@pytest.mark.timeout(1000)
def test_the_unit_tests_pass_on_it(boot: Boot, figure: Figure) -> None:
    """What an operator runs has to work there, bugs of that Python included."""
    host = boot(prepare=lambda root: (root / "etc/systemd/system/multi-user.target.wants" / TARGET).unlink())
    copy_checkout(host.root / SOURCE)
    (wheel,) = Path(host.root / SOURCE).glob("*.whl")
    host.run("python3", "-m", "venv", VENV)
    ours = f"/{SOURCE}/{wheel.name}[{','.join(extras_of_tests())}]"
    host.run(f"{VENV}/bin/pip", "install", "--quiet", ours, *wanted_by_tests())
    test = f"cd /{SOURCE} && PYTHONSAFEPATH=1 {FEWER} {VENV}/bin/pytest tests/unit --numprocesses=2 --quiet"
    done = host.tries("sh", "-c", test, within_sec=900)
    assert done.returncode == 0, done.stdout[-20_000:]
    figure(f"{host.run('python3', '--version').strip()}: {done.stdout.splitlines()[-1]}")
    # Debian's own Redis is of another version in each release, and so are the words of its access lists.
    rights = f"cd /{SOURCE} && PYTHONSAFEPATH=1 {VENV}/bin/pytest tests/redis/test_rights.py --bus=real --quiet"
    done = host.tries("sh", "-c", rights, within_sec=100)
    assert done.returncode == 0, done.stdout[-20_000:]
    figure(f"{host.run('redis-server', '--version').split()[2]}: rights: {done.stdout.splitlines()[-1]}")
