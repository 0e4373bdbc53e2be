"""Hosts that a test may cut off: network namespaces on this machine, each with a cable to it and a name of its own."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testkit import leave_out, need


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


class Host:
    """A namespace whose one cable leads to the hubs, the addresses of this machine that servers listen on."""

    def __init__(self, name: str, hubs: Sequence[str], network: str, number: int) -> None:
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
        for hub in hubs:
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

    def lose(self, hub: str) -> None:
        """Have no way to this hub any more; nobody is told."""
        _ip("-n", self._space, "route", "change", "blackhole", f"{hub}/32")

    def close(self) -> None:
        """Take it away, though a process of it may live on for a while."""
        _ip("link", "del", self._cable)
        _ip("netns", "del", self._space)


@contextmanager
def hosts(*names: str) -> Iterator[tuple[tuple[str, str], list[Host]]]:
    """Give the addresses of two hubs and a host for each name; leaves the test out where this user may make none.

    The addresses are of a network that is for tests of devices, and routed nowhere (RFC 2544).
    """
    need("ip")
    if os.geteuid() != 0:
        leave_out("LEFT OUT: only root makes network namespaces; run tox as root")
    network = f"198.18.{os.getpid() % 256}"
    hubs = (f"{network}.1", f"{network}.2")
    made: list[Host] = []
    try:
        for hub in hubs:
            _ip("address", "replace", f"{hub}/32", "dev", "lo")
        for number, name in enumerate(names, 1):
            made.append(Host(name, hubs, network, number))
        yield hubs, made
    finally:
        for host in made:
            host.close()
        for hub in hubs:
            _ip("address", "del", f"{hub}/32", "dev", "lo")
