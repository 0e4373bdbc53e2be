"""What Linux says of a process: memory, wake-ups and CPU time (proc(5))."""

import os
from pathlib import Path


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident, and its proportional share of what it has in common with others (PSS)."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    fields = {name: rest.split() for name, _, rest in (line.partition(":") for line in rollup.splitlines()) if rest}
    return int(fields["Rss"][0]) / 1024, int(fields["Pss"][0]) / 1024


def wakeups(pid: int) -> int:
    """How often its threads have gone to sleep, and so were woken, since they began."""
    return sum(_switches(status) for status in Path(f"/proc/{pid}/task").glob("*/status"))


def cpu_sec(pid: int) -> float:
    """User and system time of all its threads, to a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _switches(status: Path) -> int:
    try:
        text = status.read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0  # a thread that has just ended
    return int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
