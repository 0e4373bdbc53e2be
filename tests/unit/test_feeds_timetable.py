"""Which feed is fetched when."""

from hypothesis import given
from hypothesis import strategies as st

from marketswarm.feeds.timetable import Timetable


def timetable(hosts: dict[str, str], at_once: int = 8) -> Timetable:
    """Plan all feeds for time 0."""
    made = Timetable(hosts, at_once)
    for feed in hosts:
        made.plan(feed, 0.0)
    return made


def test_a_feed_is_fetched_when_it_is_due_and_not_before() -> None:
    """Just before, at, and after its time; while it is under way it is not begun again."""
    table = Timetable({"a": "x"}, 8)
    table.plan("a", 10.0)
    assert (table.pending(9.999), table.begin(9.999)) == (False, [])
    assert table.next_at() == 10.0
    assert (table.pending(10.0), table.begin(10.0)) == (True, ["a"])
    assert table.begin(1000.0) == []
    table.end("a", 2000.0)
    assert (table.begin(1999.0), table.begin(2000.0)) == ([], ["a"])


def test_one_host_is_asked_for_one_feed_at_a_time() -> None:
    """In the order in which they became due."""
    table = timetable({"a": "x", "b": "x", "c": "y"})
    assert table.begin(1.0) == ["a", "c"]
    assert table.begin(1.0) == []
    table.end("a", 100.0)
    assert table.begin(1.0) == ["b"]


def test_so_many_are_under_way_at_a_time() -> None:
    """Whoever waits is next when one has ended."""
    table = timetable({f"f{number}": f"h{number}" for number in range(5)}, at_once=2)
    assert table.begin(0.0) == ["f0", "f1"]
    table.end("f1", 50.0)
    assert table.begin(0.0) == ["f2"]


def test_a_host_with_many_feeds_does_not_starve_the_others() -> None:
    """Hosts take turns."""
    table = timetable({"a1": "a", "a2": "a", "a3": "a", "b": "b", "c": "c"}, at_once=1)
    begun = []
    for _ in range(5):
        (feed,) = table.begin(0.0)
        begun.append(feed)
        table.end(feed, 100.0)
    assert begun == ["a1", "b", "c", "a2", "a3"]


@given(st.data())
def test_nobody_is_forgotten_and_no_bound_is_passed(data: st.DataObject) -> None:
    """However fetches end, each feed comes again and again, one at a time of a host."""
    hosts = {f"f{number}": data.draw(st.sampled_from("xyz")) for number in range(data.draw(st.integers(1, 8)))}
    at_once = data.draw(st.integers(1, 4))
    table, now = timetable(hosts, at_once), 0.0
    under_way: list[str] = []
    turns = dict.fromkeys(hosts, 0)
    for _ in range(120):
        under_way += table.begin(now)
        assert len(under_way) <= at_once
        assert len({hosts[feed] for feed in under_way}) == len(under_way)
        if under_way:
            ended = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
            turns[ended] += 1
            table.end(ended, now + 1.0)
        now += 0.5
    assert min(turns.values()) > 2
