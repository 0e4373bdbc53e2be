"""What the numbers of beats tell: which were lost, whether a process was replaced, whether two share a name."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.liveness import Detector, Event, Sequence, State, Tally, Terms
from marketswarm.messages import Heartbeat

HERE = "here"
A = 0
Feed = Callable[[Detector, Heartbeat, float], object]


def watching(*services: str) -> Detector:
    """Make a detector that watches these services; they may be silent for so long that nobody is missed."""
    return Detector([(service, Terms(10, 1e6)) for service in services or ("a",)], 0, host=HERE)


def by_hearing(detector: Detector, beat: Heartbeat, now: float) -> None:
    """A beat that was read."""
    detector.hear([(A, beat)], now)


def by_backlog(detector: Detector, beat: Heartbeat, now: float) -> None:
    """A beat that may have waited."""
    detector.hear([(A, beat)], now, late_since=0)


def by_lease(detector: Detector, beat: Heartbeat, now: float) -> None:
    """A beat that the bus has kept."""
    detector.evidence(A, beat, now, now)


every_way = pytest.mark.parametrize("feed", [by_hearing, by_backlog, by_lease])


def numbered(*counts: int, boot: str = "b0") -> list[Heartbeat]:
    """Make beats of one process."""
    return [Heartbeat("a", i, 0, boot=boot) for i in counts]


def written(text: str) -> list[Heartbeat]:
    """Read beats that are written as process and number: ``a1 b1 a2``; a ``-`` has no boot id."""
    return [Heartbeat("a", int(word[1:]), 0, boot=word[0].replace("-", "")) for word in text.split()]


def take(beats: Iterable[Heartbeat], feed: Feed = by_hearing, detector: Detector | None = None) -> Detector:
    """Take them in, one a second."""
    detector = detector or watching()
    for now, beat in enumerate(beats, 1):
        feed(detector, beat, now)
    return detector


def tally(detector: Detector) -> tuple[int, int, int]:
    """What was counted: lost beats, restarts, duplicates."""
    found = detector.numbers.tally(A)
    return found.lost_beats, found.restarts, found.duplicates


def events(detector: Detector) -> list[Event]:
    """What happened."""
    return [event for _, event in detector.numbers.news]


@every_way
@pytest.mark.parametrize(
    ("counts", "lost"),
    [
        ((1, 2, 3), 0),
        ((1, 3), 1),
        ((1, 5, 6, 9), 5),
        ((50, 51), 0),  # the watching began in the middle
        ((50, 53), 2),
        ((1, 2, 2, 3), 0),  # it came twice
        ((1, 3, 2, 4), 1),  # it came late; that it was lost was said, and is not taken back
        ((1, 4, 2, 3, 5), 2),
    ],
)
def test_a_number_that_is_left_out_is_a_lost_beat(feed: Feed, counts: tuple[int, ...], lost: int) -> None:
    """However it comes to be known."""
    detector = take(numbered(*counts), feed)
    assert tally(detector) == (lost, 0, 0)
    assert events(detector) == []


@every_way
def test_another_process_is_a_restart(feed: Feed) -> None:
    """One that was never missed is told of."""
    detector = take(written("a1 a2 a3 b1 b2"), feed)
    assert tally(detector) == (0, 1, 0)
    assert detector.numbers.news == [(A, Event.RESTARTED)]


@every_way
def test_what_a_new_process_sent_before_it_was_heard_is_not_lost(feed: Feed) -> None:
    """Nobody knows how its first beats went."""
    assert tally(take(written("a1 a2 b7 b8 b10"), feed)) == (1, 1, 0)


def test_a_restart_after_a_miss_is_no_news() -> None:
    """The miss and the recovery have told of it; it is counted."""
    detector = Detector([("a", Terms(10, 30))], 0, host=HERE)
    take(written("a1 a2"), detector=detector)
    assert [detector.convict(row, 40) for row in detector.due(40)]
    detector.hear([(A, written("b1")[0])], 50)
    assert (tally(detector), events(detector)) == ((0, 1, 0), [])


def test_a_program_without_a_boot_id_restarts_when_it_begins_again() -> None:
    """Its number says so."""
    detector = take(written("-1 -2 -3 -1 -2"))
    assert (tally(detector), events(detector)) == ((0, 1, 0), [Event.RESTARTED])


@pytest.mark.parametrize("text", ["-1 -1 -1", "-5 -5", "-0 -0 -0", "-1 -2 -2 -3"])
def test_a_program_without_a_boot_id_may_repeat_itself(text: str) -> None:
    """One that does not count sends the same number for ever."""
    assert tally(take(written(text))) == (0, 0, 0)


def test_a_program_that_gets_a_boot_id_is_another_process() -> None:
    """And one that loses it."""
    assert tally(take(written("-1 -2 a1 a2 -1 -2"))) == (0, 2, 0)


@every_way
def test_two_that_take_turns_three_times_are_duplicates(feed: Feed) -> None:
    """They are no restart then: the one that was counted is taken back, and it is told once."""
    detector = take(written("a11 b3 a12 b4"), feed)
    assert (tally(detector), events(detector)) == ((0, 1, 0), [Event.RESTARTED])
    detector = take(written("a13"), feed, detector)
    assert (tally(detector), events(detector)) == ((0, 0, 1), [Event.RESTARTED, Event.DUPLICATED])
    detector = take(written("b5 a14 b6 a15"), feed, detector)
    assert (tally(detector), events(detector)) == ((0, 0, 1), [Event.RESTARTED, Event.DUPLICATED])


def test_two_that_beat_at_different_rates_take_turns_too() -> None:
    """Several beats of the one between two of the other are one turn."""
    detector = take(written("a11 a12 b1 a13 a14 a15 b2 a16 a17 b3 a18"))
    assert tally(detector) == (0, 0, 1)


def test_two_that_were_started_together_are_seen() -> None:
    """Their numbers are the same all the time, and nothing but the process tells them apart."""
    detector = take(written(" ".join(f"a{i} b{i}" for i in range(1, 10))))
    assert tally(detector) == (0, 0, 1)
    assert events(detector).count(Event.DUPLICATED) == 1


def test_three_that_take_turns_are_no_endless_row_of_restarts() -> None:
    """Each of them comes again: that is told once, and not with every beat."""
    detector = take(written(" ".join(f"a{i + 30} b{i + 20} c{i}" for i in range(1, 20))))
    assert events(detector).count(Event.DUPLICATED) == 1
    assert events(detector).count(Event.RESTARTED) <= 2


@pytest.mark.parametrize(
    "text",
    [
        "a1 a2 b1 a3 b2 b3 b4",  # what it said before it ended was read late
        "a1 a2 b1 a3 a4 a5 b2 b3 b4",
        "a1 a2 b1 a4 b2 b3",
    ],
)
def test_the_last_words_of_a_process_that_was_replaced_may_come_late(text: str) -> None:
    """It has ended and goes on no more: that is a restart and no duplicate."""
    detector = take(written(text))
    assert tally(detector)[1:] == (1, 0)
    assert events(detector) == [Event.RESTARTED]


@every_way
@pytest.mark.parametrize("text", ["a1 a2 a3 b1 b2", "a1 a2 b1 b2 a3 b3 b4", "a1 a2 b7 b8"])
def test_a_singleton_that_is_handed_over_is_a_restart(feed: Feed, text: str) -> None:
    """Of a process that lives on and stands by: also where a last beat of it was on its way for long."""
    detector = take(written(text), feed)
    assert tally(detector) == (0, 1, 0)
    assert detector.numbers.calm(1000, lambda _: 60) == []
    take(written("a30"), feed, detector)
    assert tally(detector) == (0, 2, 0)


def test_restarts_in_a_row_are_no_duplicates() -> None:
    """A process that crashes again and again is another one each time."""
    detector = take(written("a1 a2 b1 b2 c1 d1 e1 e2"))
    assert (tally(detector), events(detector)) == ((0, 4, 0), [Event.RESTARTED] * 4)


@pytest.mark.parametrize("text", ["-1 -2 -1 -3 -2 -4 -3 -5 -4", "-11 -3 -12 -4 -13 -5 -14 -6"])
def test_two_without_a_boot_id_cannot_be_told_apart(text: str) -> None:
    """So nobody is said to be two."""
    assert Event.DUPLICATED not in events(take(written(text)))


def patience(_: int) -> float:
    """Say for how long the other one has to be silent."""
    return 60.0


def duplicated() -> Detector:
    """Make a detector that has seen two take turns until 10."""
    return take(written("a11 b1 a12 b2 a13 b3 a14 b4 a15 b5"))


def test_it_is_over_when_only_one_has_beaten_for_a_while() -> None:
    """And told once."""
    detector = duplicated()
    assert detector.numbers.calm(70, patience) == []
    assert detector.numbers.calm(71, patience) == [A]
    assert detector.numbers.calm(1000, patience) == []


def test_as_long_as_both_beat_it_is_not_over() -> None:
    """Each turn makes it last."""
    detector = duplicated()
    for i in range(20):
        now = 60.0 + 50 * i
        detector.hear([(A, beat) for beat in written(f"a{20 + i} b{10 + i}")], now)
        assert detector.numbers.calm(now + 40, patience) == []


def test_when_it_is_over_it_may_begin_again() -> None:
    """It is told and counted again."""
    detector = duplicated()
    detector.numbers.calm(71, patience)
    detector.numbers.news.clear()
    for now, beat in enumerate(written("a21 b21 a22 b31 a23 b32"), 80):
        detector.hear([(A, beat)], now)
    assert (events(detector), tally(detector)[2]) == ([Event.RESTARTED, Event.DUPLICATED], 2)


def test_a_restart_is_forgotten_without_a_word() -> None:
    """Of the process before nothing is kept for ever."""
    detector = take(written("a1 b1 b2"))
    assert detector.numbers.calm(1000, patience) == []
    detector.hear([(A, written("a2")[0])], 1001)
    assert tally(detector) == (0, 2, 0)


@every_way
def test_a_goodbye_is_kept_until_somebody_beats_again(feed: Feed) -> None:
    """A process that starts has not said it."""
    detector = take(written("a1 a2"), feed)
    assert detector.numbers.goodbyes == set()
    feed(detector, Heartbeat("a", 3, 0, boot="a", bye=True), 3)
    assert detector.numbers.goodbyes == {A}
    feed(detector, Heartbeat("a", 1, 0, boot="b"), 4)
    assert detector.numbers.goodbyes == set()


def test_a_goodbye_has_its_number() -> None:
    """Nothing was lost before it, and nothing is of the one that comes next."""
    beats = [*numbered(1, 2), Heartbeat("a", 3, 0, boot="b0", bye=True), *numbered(1, 2, boot="b1")]
    assert tally(take(beats)) == (0, 1, 0)


@every_way
@pytest.mark.parametrize("boot", ["b0", ""])
@pytest.mark.parametrize("first", [1, 0, 7])
def test_the_process_that_beats_is_known_where_it_runs_on_this_host(feed: Feed, boot: str, first: int) -> None:
    """By the first of its beats, whatever its number, and as long as they go on."""
    beats = [Heartbeat("a", first + i, 0, boot=boot, host=HERE, pid=42) for i in range(3)]
    assert take(beats, feed).numbers.pid(A) == 42


@pytest.mark.parametrize(
    ("host", "pid", "known"),
    [
        (HERE, 1, 1),
        (HERE, 1 << 22, 1 << 22),
        (HERE, (1 << 22) + 1, None),
        (HERE, 2**53, None),
        (HERE, 2**31, None),
        (HERE, 0, None),
        (HERE, -1, None),
        ("there", 42, None),
        ("", 42, None),
        ("HERE", 42, None),
    ],
)
def test_a_process_id_is_one_of_this_host_and_one_that_there_can_be(host: str, pid: int, known: int | None) -> None:
    """Anybody may write what it likes; nobody else's process is looked at."""
    assert take([Heartbeat("a", 1, 0, boot="b0", host=host, pid=pid)]).numbers.pid(A) == known


def test_the_process_id_is_that_of_the_process_that_beats_now() -> None:
    """One on another host replaces one here, and the other way round."""
    there = Heartbeat("a", 1, 0, boot="b1", host="there", pid=43)
    detector = take([Heartbeat("a", 1, 0, boot="b0", host=HERE, pid=42), there])
    assert detector.numbers.pid(A) is None
    detector.hear([(A, Heartbeat("a", 1, 0, boot="b2", host=HERE, pid=44))], 3)
    assert detector.numbers.pid(A) == 44


@every_way
def test_a_program_may_count_from_nought(feed: Feed) -> None:
    """What is lost of it is lost, and no restart."""
    detector = take(numbered(0, 1, 2, 5), feed)
    assert (tally(detector), events(detector)) == ((2, 0, 0), [])


@pytest.mark.parametrize(
    ("text", "asked", "known"),
    [
        ("a1 a2 a3", "a3", True),
        ("a1 a2 a3", "a2", True),
        ("a1 a2 a3", "a4", False),
        ("a1 a2 a3", "b3", False),
        ("a1 a2 b1", "a2", False),
        ("-1 -2 -3", "-3", False),
        ("", "a1", False),
        ("", "-0", False),
    ],
)
def test_a_lease_that_holds_what_was_heard_is_known(text: str, asked: str, *, known: bool) -> None:
    """Of a program without a boot id nobody can say."""
    detector = take(written(text))
    assert detector.knows(A, written(asked)[0]) is known


def test_services_are_counted_apart() -> None:
    """One's beats say nothing of another."""
    detector = watching("a", "b")
    detector.hear([(0, Heartbeat("a", 1, 0, boot="x")), (1, Heartbeat("b", 1, 0, boot="y"))], 1)
    detector.hear([(0, Heartbeat("a", 2, 0, boot="x")), (1, Heartbeat("b", 4, 0, boot="y"))], 2)
    assert (detector.numbers.tally(0), detector.numbers.tally(1)) == (Tally(), Tally(lost_beats=2))


def test_whose_count_has_changed_is_told() -> None:
    """Until somebody has looked; of those who are well nothing is kept."""
    detector = take(numbered(1, 2, 3))
    assert detector.numbers.changed == set()
    detector = take(numbered(6), detector=detector)
    assert detector.numbers.changed == {A}


def test_counting_goes_on_from_what_was_counted_before() -> None:
    """By the process before this one."""
    detector = watching()
    detector.numbers.recall(A, Tally(3, 2, 1))
    take(written("a1 a3 b1"), detector=detector)
    assert tally(detector) == (4, 3, 1)


def test_a_tally_says_whether_it_says_something() -> None:
    """Nothing is kept of a service of which there is nothing to count."""
    assert not Tally()
    assert all((Tally(lost_beats=1), Tally(restarts=1), Tally(duplicates=1)))


def test_what_is_known_goes_from_one_to_the_next() -> None:
    """The number, the process, the goodbye and what was counted."""
    former = watching()
    beats = [Heartbeat("a", i, 0, boot="b0", host=HERE, pid=42) for i in (1, 4)]
    take([*beats, Heartbeat("a", 5, 0, boot="b0", host=HERE, pid=42, bye=True)], detector=former)
    heir = Sequence(2, HERE)
    heir.inherit(1, former.numbers.known(A))
    assert heir.known(1) == former.numbers.known(A)
    assert (heir.pid(1), heir.goodbyes, heir.tally(1)) == (42, {1}, Tally(lost_beats=2))
    assert heir.last_of(1, Heartbeat("a", 5, 0, boot="b0")) == former.numbers.last(A)


def lossy(total: int, lost: set[int]) -> Iterator[Heartbeat]:
    """Make the beats of one process, of which some are lost."""
    return (Heartbeat("a", i, 0, boot="b0") for i in range(1, total + 1) if i not in lost)


@given(total=st.integers(1, 50), lost=st.sets(st.integers(1, 50)))
def test_every_beat_that_is_lost_between_two_is_counted(total: int, lost: set[int]) -> None:
    """Against those that were not heard."""
    heard = [beat.i for beat in lossy(total, lost)]
    missing = set(range(min(heard, default=0), max(heard, default=0) + 1)) - set(heard) if heard else set()
    assert tally(take(lossy(total, lost))) == (len(missing), 0, 0)


@given(st.lists(st.tuples(st.sampled_from(["", "x", "y", "z"]), st.integers(0, 8), st.booleans()), max_size=60))
def test_nothing_that_is_counted_is_ever_less_than_none(beats: list[tuple[str, int, bool]]) -> None:
    """Whatever comes in whatever order, and duplicates are told of in turn with their end."""
    detector = watching()
    told = 0
    for now, (boot, i, bye) in enumerate(beats):
        detector.hear([(A, Heartbeat("a", i, 0, boot=boot, bye=bye))], now)
        told += sum(event is Event.DUPLICATED for event in events(detector))
        detector.numbers.news.clear()
        told_over = len(detector.numbers.calm(now, lambda _: 5.0))
        assert told_over <= told
        told -= told_over
        assert min(tally(detector)) >= 0
    assert detector.state(A) is (State.ALIVE if beats else State.UNSEEN)


@given(
    st.lists(
        st.builds(
            Heartbeat,
            svc=st.just("a"),
            i=st.integers(0, 2**53),
            ts=st.floats(allow_nan=False, allow_infinity=False),
            boot=st.text(max_size=8),
            host=st.sampled_from([HERE, "there", ""]),
            pid=st.integers(-(2**63), 2**63 - 1),
            bye=st.booleans(),
        ),
        max_size=10,
    )
)
def test_no_numbers_are_too_big(beats: list[Heartbeat]) -> None:
    """Anybody who may write to the bus may write what it likes."""
    for feed in (by_hearing, by_backlog, by_lease):
        take(beats, feed)


def test_of_a_process_that_is_replaced_for_ever_only_the_last_is_kept() -> None:
    """Memory does not grow with the restarts."""
    detector = watching()
    for now, i in zip(range(10_000), itertools.cycle((1, 2, 3)), strict=False):
        detector.hear([(A, Heartbeat("a", i, 0, boot=f"b{now // 3}"))], now)
    assert tally(detector)[1] == 3333
    assert sum(len(held) for held in vars(detector.numbers).values() if isinstance(held, dict | set)) <= 4
