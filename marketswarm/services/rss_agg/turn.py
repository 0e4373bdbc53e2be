"""One turn of one feed: asked, read, published, and what is known of it afterwards."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from marketswarm.feedbook import FeedBook
from marketswarm.feeds import politeness
from marketswarm.feeds.item import Document, item_of
from marketswarm.feeds.novelty import fields_of, judge
from marketswarm.feeds.outcome import Answer, Asked, failed, is_known, read, unchanged
from marketswarm.feeds.state import FeedState
from marketswarm.patience import until_taken
from marketswarm.truth import Feed
from marketswarm.web.fetching import Fetcher, FetchError, Request, Response

NOT_MODIFIED: Final = 304
OK: Final = 200
Parse = Callable[[Response], Awaitable[Document]]


class Turns:
    """Has feeds take their turns. ``parse`` makes a document of an answer, and never raises for a bad one."""

    def __init__(self, book: FeedBook, fetcher: Fetcher, parse: Parse) -> None:
        self._book = book
        self._fetcher = fetcher
        self._parse = parse

    async def take(self, feed: Feed, before: FeedState, asked: Asked) -> FeedState:
        """Fetch a feed and publish its news; whatever goes wrong out there is a state.

        What was fetched is held until the bus takes it, however long that is: it is not asked for twice.
        """
        request = Request(before.source, before.etag, before.last_modified, allow_private=feed.allow_private)
        try:
            response = await self._fetcher.fetch(request)
        except FetchError as error:
            return await self._kept(feed, failed(before, asked, str(error)))
        now = datetime.fromtimestamp(asked.at, UTC)
        answer = _answer(response, now)
        if response.status == NOT_MODIFIED or is_known(before, asked, answer):
            return await self._kept(feed, unchanged(before, asked, answer))
        if response.status != OK:
            retry_sec = politeness.retry_after_sec(response.headers, now)
            error_text = f"answers {response.status}"
            return await self._kept(
                feed, failed(before, asked, error_text, status=response.status, retry_sec=retry_sec)
            )
        document = await self._parse(response)
        if document.problem and not document.entries:
            return await self._kept(feed, failed(before, asked, document.problem, status=response.status))
        return await until_taken(lambda: self._publish(feed, before, asked, answer, document))

    async def _publish(
        self, feed: Feed, before: FeedState, asked: Asked, answer: Answer, document: Document
    ) -> FeedState:
        marks = await self._book.marks(feed.name, fields_of(document.entries))
        novelty = judge(document.entries, marks)
        fetched = datetime.fromtimestamp(round(asked.at, 3), UTC)
        news = [
            (
                found,
                item_of(found.entry, feed=feed.name, category=feed.category, fetched=fetched, revision=found.revision),
            )
            for found in novelty.news
        ]
        after = read(before, asked, answer, document, len(news))
        await self._book.publish(feed.name, news, novelty.known, after, asked.at)
        return after

    async def _kept(self, feed: Feed, state: FeedState) -> FeedState:
        await until_taken(lambda: self._book.keep(feed.name, state))
        return state


def _answer(response: Response, now: datetime) -> Answer:
    return Answer(
        status=response.status,
        body=hashlib.blake2b(response.body, digest_size=16).hexdigest() if response.status == OK else "",
        etag=response.headers.get("etag", ""),
        last_modified=response.headers.get("last-modified", ""),
        moved_to=response.moved_to,
        wishes_sec=politeness.fresh_sec(response.headers, now),
    )
