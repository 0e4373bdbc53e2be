"""The child's side: jobs from stdin, one after another until it ends, and documents on stdout."""

import faulthandler
from datetime import UTC, datetime
from typing import BinaryIO, Final

from marketswarm.feeds.item import Document
from marketswarm.services.rss_agg.parsing import job as jobs
from marketswarm.services.rss_agg.parsing.reading import read

MAX_MEMORY_BYTES: Final = 512 << 20
"""Many times what the largest feeds take."""
_GRACE_SEC: Final = 1.0
"""The parent is the first to look at the clock: it knows what to say."""


def serve(jobs_in: BinaryIO, documents_out: BinaryIO) -> None:
    """Read documents until there are no more jobs, or there is no more memory."""
    document = Document()
    while document.problem != jobs.OUT_OF_MEMORY and (length := jobs_in.read(jobs.LENGTH_BYTES)):
        document = _work(jobs_in, int.from_bytes(length, "big"))
        answer = jobs.encode(document)
        documents_out.write(jobs.prefix(answer) + answer)
        documents_out.flush()
        faulthandler.cancel_dump_traceback_later()


def _work(jobs_in: BinaryIO, length: int) -> Document:
    try:
        job = jobs.decode_job(jobs_in.read(length))
        # Gone soon, even if nobody is left to end this process.
        faulthandler.dump_traceback_later(job.deadline_sec + _GRACE_SEC, exit=True)
        return read(
            job.raw, content_type=job.content_type, url=job.url, max_entries=job.max_entries, now=datetime.now(UTC)
        )
    except MemoryError:
        return Document(problem=jobs.OUT_OF_MEMORY)
