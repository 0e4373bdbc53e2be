"""The child's side: one job from stdin, delivered, and what came of it on stdout."""

import faulthandler
import os
import sys

from marketswarm.isolated import step_back
from marketswarm.notices.channels import Apprise, Mail, Ping, Webhook
from marketswarm.notices.message import Outcome
from marketswarm.notifier import job as jobs

MAX_MEMORY_BYTES = 96 << 20
"""Many times what a delivery takes; a reply of a gigabyte does not get in."""


def main() -> None:
    """Deliver, and end at once, whatever threads a library has left running."""
    # What a library prints is no outcome.
    answer = os.dup(1)
    os.dup2(2, 1)
    job = jobs.decode_job(sys.stdin.buffer.read())
    # Gone soon, even if nobody is left to end this process.
    faulthandler.dump_traceback_later(job.channel.timeout_sec + 1, exit=True)
    step_back(MAX_MEMORY_BYTES)
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


if __name__ == "__main__":
    main()
