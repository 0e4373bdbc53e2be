"""JSON posted to an endpoint that an operator has chosen, so it may be anywhere, and what it answers."""

import asyncio
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self

import msgspec

from marketswarm.text import printable
from marketswarm.trouble import took_longer
from marketswarm.web import body, places, trouble
from marketswarm.web.session import session, trust
from marketswarm.web.unpacking import BadPackingError

_GOOD: Final = 2
_ELSEWHERE: Final = 3
_SERVERS_FAULT: Final = 500
_ASKS_FOR_LATER: Final = frozenset({408, 425, 429})


class PostError(Exception):
    """No answer that can be used. The text is the reason in one line, with nothing of the URL and the headers.

    ``transient``: a later try may go well; ``retry_after_sec`` is how long the endpoint asks to wait, None where it
    does not.
    """

    def __init__(self, text: str, *, transient: bool, retry_after_sec: float | None = None) -> None:
        super().__init__(text)
        self.transient = transient
        self.retry_after_sec = retry_after_sec


class Poster:
    """Posts, as many payloads at a time as it is asked for."""

    def __init__(self, user_agent: str) -> None:
        self._user_agent = user_agent

    async def __aenter__(self) -> Self:
        self._open = session(self._user_agent, trust(), guarded=False)
        self._session = await self._open.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.__aexit__(kind, error, trace)

    async def post_json(
        self,
        url: str,
        payload: object,
        *,
        headers: Mapping[str, str],
        timeout_sec: float,
        max_bytes: int = 1 << 20,
    ) -> object:
        """Post a payload, and return the answer, decoded. Raises PostError, and nothing else.

        ``timeout_sec`` is for all of it; ``max_bytes`` is what the answer may have, before and after it is unpacked.
        Redirects are not followed: a secret in the headers is meant for one endpoint.
        """
        try:
            data = msgspec.json.encode(payload)
        except (TypeError, ValueError, RecursionError):
            raise PostError("what should be sent cannot be written as JSON", transient=False) from None
        try:
            target, login = places.first(url)
        except places.BadPlaceError as error:
            raise PostError(str(error), transient=False) from None
        head = {**headers, **login, "Content-Type": "application/json", "Accept": "application/json"}
        try:
            async with asyncio.timeout(timeout_sec):
                return _decoded(await self._post(str(target), data, head, max_bytes))
        except TimeoutError:
            raise PostError(took_longer(timeout_sec), transient=True) from None
        except (body.TooLargeError, BadPackingError) as error:
            raise PostError(f"its answer cannot be used: {error}", transient=False) from None
        except trouble.TROUBLE as error:
            raise PostError(printable(trouble.reason(error)), transient=_may_pass(error)) from None

    async def _post(self, url: str, data: bytes, headers: Mapping[str, str], max_bytes: int) -> bytes:
        async with self._session.post(url, data=data, headers=headers, allow_redirects=False) as answer:
            if answer.status // 100 != _GOOD:
                raise _refused(answer.status, answer.headers.get("Retry-After", ""))
            return await body.read(answer, max_bytes)


async def post_json(
    url: str,
    payload: object,
    *,
    headers: Mapping[str, str],
    timeout_sec: float,
    max_bytes: int = 1 << 20,
    user_agent: str = "marketswarm",
) -> object:
    """Post one payload, as Poster.post_json does; for more than one a Poster saves the reading of CAs."""
    async with Poster(user_agent) as poster:
        return await poster.post_json(url, payload, headers=headers, timeout_sec=timeout_sec, max_bytes=max_bytes)


def _refused(status: int, retry_after: str) -> PostError:
    if status in _ASKS_FOR_LATER or status >= _SERVERS_FAULT:
        return PostError(f"HTTP {status}", transient=True, retry_after_sec=_wait_sec(retry_after, time.time()))
    return PostError(f"HTTP {status}: {'redirects' if status // 100 == _ELSEWHERE else 'refused'}", transient=False)


def _wait_sec(text: str, now: float) -> float | None:
    """Read Retry-After: seconds, or a date; None where it is neither. ``now`` is in epoch seconds."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _decoded(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):  # the latter: a hundred thousand brackets
        raise PostError("its answer is no JSON", transient=False) from None


def _may_pass(error: BaseException) -> bool:
    """Whether a later try may go well: with the network, but not with what cannot be sent at all."""
    return not isinstance(error, ValueError) or isinstance(error, OSError)
