"""One probe of one target, whatever its kind: made, timed and put into words."""

import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from marketswarm import names
from marketswarm.clock import Clock
from marketswarm.feeds import politeness
from marketswarm.place import Step, place_of
from marketswarm.probing.market import MAX_BYTES, Answer, Outcome, answer_of, login_of, says_it_all
from marketswarm.probing.result import Result
from marketswarm.reach.finding import Finding, Way
from marketswarm.reach.probe import Say, converse, get, reach
from marketswarm.services.massive.targets import Kind, Target

NO_KEY: Final = (
    f"no key: set {names.ENV_MASSIVE_API_KEY} as a variable or a credential of massive, or {names.ENV_POLYGON_API_KEY}"
)


class Methods:
    """Knows how each kind of target is probed."""

    def __init__(self, api_key: str | None, clock: Clock) -> None:
        self._api_key = api_key
        self._clock = clock

    async def probe(self, target: Target) -> Result:
        """Probe once; whatever goes wrong out there is a result."""
        began = self._clock.wall()
        if target.kind is Kind.NETWORK:
            return _result(target, began, await reach(place_of(target.url), _way(target)))
        if self._api_key is None:
            return Result(ok=None, step=None, reason=NO_KEY, ms=0.0, ts=round(began, 3), steps={}, url=target.url)
        if target.kind is Kind.REST:
            return await self._ask(target, self._api_key, began)
        return await self._log_in(target, self._api_key, began)

    async def _ask(self, target: Target, api_key: str, began: float) -> Result:
        """Ask the REST API. It is not asked twice, whatever it answers: the free tier counts."""
        headers = {"Authorization": f"Bearer {api_key}"}
        found = await get(place_of(target.url), _way(target), headers, MAX_BYTES)
        answered = began + found.ms / 1000
        if found.step and not says_it_all(found.status):
            return _judged(_result(target, began, found), Answer(Outcome.DOWN, found.reason))
        # Its time was told while the question was under way: in the middle, as far as one can know.
        answer = answer_of(found.status, found.body, answered - found.steps[Step.HTTP] / 2000)
        result = _judged(_result(target, began, dataclasses.replace(found, step=None)), answer)
        if answer.outcome is not Outcome.THROTTLED:
            return result
        wait_sec = politeness.retry_after_sec(found.headers, datetime.fromtimestamp(answered, UTC))
        return replace(
            result, again_at=round(answered + min(wait_sec, politeness.BUSY_CAP_SEC), 3) if wait_sec else 0.0
        )

    async def _log_in(self, target: Target, api_key: str, began: float) -> Result:
        """Log in at the websocket, and leave it again."""
        answers: list[Answer] = []

        async def script(messages: AsyncIterator[str], say: Say) -> str:
            answer = login_of(await anext(messages))  # that one is connected, or may not be
            if answer is None:
                await say(json.dumps({"action": "auth", "params": api_key}))
            while answer is None:
                answer = login_of(await anext(messages))
            answers.append(answer)
            return "" if answer.outcome.reachable else answer.reason

        found = await converse(place_of(target.url), _way(target), script)
        answer = answers[0] if answers else Answer(Outcome.DOWN, found.reason)
        return _judged(_result(target, began, found), answer)


def _way(target: Target) -> Way:
    return Way(target.timeout_sec, target.resolvers)


def _result(target: Target, began: float, found: Finding) -> Result:
    return Result(
        ok=found.step is None,
        step=found.step,
        reason=found.reason,
        ms=found.ms,
        ts=round(began, 3),
        steps=dict(found.steps),
        url=target.url,
        address=found.address,
        status=found.status,
        days=found.days,
    )


def _judged(result: Result, answer: Answer) -> Result:
    """Put what the API said over what the network did; a failure of the network names its own step."""
    step = result.step or (None if answer.outcome.reachable else Step.API)
    return replace(
        result, ok=step is None, step=step, reason=answer.reason, outcome=answer.outcome, skew_sec=answer.skew_sec
    )
