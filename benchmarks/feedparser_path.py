"""The peer: feedparser alone, in an interpreter that does nothing else, over the same documents.

It is as polite as rss_agg's parser (nice 5), so that what else this machine does slows both. --plain leaves out what
rss_agg leaves out too: mending HTML and resolving links in it.

    python benchmarks/feedparser_path.py --feeds N [--entries E] [--plain]
"""

import argparse
import io
import json
import os
import sys
import time
from pathlib import Path

import feedparser

sys.path.append(str(Path(__file__).parents[1]))

from benchmarks import stories
from benchmarks.meter import cpu_sec, say
from benchmarks.program import RunError

NICENESS = 5
_HEADERS = {"content-type": "application/rss+xml; charset=utf-8"}


def parse(document: bytes, *, plain: bool) -> int:
    """Parse one; gives how many entries it has."""
    how = {"sanitize_html": False, "resolve_relative_uris": False} if plain else {}
    return len(feedparser.parse(io.BytesIO(document), response_headers=_HEADERS, **how)["entries"])


def main() -> None:
    """Warm up, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--feeds", type=int, required=True, help="how many documents")
    parser.add_argument("--entries", type=int, default=50, help="in each of them (50)")
    parser.add_argument("--plain", action="store_true", help="neither mend HTML nor resolve links in it")
    given = parser.parse_args()
    os.nice(NICENESS)
    documents = [stories.document(number, given.entries) for number in range(given.feeds)]
    parse(stories.document(10**6, given.entries), plain=given.plain)
    cpu, began = cpu_sec(), time.monotonic()
    found = sum(parse(document, plain=given.plain) for document in documents)
    took, cpu = time.monotonic() - began, cpu_sec() - cpu
    if found != given.feeds * given.entries:
        raise RunError(f"{found} of {given.feeds * given.entries} entries were found")
    say(json.dumps({"took_sec": took, "cpu_sec": cpu}))


if __name__ == "__main__":
    main()
