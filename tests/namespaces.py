"""Hosts that a test may cut off: network namespaces on this machine, each with a cable to it and a name of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testkit import leave_out, need


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


class Host:
    """A namespace whose one cable leads to the hub, the address of this machine that servers listen on."""

    def __init__(self, name: str, hub: str, network: str, number: int) -> None:
        """Lay the cable; ``network`` holds the first three numbers of all addresses."""
        self.name = name
        self._space = f"ms{os.getpid()}-{number}"
        self._cable = f"ms{os.getpid() % 100_000}v{number}"
        here, there = (f"{network}.{8 * number + end}" for end in (1, 2))
        _ip("netns", "add", self._space)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "cable", "netns", self._space)
        _ip("address", "add", f"{here}/30", "dev", self._cable)
        _ip("link", "set", self._cable, "up")
        _ip("-n", self._space, "address", "add", f"{there}/30", "dev", "cable")
        for device in ("lo", "cable"):
            _ip("-n", self._space, "link", "set", device, "up")
        _ip("-n", self._space, "route", "add", f"{hub}/32", "via", here)
        # Else the kernel keeps a packet or two until it has found the hub again, and delivers a beat that was given up.
        mac = Path(f"/sys/class/net/{self._cable}/address").read_text(encoding="ascii").strip()
        _ip("-n", self._space, "neighbour", "replace", here, "lladdr", mac, "dev", "cable", "nud", "permanent")

    @property
    def inside(self) -> tuple[str, ...]:
        """What stands before a command that is to run there; its process keeps its id."""
        script = f'hostname {self.name}; exec "$@"'
        return ("ip", "netns", "exec", self._space, "unshare", "--uts", "sh", "-c", script, "sh")

    def cut(self) -> None:
        """Pull the cable at the hub's end: what either side sends is lost, and no connection is told."""
        _ip("link", "set", self._cable, "down")

    def mend(self) -> None:
        """Put it back."""
        _ip("link", "set", self._cable, "up")

    def close(self) -> None:
        """Take it away; the cable goes with it."""
        _ip("netns", "del", self._space)


@contextmanager
def hosts(*names: str) -> Iterator[tuple[str, list[Host]]]:
    """Give the hub's address and a host for each name; leaves the test out where this user may make none.

    The addresses are of a network that is for tests of devices, and routed nowhere (RFC 2544).
    """
    need("ip")
    if os.geteuid() != 0:
        leave_out("LEFT OUT: only root makes network namespaces; run tox as root")
    network = f"198.18.{os.getpid() % 256}"
    hub = f"{network}.1"
    made: list[Host] = []
    _ip("address", "add", f"{hub}/32", "dev", "lo")
    try:
        for number, name in enumerate(names, 1):
            made.append(Host(name, hub, network, number))
        yield hub, made
    finally:
        for host in made:
            host.close()
        _ip("address", "del", f"{hub}/32", "dev", "lo")
