"""Bytes of a document to text: its encoding, whatever it declares.

By RFC 7303: a byte order mark goes before the header's charset, and that before the XML declaration's. And by what the
web is like: an encoding in which any bytes are text (ISO 8859-1) is declared by default and proves nothing, so UTF-8 is
tried before it.
"""

import codecs
import re
from typing import Final, NamedTuple

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_STARTS: Final = (
    (re.compile(rb"\0\0\0<"), "utf-32-be"),
    (re.compile(rb"<\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0<\0[!-~]"), "utf-16-be"),
    (re.compile(rb"<\0[!-~]\0"), "utf-16-le"),
    (re.compile(rb"\x4c\x6f\xa7\x94"), "cp037"),
)
"""How a document begins in an encoding that is not a superset of ASCII, without a mark."""
_WIDE: Final = ("utf-16", "utf-32", "utf_16", "utf_32", "cp037")
"""What cannot be true of a document whose declaration could be read as ASCII."""
_NO_CHARSET: Final = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7"}
_ANYTHING_GOES: Final = {"ascii", "iso8859-1", "iso8859-15", "cp1252"}
_SUPERSETS: Final = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
"""What is declared, and what is written: https://encoding.spec.whatwg.org/#names-and-labels"""
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.IGNORECASE | re.ASCII)
_DECLARED: Final = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:+-]{1,40})[\"']", re.ASCII)


class Text(NamedTuple):
    """A document as text, and in plain words what was wrong with its encoding."""

    text: str
    problem: str = ""


def decode(raw: bytes, content_type: str) -> Text:
    """Decode a document that came with the header Content-Type. Never fails: what cannot be read becomes U+FFFD."""
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return Text(raw[len(mark) :].decode(name, "replace"))
    for start, name in _STARTS:
        if start.match(raw):
            return Text(raw.decode(name, "replace"))
    asked = _asked(raw, content_type)
    for name in sorted([*asked, "utf-8"], key=lambda name: name in _ANYTHING_GOES):
        try:
            text = raw.decode(name)
        except UnicodeError:
            continue
        return Text(text, "" if not asked or name in asked else _other(asked, name))
    text = raw.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if len(text) - len(text.encode("ascii", "ignore")) > 2 * broken:  # more is well than broken
        return Text(text, "has bytes that are not UTF-8")
    return Text(raw.decode("cp1252", "replace"), _other(asked or ["utf-8"], "windows-1252"))


def _asked(raw: bytes, content_type: str) -> list[str]:
    """Name the encodings that header and document ask for, as far as there are such."""
    header, declared = _CHARSET.search(content_type), _DECLARED.match(raw)
    names = [found for found in (header and header[1], declared and declared[1].decode("ascii")) if found]
    return [known for name in names if (known := _known(name))]


def _known(name: str) -> str:
    try:
        known = codecs.lookup(name).name
        "".encode(known)  # hex, zip and such are codecs, but not of text
    except (LookupError, ValueError):
        return ""
    if known in _NO_CHARSET or known.startswith(_WIDE):
        return ""
    return _SUPERSETS.get(known, known)


def _other(asked: list[str], used: str) -> str:
    return f"is not in {asked[0].upper()}, as it should be; read as {used.upper()}"
