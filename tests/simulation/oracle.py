"""What must be told and what must not, by the truth of the simulated world.

``false miss``: a service is missed although a beat of it, sent within its timeouts, was read by this process of healer
or stands in its lease. ``late miss``: it is silent beyond ``Spans.bound`` and not missed. Who only publishes is
promised as much, and no more: a beat that was published while healer did not hear speaks for nobody, since nothing
holds it. Who has died while its clock was set back in a time of trouble may be found too early; who lives is not
missed then, either. ``false return``: a service is back without such a beat. Misses and returns alternate over all
lives of healer, and so do ``bus_lost`` and ``bus_ok`` within each.
"""

from collections import deque
from collections.abc import Callable, Sequence

from simulation.beats import Beat
from simulation.senders import Service
from simulation.spans import Spans

from marketswarm.liveness import State
from marketswarm.services.watching.findings import Finding

EPSILON_SEC = 0.02
"""Rounding of times of day, drift of clocks, and the way over the wire."""
WAITED_SEC = 0.5
"""A beat that took longer than this from its sender to its effect had waited at a door."""
LATE_SEC = 4.0
"""After trouble, beats may count as older than their arrival for less than this."""


class Track:
    """What is true of one service."""

    def __init__(self, service: Service, watched_at: float) -> None:
        self.service = service
        self.missed = False
        self.heard = watched_at
        """The last beat for which healer may spare it; the start of the watching, where there is none."""
        self.beats: deque[Beat] = deque(maxlen=64)
        self.seen_by = 0
        """Which process of healer has told of its first beat."""
        self.read_by = 0
        """Which process of healer has read a beat of it."""
        self.lag_sec = 0.0
        """How late the beat was by which healer knows its clock."""
        self.stepped = False
        """Whether its clock was stepped, and healer may not know yet by how much."""
        self.prompt: tuple[int, float] | None = None
        """Where a beat has to bring it back at once: by which life, and when it was read."""


class Oracle:
    """Keeps the truth of all services, and what is broken of the promises."""

    def __init__(self, services: Sequence[Service], spans: Spans, now: Callable[[], float]) -> None:
        self.broken: list[str] = []
        self.tracks = [Track(service, now()) for service in services]
        self.by_name = {service.name: track for service, track in zip(services, self.tracks, strict=True)}
        self.process = 0
        """Which process of healer it is."""
        self.standing: Callable[[Beat], bool] = lambda _: False
        """Whether a beat's lease stands."""
        self.lease_lag_sec = 0.0
        """How long it takes to ask for a lease: of one that is younger, healer cannot know."""
        self.spans = spans
        self.now = now
        self._warm_from: float | None = None
        """Since when healer hears the bus, at the earliest; None while it is lost."""

    def breaks(self, what: str) -> None:
        """Take in that a promise is broken."""
        self.broken.append(f"at {self.now():.3f}: {what}")

    def arrives(self, beat: Beat) -> None:
        """Take in that the bus carries out a beat."""
        track = self.tracks[beat.service]
        self._in_time(track)
        # How long it waited, healer learns from the sender's clock where it knows that clock.
        stale = beat.arrived - beat.sent > LATE_SEC and beat.honest and track.read_by == self.process
        track.heard = max(track.heard, beat.sent + track.lag_sec if stale else beat.arrived)
        beat.strange = track.stepped = track.stepped or not beat.honest
        track.beats.append(beat)

    def read(self, beat: Beat) -> None:
        """Take in that healer reads a beat."""
        now, track = self.now(), self.tracks[beat.service]
        if track.missed and track.prompt and track.prompt[0] == self.process:
            self.breaks(f"{track.service.name} is not told to be back, though its beat was read at {track.prompt[1]}")
        trouble = not self.spans.quiet(now - LATE_SEC, now)
        track.stepped = (track.stepped and trouble) or not beat.honest
        beat.doubtful = beat.doubtful or (trouble and track.stepped)
        lag_sec = now - beat.sent
        if lag_sec < LATE_SEC:
            track.lag_sec = lag_sec
            track.heard = now
        elif track.read_by != self.process or not beat.honest:
            track.heard = now
        else:
            track.heard = max(track.heard, beat.sent + track.lag_sec)
        beat.read_by.add(self.process)
        track.read_by = self.process
        fresh = track.missed and now - beat.sent < WAITED_SEC and self.spans.quiet(now - LATE_SEC, now)
        track.prompt = (self.process, now) if fresh and track.service.terms.recover_beats == 1 else None

    def turned(self, finding: Finding) -> None:
        """Take in a miss, a return or a first beat."""
        turn = finding.transition
        track = self.by_name[turn.service]
        if turn.new is State.MISSED:
            self._misses(track, turn.silence_sec, first=turn.old is State.UNSEEN)
        elif turn.old is State.MISSED:
            self._returns(track)
        else:
            if track.missed or track.seen_by == self.process:
                self.breaks(f"{turn.service} is heard for the first time, again")
            track.seen_by = self.process

    def lost(self) -> None:
        """Take in that healer says that the bus is lost."""
        self._warm_from = None

    def begins(self) -> None:
        """Take in that healer begins to watch, or hears the bus again."""
        self._warm_from = self.now()

    def finish(self) -> None:
        """Look at everybody after a quiet end: who beats is not missed, who does not is."""
        for track in self.tracks:
            self._in_time(track)
            beats = track.service.beats
            if beats == track.missed:
                self.breaks(f"{track.service.name} {'beats' if beats else 'is dead'} and is told to be the opposite")

    def known(self, track: Track, since: float) -> list[Beat]:
        """The beats from after a moment of which healer knows, or can know by asking for the lease.

        The lease of one that has died grew older while the machine slept, as did its silence; and where the bus' clock
        went back, only its sender's says how old it is.
        """
        now, lives, spans = self.now(), track.service.beats, self.spans

        def speaks(beat: Beat) -> bool:
            if self.process in beat.read_by:
                return beat.sent > since and (lives or not beat.doubtful)
            if not self.standing(beat) or beat.arrived >= now - self.lease_lag_sec:
                return False
            lost = beat.doubtful or (beat.strange and spans.bus_clock_stepped(beat.sent, now))
            return beat.sent > since + (0.0 if lives else spans.slept(beat.sent)) and (lives or not lost)

        return [beat for beat in track.beats if speaks(beat)]

    def _in_time(self, track: Track) -> None:
        bound = self.spans.bound(track.heard, track.service.terms)
        if not track.missed and self.now() > bound:
            self.breaks(f"{track.service.name} was last heard at {track.heard:.3f} and should be missed by {bound:.3f}")

    def _misses(self, track: Track, told_sec: float, *, first: bool) -> None:
        now, terms, name = self.now(), track.service.terms, track.service.name
        if track.missed:
            self.breaks(f"{name} is missed twice")
        for beat in self.known(track, now - terms.silence_sec + EPSILON_SEC)[:1]:
            self.breaks(f"{name} is missed, though it beat {now - beat.arrived:.3f} s ago")
        if self._warm_from is None or now < self._warm_from + terms.warmup_sec - EPSILON_SEC:
            self.breaks(f"{name} is missed without a fresh warm-up; bus heard since {self._warm_from}")
        if not first and told_sec < terms.silence_sec - EPSILON_SEC:
            self.breaks(f"{name} is missed after {told_sec:.3f} s")
        self._in_time(track)
        track.missed, track.prompt = True, None

    def _returns(self, track: Track) -> None:
        if not track.missed:
            self.breaks(f"{track.service.name} is back without having been missed")
        now = self.now()
        if track.read_by != self.process and self.spans.bus_clock_stepped(track.heard, now):
            track.heard = now  # a lease that outlives its timeout, and nothing says that it does
        if track.heard <= now - track.service.terms.silence_sec - EPSILON_SEC:
            self.breaks(f"{track.service.name} is back, though it was last heard at {track.heard:.3f}")
        track.missed = False
