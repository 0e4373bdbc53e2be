"""One Bus is one Redis server with a name: what daemons say to it and ask of it.

Every call is bounded by TIMEOUT_SEC and raises BusUnreachableError (try again), BusRefusedError (somebody has to act)
or, where a singleton's script says so, FencedError (stop). Nothing is tried again here: the callers own the backoff.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from marketswarm import names, refusals
from marketswarm.address import Address
from marketswarm.alertlog import ALERTS, Log, entries
from marketswarm.errors import (
    BusRefusedError,
    BusUnreachableError,
    FencedError,
    NoGroupError,
    NotRedisError,
    reason,
)
from marketswarm.line import Command, Line, NotRedis, Refusal, first_refusal, refused_command
from marketswarm.outage import Outage

TIMEOUT_SEC = 1.0
FENCED = "FENCED"
"""The word in an answer by which a script of ours refuses to write for who owns the service no more."""
_CHUNK = 1000
_FEW = 100
_AWAY = ("LOADING", "MASTERDOWN", "CLUSTERDOWN", "ERR max number of clients reached", "max number of clients reached")
"""How a server begins that says no and will say yes by itself."""
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Lease:
    """A service's last beat as the bus keeps it: the bytes, and how long they will still be there."""

    raw: bytes
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A verdict to keep: its JSON, whose health it is, and whether it is told: logged as an alert, and published.

    ``beside`` is one more command, for the same transaction.
    """

    event: bytes
    health_of: str | None
    log: bool = True
    publish: bool = True
    beside: Command | None = None


@dataclass(frozen=True, slots=True)
class StoredTruth:
    """The truth as a bus holds it; ``sha256`` is what stands beside it, and may be wrong or missing."""

    raw: bytes
    sha256: str | None


def client_name(who: str) -> str:
    """The name under which CLIENT LIST shows a service's connections, or a command's."""
    return f"marketswarm:{who}"


class Bus:
    """A Redis server by its name. Connects when first used, and again whenever it has to."""

    def __init__(
        self, name: str, address: Address, *, client_name: str, loud: bool = True, timeout_sec: float = TIMEOUT_SEC
    ) -> None:
        """``timeout_sec`` is how long an answer may take; more than usual for one that the server may hold back."""
        self.name = name
        self.address = address
        self.loud = loud
        """Whether a line is logged when the bus goes and when it is back; False where somebody else says so."""
        self._outage = Outage(name, address)
        self._line = Line(address, client_name=client_name, timeout_sec=timeout_sec)
        self._lease_refused = False

    async def ask(self, commands: Sequence[Command], *, refusals: bool = False) -> list[Any]:
        """Send commands in one go and return their answers: the one way in which they go out.

        With ``refusals`` the caller looks for those among the answers; else the first one is raised.
        """
        answers = await self._call(lambda: self._line.ask(commands))
        first = first_refusal(answers)
        if first and (not refusals or str(first).startswith(_AWAY)):
            raise self._no(first, refused_command(commands, answers))
        return answers

    async def fields(self, key: str) -> dict[str, bytes]:
        """Read a hash; empty where there is none."""
        (words,) = await self.ask([("HGETALL", key)])
        return {field.decode(errors="replace"): value for field, value in zip(words[::2], words[1::2], strict=True)}

    async def set_fields(self, key: str, fields: Mapping[str, bytes]) -> None:
        """Store these fields of a hash; the others stay."""
        if fields:
            await self.ask([("HSET", key, *(word for field in fields.items() for word in field))])

    async def drop_fields(self, key: str, fields: Iterable[str]) -> int:
        """Take fields out of a hash; returns how many were there."""
        wanted = list(fields)
        (dropped,) = await self.ask([("HDEL", key, *wanted)]) if wanted else (0,)
        return cast("int", dropped)

    async def ping(self) -> None:
        """Ask for any answer at all."""
        await self.ask([("PING",)])

    async def publish(self, channel: str, payload: bytes) -> int:
        """Publish; returns how many connections heard it."""
        (heard_by,) = await self.ask([("PUBLISH", channel, payload)])
        return cast("int", heard_by)

    async def beat(self, service: str, channel: str, payload: bytes, lease_ms: int) -> None:
        """Send a heartbeat and renew its lease in one round trip.

        A bus that is out of memory or disk refuses the lease and still takes the beat, so this is no transaction.
        """
        lease = ("SET", names.lease_key(service), payload, "PX", lease_ms)
        stored, published = await self.ask([lease, ("PUBLISH", channel, payload)], refusals=True)
        if isinstance(published, Refusal):
            raise self._refused(published, ("PUBLISH", channel))
        refused = isinstance(stored, Refusal)
        if refused is not self._lease_refused:
            self._lease_refused = refused
            if refused:
                _log.error("%s; beats go on without a lease", self._refused(stored, lease))
            else:
                _log.info("%s: keeps leases again", self.name)

    async def beats(self, services: Iterable[str]) -> dict[str, bytes]:
        """Fetch the last beat of each service whose lease has not run out."""
        return await self._values({service: names.lease_key(service) for service in services})

    async def leases(self, services: Iterable[str]) -> dict[str, Lease]:
        """Fetch the leases that have not run out: of a few in one round trip, of a crowd in two."""
        wanted = list(services)
        if 0 < len(wanted) <= _FEW:
            keys = [names.lease_key(service) for service in wanted]
            values, *left = await self.ask([("MGET", *keys), *(("PTTL", key) for key in keys)])
            raw = dict(zip(wanted, values, strict=True))
        else:
            raw = await self.beats(wanted)
            left = await self.ask([("PTTL", names.lease_key(service)) for service in raw])
        return {svc: Lease(beat, ttl) for (svc, beat), ttl in zip(raw.items(), left, strict=True) if beat is not None}

    async def connected(self) -> set[str]:
        """Fetch the names of the clients that are connected (CLIENT LIST); none where that may not be asked."""
        (listed,) = await self.ask([("CLIENT", "LIST")], refusals=True)
        if not isinstance(listed, bytes):
            return set()
        words = (word for line in listed.decode(errors="replace").splitlines() for word in line.split())
        return {word.removeprefix("name=") for word in words if word.startswith("name=")}

    async def health(self, services: Iterable[str]) -> dict[str, bytes]:
        """Fetch the latest alert or ok object of each service that has one, as JSON."""
        return await self._values({service: names.health_key(service) for service in services})

    async def fill_health(self, health: Mapping[str, bytes]) -> None:
        """Store the health of each of these services where there is none."""
        await self.ask([("SET", names.health_key(service), event, "NX") for service, event in health.items()])

    async def records(self, services: Iterable[str]) -> dict[str, bytes]:
        """Fetch what healer keeps of each service for itself and for ``status``, as JSON."""
        wanted = list(services)
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            (values,) = await self.ask([("HMGET", names.RECORDS, *chunk)])
            found |= {service: raw for service, raw in zip(chunk, values, strict=True) if raw is not None}
        return found

    async def keep_records(self, records: Mapping[str, bytes]) -> None:
        """Store what healer keeps of these services."""
        await self.set_fields(names.RECORDS, records)

    async def record(
        self, entries: Sequence[Entry], *, channel: str | None, unsure: bool = False, log: Log = ALERTS
    ) -> None:
        """Keep verdicts, all or nothing: append them to the log, set ``health:<svc>``, publish them in order.

        ``unsure``: an earlier try was given up, and a server that hung meanwhile may have carried it out when it went
        on; if it has, nothing is done.
        """
        logged = [entry.event for entry in entries if entry.log]
        if unsure and logged:
            (answer,) = await self.ask([log.question(logged)])
            if log.has(logged, answer):
                return
        commands = log.append(logged)
        health = {names.health_key(entry.health_of): entry.event for entry in entries if entry.health_of}
        if health:
            commands.append(("MSET", *(word for pair in health.items() for word in pair)))
        commands += [entry.beside for entry in entries if entry.beside]
        if channel:
            commands += [("PUBLISH", channel, entry.event) for entry in entries if entry.publish]
        commands = [("MULTI",), *commands, ("EXEC",)]
        answers = await self.ask(commands, refusals=True)
        if refusal := first_refusal(answers):
            raise self._refused(refusal, refused_command(commands, answers))

    async def last(self, stream: str, count: int) -> list[tuple[str, bytes]]:
        """Read the newest entries of a stream, the oldest of them first: entry ids, and what their ``event`` holds."""
        (answer,) = await self.ask([("XREVRANGE", stream, "+", "-", "COUNT", count)])
        return entries(answer)[::-1]

    async def truth(self, key: str) -> StoredTruth | None:
        """Read the truth document and the hash beside it; None where there is no document."""
        ((raw, sha256),) = await self.ask([("MGET", key, names.truth_hash_key(key))])
        return None if raw is None else StoredTruth(raw, sha256.decode("ascii", "replace") if sha256 else None)

    async def put_truth(self, key: str, raw: bytes, sha256: str) -> None:
        """Write the document and its hash in one transaction, then tell who listens."""
        store: list[Command] = [("SET", key, raw), ("SET", names.truth_hash_key(key), sha256)]
        await self.ask([("MULTI",), *store, ("EXEC",)])
        await self.publish(names.TRUTH_CHANGED, sha256.encode())

    async def close(self) -> None:
        """Give the connections back; never raises for a server that is gone."""
        self._line.close()

    async def _values(self, keys: Mapping[str, str]) -> dict[str, bytes]:
        """Fetch strings by MGET, in chunks; what is not there, or is no string, is left out."""
        wanted = list(keys.items())
        chunks = [wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)]
        answers = await self.ask([("MGET", *(key for _, key in chunk)) for chunk in chunks])
        pairs = (
            pair for chunk, values in zip(chunks, answers, strict=True) for pair in zip(chunk, values, strict=True)
        )
        return {name: value for (name, _), value in pairs if value is not None}

    def _no(self, refusal: Refusal, command: Command | None) -> BusUnreachableError | BusRefusedError | FencedError:
        if str(refusal).startswith(_AWAY):
            return self._unreachable(ConnectionError(str(refusal).removeprefix("ERR ")))
        if FENCED in str(refusal):
            return FencedError(f"{self.name} at {self.address} takes no writes of this process: it is not the owner")
        return self._refused(refusal, command)

    async def _call(self, talk: Callable[[], Awaitable[_T]], command: Command | None = None) -> _T:
        """Carry out what talks to the server, and put what goes wrong into the types that callers know.

        Takes OSError for a server that does not answer, Refusal for one that says no, NotRedis for one that is none.
        ``command`` is what it is asked.
        """
        try:
            answer = await talk()
        except Refusal as refusal:
            raise self._no(refusal, command) from refusal
        except NotRedis as error:
            raise NotRedisError(
                f"{self.name} at {self.address}: what listens there is no Redis ({reason(error)}); who has its port?"
            ) from error
        except OSError as error:
            raise self._unreachable(error) from error
        self._outage.end(loud=self.loud)
        return answer

    def _unreachable(self, error: BaseException) -> BusUnreachableError:
        return BusUnreachableError(self._outage.because(error, loud=self.loud))

    def _refused(self, refusal: Refusal, command: Command | None) -> BusRefusedError:
        kind = NoGroupError if str(refusal).startswith("NOGROUP") else BusRefusedError
        return kind(f"{self.name} at {self.address} {refusals.explained(reason(refusal), self.address, command)}")


def connect(buses: Mapping[str, Address], *, client_name: str) -> dict[str, Bus]:
    """Make a Bus for each address, for a command that reports by itself what fails; nothing is contacted yet."""
    return {name: Bus(name, address, client_name=client_name, loud=False) for name, address in buses.items()}
