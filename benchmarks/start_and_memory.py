"""How long a service takes from its start to READY=1, and what it then keeps in memory.

Starts a private redis-server, seeds the shipped truth, and runs the service several times as systemd would, with a
notification socket. Prints the median and the worst of each figure beside its bar, and exits 1 over a bar.

    python benchmarks/start_and_memory.py [--service healer] [--runs 5]
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

READY_BAR_MS = 400
MEMORY_BAR_MIB = 42
SETTLE_SEC = 1.0


def free_port() -> int:
    """Pick a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def resident_kb(pid: int) -> int:
    """What proc(5) calls VmRSS."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def one_run(service: str, environ: dict[str, str], directory: Path) -> tuple[float, float]:
    """Start the service once; returns milliseconds to READY=1, and MiB (as ps and systemctl count) a second later."""
    path = directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        began = time.perf_counter()
        process = subprocess.Popen(
            [Path(sys.executable).with_name("marketswarm"), "run", service],
            env=environ | {"NOTIFY_SOCKET": str(path)},
            stderr=subprocess.DEVNULL,
        )
        try:
            while b"READY=1" not in manager.recv(4096):
                pass
            ready_ms = (time.perf_counter() - began) * 1000
            time.sleep(SETTLE_SEC)
            return ready_ms, resident_kb(process.pid) / 1024
        finally:
            process.terminate()
            process.wait(10)
            path.unlink()


def report(what: str, figures: list[float], bar: float, unit: str) -> bool:
    """Print one row; returns whether the median is under the bar."""
    median = statistics.median(figures)
    print(f"{what:<16} median {median:6.1f} {unit}   worst {max(figures):6.1f} {unit}   bar {bar} {unit}")
    return median < bar


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--service", default="healer")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    redis = shutil.which("redis-server")
    if redis is None:
        print("needs redis-server on PATH: apt install redis-server", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        url = f"redis://127.0.0.1:{port}"
        environ = os.environ | {"SYSTEM_REDIS_URL": url, "MARKET_REDIS_URL": url}
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", name, "--save", ""]
        server = subprocess.Popen([redis, *options], stdout=subprocess.DEVNULL)
        try:
            seed = [str(Path(sys.executable).with_name("marketswarm-seed")), "--truth", "etc/truth.json"]
            subprocess.run(seed, env=environ, check=True, stdout=subprocess.DEVNULL)
            one_run(arguments.service, environ, Path(name))  # the first writes byte code
            runs = [one_run(arguments.service, environ, Path(name)) for _ in range(arguments.runs)]
        finally:
            server.terminate()
            server.wait(10)
    print(f"{arguments.service}, {arguments.runs} runs, Python {sys.version.split()[0]}")
    fast = report("start to READY", [ready for ready, _ in runs], READY_BAR_MS, "ms")
    small = report("resident memory", [memory for _, memory in runs], MEMORY_BAR_MIB, "MiB")
    return 0 if fast and small else 1


if __name__ == "__main__":
    sys.exit(main())
