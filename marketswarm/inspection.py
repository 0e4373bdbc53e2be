"""What commands ask of a bus beyond what daemons do, by redis-py.

A daemon never loads this: the library would cost it 80 ms at its start and 9 MiB for as long as it lives.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from redis import exceptions
from redis.asyncio import Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from marketswarm import tls
from marketswarm.address import Address, TlsFiles
from marketswarm.alertlog import events
from marketswarm.bus import TIMEOUT_SEC, Bus
from marketswarm.errors import reason
from marketswarm.line import Command, NotRedis, Refusal

_T = TypeVar("_T")


class _TlsConnection(SSLConnection):
    """One over TLS, by the context that the connections of daemons have too: each new one by files as they are now."""

    def __init__(self, *, tls_files: TlsFiles, **options: Any) -> None:
        super().__init__(**options)
        self._tls_files = tls_files

    def _connection_arguments(self) -> Mapping[str, Any]:
        # Should the library ask by another way one day, this is not used, and a bus with a CA of its own not trusted.
        self.ssl_context.context = tls.context(self._tls_files)
        return cast("Mapping[str, Any]", super()._connection_arguments())


class InspectedBus(Bus):
    """A bus, and how it is doing.

    redis-py's own retries are off: they block for seconds, and the callers own the backoff.
    """

    def __init__(self, name: str, address: Address, *, client_name: str, loud: bool = True) -> None:
        super().__init__(name, address, client_name=client_name, loud=loud)
        self._redis: Redis = Redis(connection_pool=_pool(address, client_name))

    async def info(self) -> Mapping[str, Any]:
        """Ask how the server is doing: the fields of Redis's INFO, numbers as numbers."""
        return cast("Mapping[str, Any]", await self._query(self._redis.info, ("INFO",)))

    async def listeners(self, channels: Iterable[str]) -> dict[str, int]:
        """Count the connections that listen to each channel (PUBSUB NUMSUB)."""
        wanted = list(channels)
        if not wanted:
            return {}  # asked for none, the server would answer with nothing in a form of its own
        counts: Any = await self._query(lambda: self._redis.pubsub_numsub(*wanted), ("PUBSUB", "NUMSUB", wanted[0]))
        return {channel.decode(): count for channel, count in counts}

    async def tail(self, stream: str, after: str, *, block_ms: int = 0) -> list[tuple[str, bytes]]:
        """Read what a stream holds after an entry id ("0": from its start), at most 1000 entries.

        Waits up to ``block_ms`` for the first one; that has to stay well below TIMEOUT_SEC.
        """
        asked = ("XREAD", "STREAMS", stream, after)
        answer: Any = await self._query(
            lambda: self._redis.xread({stream: after}, count=1000, block=block_ms or None), asked
        )
        return events(answer[0][1] if answer else [])

    async def close(self) -> None:
        """Give the connections back; never raises for a server that is gone."""
        await super().close()
        try:
            await self._redis.aclose()
            await self._redis.connection_pool.disconnect()
        except (exceptions.RedisError, OSError):
            return

    async def _query(self, query: Callable[[], Awaitable[_T]], command: Command) -> _T:
        """Ask by the library; ``command`` is what that comes to."""
        answer = await self._call(lambda: _translated(query), command)
        task = asyncio.current_task()
        if task and task.cancelling():
            # Before each command redis-py looks at the socket with a timeout of zero, which can take a cancellation
            # from outside for its own and swallow it.
            raise asyncio.CancelledError
        return answer


async def _translated(command: Callable[[], Awaitable[_T]]) -> _T:
    """Put the library's errors into those that Bus takes."""
    try:
        return await command()
    except exceptions.NoPermissionError as error:
        raise Refusal(f"NOPERM {error}") from error  # the library cuts the word off
    except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
        raise Refusal(f"WRONGPASS {error}") from error
    except (exceptions.ConnectionError, exceptions.TimeoutError, asyncio.IncompleteReadError) as error:
        raise ConnectionError(reason(error)) from error
    except exceptions.InvalidResponse as error:
        raise NotRedis(str(error)) from error
    except exceptions.RedisError as error:
        raise Refusal(str(error)) from error


def _pool(address: Address, client_name: str) -> ConnectionPool:
    options: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        "db": address.db,
        "client_name": client_name,
        # CLIENT SETINFO is unknown to older servers and would need a permission of its own.
        "driver_info": None,
        # RESP3, the library's default, is slower and turns on notices that a single server never sends.
        "protocol": 2,
        "socket_timeout": TIMEOUT_SEC,
        "socket_connect_timeout": address.connect_sec,
        "retry": Retry(NoBackoff(), 0),
    }
    if address.path:
        return ConnectionPool(connection_class=UnixDomainSocketConnection, path=address.path, **options)
    options |= {"host": address.host, "port": address.port}
    if address.tls:
        return ConnectionPool(connection_class=_TlsConnection, tls_files=address.tls_files, **options)
    return ConnectionPool(connection_class=Connection, **options)


def inspect(buses: Mapping[str, Address], *, client_name: str) -> dict[str, InspectedBus]:
    """Make one for each address, for a command that reports by itself what fails; nothing is contacted yet."""
    return {name: InspectedBus(name, address, client_name=client_name, loud=False) for name, address in buses.items()}
