"""Text out of markup: one line, no control characters, no longer than it may be."""

import html
import html.parser
import re
from typing import Final

MAX_MARKUP: Final = 64 * 1024
"""Characters of markup that are looked at; what has said nothing until then says nothing."""
_CHUNK: Final = 4096
_ELLIPSIS: Final = "…"
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
"""Control characters, halves of characters, and marks that would turn the direction of whatever is written after."""
_HIDDEN: Final = frozenset({"script", "style"})
_WITHIN_A_WORD: Final = frozenset(
    {"a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins"}
    | {"kbd", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time"}
    | {"tt", "u", "var", "wbr"}
)
"""Elements that may begin or end in the middle of a word; any other parts words."""
_COMMON_TAG: Final = re.compile(
    r"</?(?:a|b|big|br|code|div|em|font|h[1-6]|hr|i|img|p|small|span|strong|su[bp]|u)\b[^<]*>"
)


def line(text: str, limit: int) -> str:
    """Make one line of plain text: white space collapsed, unfit characters gone, ``limit`` characters at most."""
    if not text.isprintable():
        # Twice: what stood on both sides of an unfit character may be white space.
        text = _UNFIT.sub("", " ".join(text.split()))
    return cut(" ".join(text.split()), limit)


def strip(markup: str, limit: int) -> str:
    """Make one line of HTML or XHTML: tags, comments, scripts and styles gone, entities resolved."""
    if "<" not in markup and "&" not in markup:
        return line(markup[:MAX_MARKUP], limit)
    text = _Text()
    markup = without_cdata(markup)[:MAX_MARKUP]
    for start in range(0, len(markup), _CHUNK):
        text.feed(markup[start : start + _CHUNK])
        if text.length > limit:
            break
    else:
        text.finish()
    return line("".join(text.pieces), limit)


def is_markup(text: str) -> bool:
    """Say whether a text that should be plain was meant as HTML: there is a tag in it that people write in titles."""
    return "<" in text and ("<![CDATA[" in text or _COMMON_TAG.search(text[:MAX_MARKUP]) is not None)


def without_cdata(markup: str) -> str:
    """Open CDATA sections that were escaped a second time, and make other marked sections harmless.

    html.parser gives up on those that it does not know.
    """
    if "<![" not in markup:
        return markup
    return markup.replace("<![CDATA[", "").replace("]]>", "").replace("<![", "<?[")


def cut(text: str, limit: int) -> str:
    """Cut a text that is longer than ``limit`` characters between two words, and show it by an ellipsis."""
    if len(text) <= limit:
        return text
    head = text[: limit - len(_ELLIPSIS)]
    if not text[len(head)].isspace():
        words = head.rpartition(" ")[0]
        # Not every script has spaces.
        head = words if len(words) > limit // 2 else head
    return head.rstrip() + _ELLIPSIS


class _Text(html.parser.HTMLParser):
    """Collects what a reader would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.length = 0
        """How much there is so far, white space collapsed (or a little less)."""
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Part words; hide what nobody sees."""
        del attrs
        self._hidden = tag in _HIDDEN
        self._part(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Part words: an element without content hides nothing."""
        del attrs
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        """Part words."""
        self._hidden = False
        self._part(tag)

    def handle_data(self, data: str) -> None:
        """Keep text."""
        if not self._hidden:
            self.pieces.append(data)
            self.length += len(" ".join(data.split()))

    def finish(self) -> None:
        """Take what is left: text is text, and a tag that never ends is nothing.

        Not close(), which looks for that end again from each ``<`` that is left: a minute for 64 KiB of them.
        """
        if not self.rawdata.startswith("<"):
            self.handle_data(html.unescape(self.rawdata))

    def _part(self, tag: str) -> None:
        if tag not in _WITHIN_A_WORD:
            self.pieces.append(" ")
