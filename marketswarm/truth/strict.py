"""JSON without the liberties that Python's reader takes: one meaning for each document, or none."""

import json
import re
from dataclasses import dataclass

from marketswarm import names
from marketswarm.errors import BadTruthError
from marketswarm.truth.credentials import Loc
from marketswarm.truth.wording import line

MAX_INTEGER_DIGITS = 40
MAX_DEPTH = 32
_TOO_DEEP = line((), f"must be nested at most {MAX_DEPTH} levels deep")
_SURROGATE = re.compile("[\ud800-\udfff]")


def load(raw: bytes) -> object:
    """Read a document, built of dict, list, str, int, float, bool and None.

    Raises BadTruthError with every fault that can be known: size, encoding and syntax hide what comes after them.
    """
    text = _decode(raw)
    try:
        document = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
        raise BadTruthError([line((), f"is not JSON at line {error.lineno}, column {error.colno}: {reason}")]) from None
    except RecursionError:
        raise BadTruthError([_TOO_DEEP]) from None
    faults: list[str] = []
    plain = _plain(document, (), faults)
    if faults:
        raise BadTruthError(list(dict.fromkeys(faults)))
    return plain


class _Object(list[tuple[str, object]]):
    """An object as it was written, each key as often as it stood there."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """What stands in for a number that cannot be taken."""

    phrase: str


def _decode(raw: bytes) -> str:
    if len(raw) > names.MAX_TRUTH_BYTES:
        raise BadTruthError([line((), f"must be at most {names.MAX_TRUTH_BYTES} bytes long, is {len(raw)}")])
    encoding = json.detect_encoding(raw)
    if encoding == "utf-8-sig":
        raise BadTruthError([line((), "must be UTF-8 without a byte order mark, starts with one")])
    if encoding != "utf-8":
        raise BadTruthError([line((), f"must be UTF-8, looks like {encoding[:6].upper()}")])
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start) + 1
        raise BadTruthError([line((), f"must be UTF-8, has byte 0x{raw[error.start]:02x} in line {number}")]) from None


def _constant(text: str) -> _Refused:
    return _Refused(f"must be a number that JSON knows, is {text}")


def _float(text: str) -> float | _Refused:
    value = float(text)
    return value if abs(value) != float("inf") else _Refused("must be a number below 1.8e308")


def _int(text: str) -> int | _Refused:
    digits = len(text.lstrip("-"))
    if digits > MAX_INTEGER_DIGITS:
        return _Refused(f"must be an integer of at most {MAX_INTEGER_DIGITS} digits, has {digits}")
    return int(text)


def _plain(value: object, loc: Loc, faults: list[str]) -> object:
    """Turn what the reader built into plain values, and note what is wrong with it and where."""
    if isinstance(value, list) and len(loc) >= MAX_DEPTH:
        faults.append(_TOO_DEEP)
    elif isinstance(value, _Object):
        return _plain_object(value, loc, faults)
    elif isinstance(value, list):
        return [_plain(item, (*loc, index), faults) for index, item in enumerate(value)]
    elif isinstance(value, _Refused):
        faults.append(line(loc, value.phrase))
    elif isinstance(value, str) and _has_surrogate(value):
        faults.append(line(loc, "must be valid Unicode, has half of a surrogate pair"))
    return value


def _plain_object(pairs: _Object, loc: Loc, faults: list[str]) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, item in pairs:
        here = (*loc, key)
        if key in result:
            faults.append(line(here, "must be given once, is a duplicate key"))
        if _has_surrogate(key):
            faults.append(line(here, "must be a key of valid Unicode, has half of a surrogate pair"))
        result[key] = _plain(item, here, faults)
    return result


def _has_surrogate(text: str) -> bool:
    return _SURROGATE.search(text) is not None
