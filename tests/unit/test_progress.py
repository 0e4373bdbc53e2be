"""Whether the work goes on."""

from marketswarm.daemon.progress import Progress


def test_no_mark_is_no_progress() -> None:
    """A service that has not begun has not turned."""
    watch = Progress().watch()
    assert not watch.made()
    assert not watch.made()


def test_a_turn_is_progress_once() -> None:
    """It counts for one look, and so do many turns between two looks."""
    progress = Progress()
    watch = progress.watch()
    progress.mark()
    assert [watch.made(), watch.made()] == [True, False]
    for _ in range(5):
        progress.mark()
    assert [watch.made(), watch.made()] == [True, False]


def test_one_wedged_part_among_several_is_no_progress() -> None:
    """However busy the others are."""
    progress = Progress()
    watch = progress.watch()
    for part in ("work", "system-redis", "market-redis"):
        progress.mark(part)
    assert watch.made()
    for _ in range(100):
        progress.mark("work")
        progress.mark("system-redis")
        assert not watch.made()
    progress.mark("market-redis")
    assert watch.made()
    assert not watch.made()


def test_the_parts_need_not_turn_between_the_same_two_looks() -> None:
    """A slow part and a fast one are progress together, when each has turned since the last time."""
    progress = Progress()
    watch = progress.watch()
    progress.mark("fast")
    progress.mark("slow")
    assert watch.made()
    progress.mark("slow")
    assert not watch.made()
    progress.mark("fast")
    assert watch.made()


def test_a_part_that_comes_later_has_to_turn_too() -> None:
    """From its first turn on it counts."""
    progress = Progress()
    watch = progress.watch()
    progress.mark("first")
    assert watch.made()
    progress.mark("first")
    progress.mark("second")
    assert watch.made()
    progress.mark("first")
    assert not watch.made()


def test_observers_do_not_take_each_others_turns() -> None:
    """The heartbeat and systemd's watchdog each see every turn."""
    progress = Progress()
    one, other = progress.watch(), progress.watch()
    progress.mark()
    assert one.made()
    assert other.made()
    assert not one.made()


def test_a_part_that_is_over_need_not_turn() -> None:
    """The others are progress without it; with no other there is none."""
    progress = Progress()
    watch = progress.watch()
    progress.mark("before")
    assert watch.made()
    progress.drop("before")
    progress.drop("before")
    assert not watch.made()
    progress.mark("after")
    assert [watch.made(), watch.made()] == [True, False]
