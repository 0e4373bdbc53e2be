"""The child's side: one job from stdin, delivered, and what came of it on stdout."""

import contextlib
import faulthandler
import os
import resource
import sys
from pathlib import Path

from marketswarm.notices.channels import Apprise, Mail, Ping, Webhook
from marketswarm.notices.message import Outcome
from marketswarm.notifier import job as jobs

MAX_MEMORY_BYTES = 96 << 20
"""Many times what a delivery takes; a reply of a gigabyte does not get in."""
_NICENESS = 5
_FIRST_TO_GO = "500"


def main() -> None:
    """Deliver, and end at once, whatever threads a library has left running."""
    # What a library prints is no outcome.
    answer = os.dup(1)
    os.dup2(2, 1)
    job = jobs.decode_job(sys.stdin.buffer.read())
    _step_back(job.channel.timeout_sec)
    os.write(answer, jobs.encode(_deliver(job)))
    os._exit(0)


def _deliver(job: jobs.Job) -> Outcome:
    """Deliver. Whatever a library raises beyond what is known ends this process, and the parent says that it did."""
    match job.channel:
        case Webhook() as channel:
            from marketswarm.notifier import web

            return web.post(channel, job.message, job.agent)
        case Ping() as channel:
            from marketswarm.notifier import web

            return web.call(channel, job.agent)
        case Mail() as channel:
            from marketswarm.notifier import mail

            return mail.send(channel, job.message)
        case Apprise() as channel:
            from marketswarm.notifier import through_apprise

            return through_apprise.send(channel, job.message)


def _step_back(timeout_sec: float) -> None:
    """Let the watchers of this host go first, and be gone soon even if nobody is left to end this process.

    A hardened unit may forbid some of it, which is no reason not to deliver.
    """
    faulthandler.dump_traceback_later(timeout_sec + 1, exit=True)
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))


if __name__ == "__main__":
    main()
