"""What a bus holds of a singleton: who owns it and for how long yet, the newest token, and who stands by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from marketswarm import names
from marketswarm.bus import FENCED, Bus
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.line import Command
from marketswarm.messages import UNREADABLE, encode

# A token is given to one owner only, and each is higher than those before: also after the bus was emptied, by its
# clock. One whose answer was lost is found again in the lease. That is renewed by PEXPIRE, which a bus takes also when
# its memory is full; then nobody is noted who stands by, and all the same told who owns it. A lease says for how long
# it was given, since that grows where the clock of the bus goes back.
_TAKE: Final = """
local owner, token, standbys = KEYS[1], KEYS[2], KEYS[3]
local me, host, mine, ttl, beat = unpack(ARGV)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HGETALL', standbys)
for i = 1, #kept, 2 do
  if now >= tonumber(string.match(kept[i + 1], '"until":(%d+)}$') or 0) then redis.call('HDEL', standbys, kept[i]) end
end
local held, newest = redis.call('GET', owner), redis.call('GET', token)
local by, given = string.match(held or '', '"owner":"(%w+)","token":(%d+)')
if by == me and given == newest then mine = newest end
if held and newest ~= mine then
  beat = string.sub(beat, 1, -2) .. ',"until":' .. string.format('%.0f', now + ttl) .. '}'
  redis.pcall('HSET', standbys, me, beat)
  redis.pcall('PEXPIRE', standbys, ttl)
  local left, longest = redis.call('PTTL', owner), tonumber(string.match(held, '"ttl":(%d+)') or ttl)
  if left > longest then
    redis.call('PEXPIRE', owner, longest)
    left = longest
  end
  return {'', held, left}
end
if not held then
  if mine == '' or newest and newest ~= mine then
    mine = string.format('%.0f', math.max((tonumber(newest) or 0) + 1, now))
  end
  redis.call('SET', token, mine)
end
local lease = '{"owner":"' .. me .. '","token":' .. mine .. ',"ttl":' .. ttl .. ',"host":' .. host .. '}'
if held == lease then redis.call('PEXPIRE', owner, ttl) else redis.call('SET', owner, lease, 'PX', ttl) end
redis.call('HDEL', standbys, me)
return {mine, '', 0}
"""
_LEAVE: Final = """
redis.call('HDEL', KEYS[2], ARGV[1])
if string.match(redis.call('GET', KEYS[1]) or '', '"owner":"(%w+)"') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""
FENCE: Final = f"""
local function refusal(key, token)
  if redis.call('GET', key) == token then return false end
  return redis.error_reply('{FENCED} this is not the token of the owner')
end
"""
"""A function for scripts: what to return instead of writing, where ``token`` is not the newest."""
_GUARDED: Final = f"""{FENCE}
local no = refusal(KEYS[1], ARGV[1])
if no then return no end
local at = 2
while at <= #ARGV do
  local last = at + ARGV[at]
  redis.call(unpack(ARGV, at + 1, last))
  at = last + 1
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Fence:
    """The token by which the owner of a singleton writes, and the key that holds the newest."""

    key: str
    token: int

    def around(self, commands: Sequence[Command]) -> Command:
        """One call that carries out commands, all or none: none where the token is not the newest."""
        words = [word for command in commands for word in (len(command), *command)]
        return ("EVAL", _GUARDED, 1, self.key, self.token, *words)


@dataclass(frozen=True, slots=True)
class Mine:
    """The lease is this process's, from now on or still."""

    token: int


@dataclass(frozen=True, slots=True)
class Others:
    """The lease is another's: on which host, and for how long yet if it is not renewed."""

    host: str
    left_ms: int


class _Process(msgspec.Struct, frozen=True):
    """An owner, or a process that stands by until then (milliseconds since the epoch, by the bus's clock)."""

    host: str = ""
    until: int = 0


_decode = msgspec.json.Decoder(_Process).decode


class Ownership:
    """One process's side of the lease of a singleton. Every method raises what Bus raises."""

    def __init__(self, bus: Bus, service: str, process: str, host: str) -> None:
        """``process`` is a random id."""
        self._bus = bus
        self._keys = (names.owner_key(service), names.token_key(service), names.standbys_key(service))
        self._process = process
        self._host = host

    async def take(self, token: int, ttl_ms: int, beat: bytes) -> Mine | Others:
        """Take the lease where it is free, renew it where it is mine, else stand by as ``beat`` says: for ``ttl_ms``.

        ``token`` is the last that this process was given, 0 for none. It is kept where no other was given out since.
        """
        what = (self._process, encode(self._host), token or "", ttl_ms, beat)
        (answer,) = await self._bus.ask([("EVAL", _TAKE, len(self._keys), *self._keys, *what)])
        mine, held, left_ms = answer
        return Mine(int(mine)) if mine else Others(_read(held).host, left_ms)

    async def leave(self) -> None:
        """Give the lease back if it is mine, also where nobody was told so, and stand by no more."""
        owner, _, standbys = self._keys
        await self._bus.ask([("EVAL", _LEAVE, 2, owner, standbys, self._process)])


async def standbys(bus: Bus, service: str) -> tuple[str, ...]:
    """Name the hosts on which a process stands by to own a singleton, in order."""
    listed, (seconds, _) = await bus.ask([("HVALS", names.standbys_key(service)), ("TIME",)])
    return tuple(sorted(found.host for found in map(_read, listed) if found.until > int(seconds) * 1000))


async def standbys_if_told(bus: Bus, service: str) -> tuple[str, ...] | None:
    """Name them; None where the bus does not say."""
    try:
        return await standbys(bus, service)
    except (BusUnreachableError, BusRefusedError):
        return None


def _read(raw: bytes) -> _Process:
    try:
        return _decode(raw)
    except UNREADABLE:
        return _Process()
