"""Documents fetched from anywhere on the internet, from servers that nobody vouches for.

A fetch stays within its deadline and its cap of bytes, reaches public hosts only, and ends in a Response or an error
of one kind.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

from yarl import URL

from marketswarm.text import printable
from marketswarm.trouble import took_longer
from marketswarm.web import body, heads, places, trouble
from marketswarm.web.session import session, trust

OK: Final = 200
ACCEPT: Final = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
_FOR_GOOD: Final = frozenset({301, 308})
_REDIRECTS: Final = _FOR_GOOD | {302, 303, 307}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a fetch may cost: seconds in all, bytes of a body before and after it is unpacked, redirects."""

    timeout_sec: float
    max_bytes: int = 8 << 20
    max_redirects: int = 5


@dataclass(frozen=True, slots=True)
class Request:
    """What to fetch, and the validators of the copy that is there already.

    A user and a password in ``url`` are told to that origin only. The validators go along with every redirect: a feed
    behind a temporary one has them from where it leads, and would else never answer 304. ``allow_private`` lifts the
    guard wherever the request is redirected: who runs a private host could hand over himself what he redirects to.
    """

    url: str
    etag: str = ""
    last_modified: str = ""
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, whatever its status. URLs are without user and password.

    ``headers`` have lower-case names; ``body`` is unpacked, and empty unless the status is 200; ``url`` is the last one
    asked; ``moved_to`` is where permanent redirects lead (301 and 308, from the first one on, up to one that is
    temporary), "" where the first one is none.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    moved_to: str = ""


class FetchError(Exception):
    """No answer that can be used. The text is the reason in one line, with nothing of a URL but its host."""


class Fetcher:
    """Fetches documents, as many at a time as it is asked for."""

    def __init__(self, user_agent: str, limits: Limits) -> None:
        self._user_agent = user_agent
        self._limits = limits

    async def __aenter__(self) -> Self:
        trusted = trust()
        async with AsyncExitStack() as stack:
            self._guarded = await stack.enter_async_context(session(self._user_agent, trusted, guarded=True))
            self._private = await stack.enter_async_context(session(self._user_agent, trusted, guarded=False))
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def fetch(self, request: Request) -> Response:
        """Ask for a document, and go where it redirects. Raises FetchError, and nothing else."""
        try:
            async with asyncio.timeout(self._limits.timeout_sec):
                return await self._follow(request)
        except TimeoutError:
            raise FetchError(took_longer(self._limits.timeout_sec)) from None
        except places.BadPlaceError as error:
            raise FetchError(printable(str(error))) from None

    async def _follow(self, request: Request) -> Response:
        first, login = places.first(request.url)
        wanted = {"Accept": ACCEPT} | heads.validators(request.etag, request.last_modified)
        url, moved_to, for_good = first, "", True
        for _ in range(self._limits.max_redirects + 1):
            at_home = places.same_origin(url, first)
            try:
                answer = await self._ask(url, wanted | login if at_home else wanted, guarded=not request.allow_private)
            except trouble.TROUBLE as error:
                where = "" if url.host == first.host else f"redirects to {url.host}: "
                raise FetchError(printable(where + trouble.reason(error))) from None
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location:
                return replace(answer, moved_to=moved_to)
            url = places.following(url, location)
            for_good = for_good and answer.status in _FOR_GOOD
            moved_to = str(url) if for_good else moved_to
        raise FetchError(f"redirects more than {self._limits.max_redirects} times")

    async def _ask(self, url: URL, headers: Mapping[str, str], *, guarded: bool) -> Response:
        """Ask once. Of anything but a 200 the body is left where it is."""
        if guarded:
            places.must_be_public(url)
        way = self._guarded if guarded else self._private
        async with way.get(url, headers=headers, allow_redirects=False) as answer:
            content = await body.read(answer, self._limits.max_bytes) if answer.status == OK else b""
            return Response(answer.status, heads.plain(answer.headers), content, str(url))
