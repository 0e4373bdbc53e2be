"""The parent's side of a delivery: a child for each, a deadline over all of it, and no child left behind."""

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from typing import Final

import msgspec

from marketswarm import errors, isolated, version
from marketswarm.notices.channels import Channel
from marketswarm.notices.message import Message, Outcome, Result
from marketswarm.notifier import job as jobs

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
PASSED_ON: Final = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", *_PROXIES, *(name.lower() for name in _PROXIES))
"""Of the parent's environment, what the child may have: how to get out, and whom to trust there."""


async def deliver(channel: Channel, message: Message, environ: Mapping[str, str]) -> Outcome:
    """Carry a message to a channel, in ``channel.timeout_sec`` at most; ``environ`` is this process's environment.

    Whatever goes wrong out there is an Outcome. Cancelled, it ends the child and raises CancelledError.
    """
    try:
        job = jobs.encode(jobs.Job(channel, message, version.agent()))
    except UnicodeEncodeError:  # a variable with bytes that are no UTF-8
        return Outcome(Result.PERMANENT, "an address or a password is not written in UTF-8")
    try:
        return await _by_child(job, channel.timeout_sec, environ)
    except (OSError, RuntimeError) as error:
        return Outcome(Result.TRANSIENT, f"no process can be started to deliver it: {errors.reason(error)}")


async def _by_child(job: bytes, timeout_sec: float, environ: Mapping[str, str]) -> Outcome:
    command, variables = _command()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,  # a traceback may show secrets
        env=_for_child(environ) | variables,
        start_new_session=True,  # Ctrl-C in a terminal is for the parent, which decides
    )
    ends_by_itself = False
    try:
        async with asyncio.timeout(timeout_sec):
            answer = await _talk(process, job)
        ends_by_itself = len(answer) < jobs.MAX_OUTCOME_BYTES
    except TimeoutError:
        return Outcome(Result.TRANSIENT, f"no answer in {timeout_sec:g} s")
    finally:
        # Killed only if it has to be: Popen.kill() looks first, and so may reap a child before asyncio does.
        if not ends_by_itself:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        code = await process.wait()
    try:
        return jobs.decode_outcome(answer)
    except msgspec.DecodeError:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        return Outcome(Result.TRANSIENT, f"the process that should deliver it {how}")


async def _talk(process: Process, job: bytes) -> bytes:
    """Hand over the job, and return what the child says until it ends, no more than an outcome may have."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("no pipes")
    with contextlib.suppress(ConnectionError):  # it is gone; its exit code says how
        process.stdin.write(job)
        await process.stdin.drain()
    process.stdin.close()
    try:
        return await process.stdout.readexactly(jobs.MAX_OUTCOME_BYTES)
    except asyncio.IncompleteReadError as end:
        return end.partial


def _for_child(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out everything the child has no need of: settings with secrets, systemd's notification socket."""
    passed = {name: environ[name] for name in PASSED_ON if environ.get(name)}
    # Apprise's library for the web does not heed SSL_CERT_FILE, but calls it so.
    trust = {"REQUESTS_CA_BUNDLE": passed["SSL_CERT_FILE"]} if "SSL_CERT_FILE" in passed else {}
    return {"LANG": "C.UTF-8", **passed, **trust}


def _command() -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the child's command line, and the variables that it needs."""
    return isolated.command("marketswarm.notifier")
