"""From bytes to Truth, or to every fault that keeps them from being one."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from marketswarm import names
from marketswarm.address import Address
from marketswarm.errors import BadTruthError
from marketswarm.truth import strict
from marketswarm.truth.access import Buses
from marketswarm.truth.checks import conflicts
from marketswarm.truth.credentials import Loc, leaks
from marketswarm.truth.feeds import FEED_NAME, WEB_URL
from marketswarm.truth.fields import BUS_NAME, SERVICE_NAME, TEXT
from marketswarm.truth.models import MAX_BUSES, Truth
from marketswarm.truth.probes import PROBE_NAME
from marketswarm.truth.telling import REMINDER, TOLD_TYPE, WHEN
from marketswarm.truth.wording import line, number, shown

_ALIAS: Final = "components"
_PHRASES: Final = {
    "missing": "is missing",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "tuple_type": "must be a list",
    "float_type": "must be a number",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "too_long": "must have at most {max_length} entries",
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "int_type": "must be an integer",
    "less_than_equal": "must be <= {le}",
    "value_error": "{error}",
}
_PATTERN_PHRASES: Final = {
    TEXT: "must be text without spaces and control characters",
    SERVICE_NAME: "must be a name of 1 to 64 letters a-z, digits and _",
    BUS_NAME: "must be a name of 1 to 63 letters a-z, digits and -, not - in front",
    WEB_URL: "must be a URL as in https://example.com/feed.xml, without a blank or a #",
    FEED_NAME: "must be a name of 1 to 64 letters, digits, blanks and _.&+-, no blank at its ends",
    PROBE_NAME: "must be a name of 1 to 64 letters, digits and _.-, a letter or digit in front",
    WHEN: "must be a time as in 02:00 or 2026-12-01T02:00",
    TOLD_TYPE: f"must be {REMINDER} or a type of alert, as in {names.HEARTBEAT_MISS}",
}


def parse(raw: bytes) -> Truth:
    """Read and check a truth document.

    Raises BadTruthError with all faults, one line each: ``path: phrase, is VALUE``. Only what makes the document
    unreadable (size, encoding, syntax, duplicate keys) hides the faults behind it.
    """
    document = strict.load(raw)
    faults: list[str] = []
    if isinstance(document, dict):
        document = _without_alias(document, faults)
    faults += [line(loc, phrase) for loc, phrase in leaks(document)]
    context = _buses(document)
    try:
        truth = Truth.model_validate(document, context=context)
        faults += conflicts(truth)
    except ValidationError as error:
        details = error.errors(include_url=False)
        faults += map(_fault, details)
        faults += _conflicts_of_the_rest(document, details, context)
    if faults:
        raise BadTruthError(list(dict.fromkeys(faults)))
    return truth


def _without_alias(document: dict[str, object], faults: list[str]) -> dict[str, object]:
    """Read ``components``, the older name of ``services``."""
    if _ALIAS not in document:
        return document
    if "services" in document:
        faults.append(line((_ALIAS,), "must not stand beside services, of which it is an older name"))
        return document
    return {"services" if key == _ALIAS else key: value for key, value in document.items()}


def _buses(document: object) -> Buses:
    """Tell which buses the document has; one that is faulty is known by its name, so that it makes one fault only."""
    known = {name: Address.parse(url) for name, url in names.DEFAULT_BUS_URLS.items()}
    named = document.get("buses") if isinstance(document, dict) else None
    for name, bus in islice(named.items(), MAX_BUSES) if isinstance(named, dict) else ():
        known[name] = _address(bus) or Address(host=name)
    return known


def _address(bus: object) -> Address | None:
    url = bus.get("url") if isinstance(bus, dict) else None
    try:
        return Address.parse(url) if isinstance(url, str) else None
    except ValueError:
        return None


def _conflicts_of_the_rest(document: object, details: list[ErrorDetails], context: Buses) -> Iterator[str]:
    """Leave out the services that have faults: what the others get wrong among themselves is wrong all the same."""
    services = document.get("services") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(services, dict):
        return
    left_out = {str(detail["loc"][1]) for detail in details if detail["loc"][0] == "services"}
    rest = {name: section for name, section in services.items() if name not in left_out}
    try:
        truth = Truth.model_validate({**document, "services": rest}, context=context)
    except ValidationError:
        return
    yield from conflicts(truth, left_out)


def _fault(detail: ErrorDetails) -> str:
    loc: Loc = detail["loc"]
    if loc[-1:] == ("[key]",) and detail["type"] == "string_pattern_mismatch":
        loc = loc[:-1]
    value = "" if detail["type"] == "missing" else shown(loc, detail["input"])
    return line(loc, _phrase(detail) + value)


def _phrase(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "string_pattern_mismatch":
        return _PATTERN_PHRASES[context["pattern"]]
    phrase = _PHRASES.get(detail["type"])
    if phrase is None:
        message = detail["msg"].replace("Input should be", "must be")
        return message[:1].lower() + message[1:]
    return phrase.format_map(dict(_plain_numbers(context)))


def _plain_numbers(context: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in context.items():
        yield name, number(value) if isinstance(value, float) else value
