"""Text of a document to text that an XML parser takes: what many feeds get wrong, and every reader forgives."""

import re
from html.entities import name2codepoint
from typing import Final

BARE_AMPERSANDS: Final = "has ampersands that are not escaped"
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE: Final = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?", re.ASCII)
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_NAMED: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{1,9});", re.ASCII)
"""What HTML has a name for and XML has not."""
_BARE: Final = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|&(?!(?:#[0-9]+|#x[0-9a-fA-F]+|amp|lt|gt|quot|apos);)", re.ASCII | re.DOTALL
)
"""An ampersand that stands for itself, or a whole CDATA section, where all of them do."""
_NOTHING: Final = "\ufeff"
"""In place of a reference to no character, so that no new one comes about: not to be seen, and to go with markup."""
_MAX_DIGITS: Final = 8
_HALVES: Final = range(0xD800, 0xE000)
_LAST: Final = 0x10FFFF


def mend(text: str) -> tuple[str, str]:
    """Take out what no XML may hold, and write what is no reference as text. Returns also what is to be told of it.

    Halves of a character, written as two references, become one, as in JSON, where such feeds come from.
    """
    text = text.lstrip("\ufeff \t\r\n")  # before an XML declaration, a blank is an error
    text = _ILLEGAL.sub("", text)
    if "&" not in text:
        return text, ""
    if "&#" in text:
        text = _ILLEGAL.sub(_NOTHING, _PAIR.sub(_joined, _REFERENCE.sub(_legal, text)))
    text = _NAMED.sub(_character, text)
    mended = _BARE.sub(_escaped, text)
    return mended, BARE_AMPERSANDS if len(mended) != len(text) else ""


def _legal(reference: re.Match[str]) -> str:
    """Leave a reference to a character alone; give halves of characters themselves, and a mark for what is none."""
    digits, base = (reference[1], 16) if reference[1] else (reference[2], 10)
    digits = digits.lstrip("0")
    code = int(digits, base) if 0 < len(digits) <= _MAX_DIGITS else 0
    if code in _HALVES:
        return chr(code)
    return reference[0] if 0 < code <= _LAST and not _ILLEGAL.match(chr(code)) else _NOTHING


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _character(named: re.Match[str]) -> str:
    code = name2codepoint.get(named[1])
    return named[0] if code is None else chr(code)


def _escaped(bare: re.Match[str]) -> str:
    return "&amp;" if bare[0] == "&" else bare[0]
