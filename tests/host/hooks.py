"""What a test puts into a host's environment, to wedge a service from outside: nothing of it is in the product."""

from pathlib import Path

BLOCKED_LOOP = "USR1"
"""The signal that blocks the whole event loop, as a call that never returns would."""
BLOCKED_WORK = "USR2"
"""The signal after which the event loop turns and the work makes no progress."""
_CODE = """
import signal, sys, time

def block_loop(*_):
    while True:
        time.sleep(3600)

def block_work(*_):
    from marketswarm.daemon.progress import Progress
    Progress.mark = lambda self, part="work": None

if sys.argv[1:2] == ["run"] or "run" in sys.orig_argv:
    signal.signal(signal.SIGUSR1, block_loop)
    signal.signal(signal.SIGUSR2, block_work)
"""


def put_in(root: Path) -> None:
    """Let every service of the host listen to the two signals."""
    packages = next((root / "opt/marketswarm/lib").glob("python3.*/site-packages"))
    (packages / "wedge_for_tests.py").write_text(_CODE, encoding="utf-8")
    (packages / "wedge_for_tests.pth").write_text("import wedge_for_tests\n", encoding="utf-8")
