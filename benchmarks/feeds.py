"""How fast entries come from the bytes of documents to the queue, what each costs, and what memory that takes.

The peer is feedparser alone: it only parses. What rss_agg does besides is choosing, cleaning, crossing two pipes,
telling what is new, and storing it with its marks. Rates and times are of the best round of each: what else the machine
does only ever slows.
"""

import statistics
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.figures import Bar, Figure
from benchmarks.lab import HERE, Lab
from benchmarks.plan import Plan, say
from benchmarks.program import Program, options

OURS = "rss_agg"
FEEDPARSER = "feedparser"
PLAIN = "feedparser, HTML left as it is"
ENTRIES = 50
FEEDS, QUICK_FEEDS = 100, 25
LONGEST = 1.5
"""Times the peer's time."""
MEMORY_FEEDS = 50
SOON, LATE = 20_000, 100_000
QUICK_SOON, QUICK_LATE = 5_000, 15_000
GROWTH = 1.05
PATIENCE_SEC = 600.0

Found = dict[str, list[dict[str, Any]]]


def measure(lab: Lab, plan: Plan) -> Iterator[Figure]:
    """Give the figures."""
    yield from _speed(plan, _turns(lab, plan))
    yield from _memory(lab, plan)


def _turns(lab: Lab, plan: Plan) -> Found:
    """Measure all in turns."""
    feeds = _feeds(plan)
    found: Found = {OURS: [], FEEDPARSER: [], PLAIN: []}
    for round_ in range(plan.rounds):
        for subject, results in found.items():
            say(f"feeds: {feeds} documents, {subject}, round {round_ + 1} of {plan.rounds}")
            results.append(_run(_command(lab, subject, feeds)))
    return found


def _speed(plan: Plan, found: Found) -> Iterator[Figure]:
    entries = _feeds(plan) * ENTRIES
    news, known = ([result[part] for result in found[OURS]] for part in ("new", "known"))
    rates = [entries / took for took in _all(news, "took_sec")]
    bar = Bar(">=", 1 / LONGEST, of_ratio=True)
    for peer, its_bar in ((FEEDPARSER, bar), (PLAIN, None)):
        its = entries / min(_all(found[peer], "took_sec"))
        what = "entries from bytes to the queue, best round"
        yield Figure(what, "a second", max(rates), its, peer, its_bar, rounds=rates)
    its = statistics.median(_all(found[FEEDPARSER], "cpu_sec")) / entries * 1e6
    for what, part in (("CPU an entry", "cpu_sec"), ("CPU an entry, the parsing child's part", "child_cpu_sec")):
        taken = [sec / entries * 1e6 for sec in _all(news, part)]
        yield Figure(what, "µs", statistics.median(taken), its, FEEDPARSER, rounds=taken)
    taken = [sec / _feeds(plan) * 1e3 for sec in _all(known, "took_sec")]
    new = min(_all(news, "took_sec")) / _feeds(plan) * 1e3
    yield Figure(f"document of {ENTRIES} known entries, best round", "ms", min(taken), new, "all new", rounds=taken)


def _memory(lab: Lab, plan: Plan) -> Iterator[Figure]:
    """Both processes in the middle and at the end of a long run, over feeds that always have news."""
    soon, late = (QUICK_SOON, QUICK_LATE) if plan.quick else (SOON, LATE)
    say(f"feeds: memory over {late:,} entries")
    command = [*_command(lab, OURS, MEMORY_FEEDS), "--memory", str(soon), str(late)]
    before, after = _run(command)
    for who, part in (("rss_agg", "own_kib"), ("its parsing child", "child_kib")):
        mib = [found[part] / 1024 for found in (before, after)]
        bar = Bar("<", GROWTH, of_ratio=True)
        yield Figure(f"{who}: resident after {late:,} entries", "MiB", mib[1], mib[0], f"after {soon:,}", bar)


def _command(lab: Lab, subject: str, feeds: int) -> list[str]:
    words = options(feeds=feeds, entries=ENTRIES)
    if subject == OURS:
        return [sys.executable, str(HERE / "feeds_path.py"), *options(port=lab.port), *words]
    return [sys.executable, str(HERE / "feedparser_path.py"), *words, *(["--plain"] if subject == PLAIN else [])]


def _run(command: Sequence[str]) -> Any:
    with Program(*command) as program:
        return program.result(PATIENCE_SEC)


def _feeds(plan: Plan) -> int:
    return QUICK_FEEDS if plan.quick else FEEDS


def _all(results: Sequence[dict[str, float]], part: str) -> list[float]:
    return [result[part] for result in results]
