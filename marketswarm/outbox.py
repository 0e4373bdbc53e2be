"""What a bus holds of one target: how far it has been told of the alert log, its incidents, its dead letters.

The consumer group is the target's, and healer and sentinel are two consumers in it: what one of them has read and not
delivered, the other finds, and what one has delivered, the other never sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from marketswarm import names
from marketswarm.alertlog import entries
from marketswarm.bus import Bus
from marketswarm.errors import BusRefusedError
from marketswarm.messages import encode
from marketswarm.notices.incidents import Incident, decode_incident
from marketswarm.notices.items import Changes
from marketswarm.notices.letters import DeadLetter, TargetState, decode_keys, decode_state

_SENDING = "sending"
"""The field of the incidents' hash that holds what was on its way: no incident's name, since those have a blank."""
_CHUNK = 100
_NO_STATE = TargetState()
Entries = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is known of a target from before: its incidents, what was on its way, what was read and not settled.

    ``state`` is how it was doing, as this consumer saw it; ``lost`` is how many alerts fell out of the log untold.
    """

    incidents: dict[str, Incident] = field(default_factory=dict)
    sending: tuple[str, ...] = ()
    pending: Entries = field(default_factory=list)
    state: TargetState = _NO_STATE
    lost: int = 0


class Outbox:
    """One target's books on system-redis. Every method raises what Bus raises."""

    def __init__(self, bus: Bus, target: str, consumer: str) -> None:
        self._bus = bus
        self._group = names.notify_group(target)
        self._key = names.notify_records(target)
        self._consumer = consumer
        self._own = names.state_of(consumer, target)

    async def open(self, start: str = "$") -> None:
        """Make sure that there is a group; a new one begins with the alerts that come from now on, or at ``start``."""
        try:
            await self._bus.ask([("XGROUP", "CREATE", names.ALERT_LOG, self._group, start, "MKSTREAM")])
        except BusRefusedError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def recall(self) -> Recalled:
        """Take over what was left, by whomever: it is this consumer's from now on."""
        fields = await self._bus.fields(self._key)
        sending = decode_keys(fields.pop(_SENDING, b""))
        incidents = {name: found for name, raw in fields.items() if (found := decode_incident(raw))}
        (raw,) = await self._bus.ask([("HGET", names.NOTIFY_STATE, self._own)])
        state = decode_state(raw or b"") or _NO_STATE
        pending: Entries = []
        after, lost = "0-0", 0
        while True:
            claim = ("XAUTOCLAIM", names.ALERT_LOG, self._group, self._consumer, 0, after, "COUNT", _CHUNK)
            ((following, claimed, gone),) = await self._bus.ask([claim])
            pending += entries(claimed)
            lost += len(gone)
            after = following.decode()
            if after == "0-0":
                return Recalled(incidents, sending, pending, state, lost)

    async def take(self) -> Entries:
        """Read the alerts that nobody has read yet, some at a time; NoGroupError where the bus has lost the group."""
        read = ("XREADGROUP", "GROUP", self._group, self._consumer, "COUNT", _CHUNK, "STREAMS", names.ALERT_LOG, ">")
        (answer,) = await self._bus.ask([read])
        return entries(answer[0][1]) if answer else []

    async def settle(
        self, changes: Changes, sending: Sequence[str], dead: Sequence[DeadLetter], state: TargetState
    ) -> None:
        """Keep what was decided, all or nothing; ``sending`` are the keys of what is on its way from now on."""
        kept = {_SENDING: encode(list(sending))} | {name: encode(found) for name, found in changes.keep.items()}
        keep = ("HSET", self._key, *(word for pair in kept.items() for word in pair))
        commands: list[tuple[str | int | bytes, ...]] = [keep]
        if changes.done:
            commands.append(("XACK", names.ALERT_LOG, self._group, *changes.done))
        if changes.forget:
            commands.append(("HDEL", self._key, *changes.forget))
        log = ("XADD", names.DEAD_LETTERS, "MAXLEN", "~", names.DEAD_LETTERS_MAXLEN, "*")
        commands += [(*log, names.ALERT_LOG_FIELD, encode(letter)) for letter in dead]
        commands.append(("HSET", names.NOTIFY_STATE, self._own, encode(state)))
        await self._bus.ask([("MULTI",), *commands, ("EXEC",)])
