"""What a life of healer tells, looked at by the oracle."""

from simulation.healer import Memory
from simulation.oracle import EPSILON_SEC, Oracle

from marketswarm.liveness import Event, State, Tally, Terms
from marketswarm.services.watching import groups
from marketswarm.services.watching.findings import Finding


class Teller:
    """The verdicts of one life. ``silent`` once that life is over: what a killed process would say, nobody hears."""

    def __init__(self, oracle: Oracle, memory: Memory, said: list[str]) -> None:
        """``said`` gets a line for each verdict."""
        self.silent = False
        self.lost = False
        self._oracle = oracle
        self._memory = memory
        self._said = said
        longest_sec = max(track.service.terms.interval_sec for track in oracle.tracks)
        self._settle_sec = min(groups.SETTLE_SEC, 1.5 * longest_sec)

    def turned(self, finding: Finding) -> None:
        """Take in a miss, a return or a first beat."""
        turn = finding.transition
        if self._say(f"{turn.service} {turn.old.name} -> {turn.new.name} {turn.silence_sec:.3f} {finding.group}"):
            self._oracle.turned(finding)
            if turn.new is State.MISSED:
                self._memory.missed[turn.service] = finding.group
            else:
                self._memory.missed.pop(turn.service, None)
            if finding.group not in ("", groups.FLAPPING, *self._memory.storms):
                self._oracle.breaks(f"{turn.service} is told of in a group that was not: {finding.group}")

    def storm(self, bus: str, group: str, silent: list[str], watched: int) -> None:
        """Take in that most services go dark: one matter, told once, and those who are said to be silent are."""
        if self._say(f"{bus} storm {group}: {silent} of {watched}"):
            now = self._oracle.now()
            if now - self._memory.storm_at <= self._settle_sec:
                self._oracle.breaks(f"{group} is told, and another storm was at {self._memory.storm_at:.3f}")
            self._memory.storms.append(group)
            self._memory.storm_at = now
            for name in silent:
                track = self._oracle.by_name[name]
                terms = track.service.terms
                least_sec = max(1.25 * terms.interval_sec, terms.silence_sec / 2)
                if self._oracle.known(track, now - least_sec + EPSILON_SEC):
                    self._oracle.breaks(f"{name} is said to be silent, and is not")

    def storm_over(self, bus: str, group: str, returned: int, still: list[str]) -> None:
        """Take in that those who come back are back."""
        if self._say(f"{bus} storm over {group} {returned} {still}"):
            if group not in self._memory.storms or group in self._memory.storms_over:
                self._oracle.breaks(f"the end of {group} is told without or after its end")
            self._memory.storms_over.append(group)
            self._memory.missed.update(dict.fromkeys(still, ""))

    def flapping(self, service: str, terms: Terms) -> None:
        """Take in that a service goes and comes."""
        if self._say(f"{service} flaps, {terms.flap_changes} changes"):
            if service in self._memory.unstable:
                self._oracle.breaks(f"{service} is said to flap twice")
            self._memory.unstable.add(service)

    def stable(self, service: str, state: State) -> None:
        """Take in that it no longer does."""
        if self._say(f"{service} is stable, {state.name}"):
            if service not in self._memory.unstable:
                self._oracle.breaks(f"{service} is said to be stable, and did not flap")
            self._memory.unstable.discard(service)
            if (state is State.MISSED) is not self._oracle.by_name[service].missed:
                self._oracle.breaks(f"{service} is said to be {state.name}")

    def happened(self, service: str, event: Event, tally: Tally) -> None:
        """Take in what the numbers tell; there were as many processes indeed."""
        if self._say(f"{service} {event.value} {tally}"):
            started = self._oracle.by_name[service].service.started
            if started < 2 or tally.restarts + 2 * tally.duplicates < 0:
                self._oracle.breaks(f"{service} is said to be {event.value}, and had {started} process(es)")

    def bus_again(self, bus: str) -> None:
        """Take in that the subscription was made anew, a cut included."""

    def bus_lost(self, bus: str, reason: str) -> None:
        """Take in that the bus cannot be heard: once, and only where it was in trouble."""
        if self._say(f"{bus} lost: {reason}"):
            now = self._oracle.now()
            if self.lost:
                self._oracle.breaks("the bus is lost twice")
            if not self._oracle.spans.explain_loss(now):
                self._oracle.breaks(f"the bus is said to be lost, and is well: {reason}")
            self.lost = True
            self._oracle.lost()

    def bus_ok(self, bus: str, lost_sec: float) -> None:
        """Take in that it can be heard again."""
        if self._say(f"{bus} ok after {lost_sec:.3f}"):
            if not self.lost:
                self._oracle.breaks("the bus is back without having been lost")
            self.lost = False
            self._oracle.begins()

    def _say(self, line: str) -> bool:
        if not self.silent:
            self._said.append(f"{self._oracle.now():10.3f}  {line}")
        return not self.silent
