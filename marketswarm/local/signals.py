"""Ctrl-C and its relatives, as cancellation; and signals by name."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def until_signalled(work: Coroutine[Any, Any, int], *, then: int) -> int:
    """Run ``work`` until it returns, or until SIGINT, SIGTERM or SIGHUP cancels it: then the result is ``then``.

    A second signal cancels once more, which cuts short whatever ``work`` waits for while it cleans up. A signal that
    is ignored stays ignored, as nohup(1) and background jobs want it.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    signalled = False

    def on_signal() -> None:
        nonlocal signalled
        signalled = True
        task.cancel()

    watched = [number for number in _STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    for number in watched:
        loop.add_signal_handler(number, on_signal)
    try:
        return await task
    except asyncio.CancelledError:
        if not signalled:
            raise
        return then
    finally:
        for number in watched:
            loop.remove_signal_handler(number)


def how_it_ended(returncode: int) -> str:
    """Put a process's return code into words; negative ones are signals, as in the subprocess module."""
    if returncode >= 0:
        return f"ended with exit status {returncode}"
    try:
        return f"was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was killed by signal {-returncode}"
