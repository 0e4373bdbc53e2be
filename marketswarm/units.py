"""Commands of this host with a deadline, and what systemd says of units, in DEADLINE_SEC at most."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from marketswarm.errors import ServiceManagerError

DEADLINE_SEC = 2.0
_KILLED_SEC = 0.2
_STATE = "Id,LoadState,ActiveState,SubState,Result,NRestarts,UnitFileState"
_PROPERTIES = f"{_STATE},PrivateNetwork,IPAddressAllow,IPAddressDeny"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit, in systemd's own words (systemctl(1), ``show``). ``restarts`` counts those by ``Restart=``.

    ``allow`` and ``deny`` are networks, of its own filters; those of its slice come on top.
    """

    name: str
    load: str
    active: str
    sub: str = ""
    result: str = ""
    restarts: int = 0
    enabled: str = ""
    private_network: bool = False
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it printed; ``complaint`` is its stderr."""

    code: int
    output: str
    complaint: str


def systemd_runs() -> bool:
    """Whether systemd is this machine's service manager (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


async def show(units: Iterable[str]) -> dict[str, Unit]:
    """Ask for these units, all at once. Raises ServiceManagerError where there is no answer."""
    try:
        done = await run(("systemctl", "show", f"--property={_PROPERTIES}", "--", *units), DEADLINE_SEC)
    except TimeoutError:
        raise ServiceManagerError(f"systemctl gave no answer within {DEADLINE_SEC:g} s") from None
    except OSError as error:
        raise ServiceManagerError(f"systemctl cannot be started: {error.strerror}") from error
    if done.code:
        raise ServiceManagerError(f"systemctl failed: {done.complaint.strip() or f'exit code {done.code}'}")
    return parse(done.output)


async def run(command: Sequence[str], deadline_sec: float) -> Done:
    """Run a command to its end. Raises TimeoutError where that takes longer, OSError where it cannot be started."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(deadline_sec):
            output, complaint = await process.communicate()
    except TimeoutError:
        await _end(process)
        raise
    return Done(process.returncode or 0, output.decode(errors="replace"), complaint.decode(errors="replace"))


def parse(output: str) -> dict[str, Unit]:
    """Read what ``systemctl show`` prints: a block of NAME=VALUE for each unit, and a blank line between them."""
    blocks = (dict(line.partition("=")[::2] for line in block.splitlines()) for block in output.split("\n\n"))
    found = (_unit(fields) for fields in blocks if fields.get("Id"))
    return {unit.name: unit for unit in found}


def _unit(fields: dict[str, str]) -> Unit:
    restarts = fields.get("NRestarts", "")
    return Unit(
        name=fields["Id"],
        load=fields.get("LoadState", ""),
        active=fields.get("ActiveState", ""),
        sub=fields.get("SubState", ""),
        result=fields.get("Result", ""),
        restarts=int(restarts) if restarts.isdecimal() else 0,
        enabled=fields.get("UnitFileState", ""),
        private_network=fields.get("PrivateNetwork") == "yes",
        allow=tuple(fields.get("IPAddressAllow", "").split()),
        deny=tuple(fields.get("IPAddressDeny", "").split()),
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill it; one that even SIGKILL does not end at once (a hung disk) is left to itself."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_KILLED_SEC):
            await process.wait()
