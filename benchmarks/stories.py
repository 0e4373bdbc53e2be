"""News as feeds bring them, made up: the same for the same number, in every process.

Titles name companies, figures and ways things go; summaries are HTML, as half of all feeds have them in CDATA sections
and the others escaped.
"""

import html
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from marketswarm.feeds.item import Item, digest, encode_item

LATEST = datetime(2026, 11, 26, 12, tzinfo=UTC)
_APART = timedelta(minutes=7)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_COMPANIES = _words(
    "Apple Microsoft Nvidia Tesla Boeing Amazon Intel Pfizer Exxon Nike Ford Merck Oracle Netflix Starbucks Walmart "
    "Chevron Visa Citigroup Caterpillar Siemens Toyota Nestle Novartis Glencore Maersk Airbus Unilever"
)
_WAYS = _words("rises falls slumps jumps climbs tumbles gains drops surges slides")
_CAUSES = (
    "after quarterly results beat estimates",
    "as regulators open an inquiry into chip exports",
    "on hopes of a rate cut by the Federal Reserve",
    "amid strike at its largest plant",
    "after analysts question its outlook for margins",
    "as bond yields and oil prices retreat",
    "on reports of a takeover offer",
    "after ruling in long-running patent case",
)
_WORDS = _words(
    "bank rate oil wheat chip deal board court export fund yield plant union tariff index bond demand supply market "
    "quarter analyst forecast dividend shipment inventory regulator investor guidance turbine lithium pipeline "
    "warehouse software contract lender insurer airline carrier refinery foundry harvest currency stimulus deficit"
)
_AUTHORS = ("Ann Lee", "Bob Stone", "Chidi Okafor", "D. Müller", "Eva Novák", "staff@example.com (Newsroom)")
_TAGS = ("Markets", "Technology", "Energy & Utilities", "Central banks", "Earnings", "Commodities", "Autos", "Health")


@dataclass(frozen=True, slots=True)
class Story:
    """What an entry is made of."""

    number: int
    title: str
    markup: str
    author: str
    tags: tuple[str, ...]
    link: str
    published: datetime


def story(number: int) -> Story:
    """Make up one."""
    chance = random.Random(number)
    company, rival = chance.sample(_COMPANIES, 2)
    subject = " ".join(chance.sample(_WORDS, 2))
    title = (
        f"{company} {chance.choice(_WAYS)} {chance.randint(1, 99) / 10}% {chance.choice(_CAUSES)}, "
        f"{rival} weighs {subject} & {chance.choice(_WORDS)}"
    )
    link = f"https://news{number % 97}.example.com/markets/{number}/{company.lower()}-{subject.replace(' ', '-')}"
    paragraphs = "".join(f"<p>{_sentence(chance, rival)} {_sentence(chance, company)}</p>\n" for _ in range(2))
    markup = f'{paragraphs}<p><a href="{link}?utm_source=rss">Read more&nbsp;&hellip;</a></p><img src="{link}/1.gif"/>'
    tags = tuple(chance.sample(_TAGS, 3))
    return Story(number, title, markup, chance.choice(_AUTHORS), tags, link, LATEST - _APART * (number % 1000))


def document(number: int, entries: int) -> bytes:
    """Write RSS 2.0: ``entries`` stories that no other document has, the newest first."""
    numbers = range(number * entries, (number + 1) * entries)
    stories = sorted(map(story, numbers), key=lambda one: one.published, reverse=True)
    items = "".join(_element(one, escaped=number % 2 == 1) for one in stories)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom">\n'
        f"<channel>\n<title>Feed {number}</title>\n<link>https://news.example.com/{number}</link>\n"
        f'<atom:link href="https://news.example.com/{number}.xml" rel="self" type="application/rss+xml"/>\n'
        f"<description>What moves markets</description>\n<language>en-us</language>\n<ttl>15</ttl>\n"
        f"{items}</channel>\n</rss>\n"
    ).encode()


def items(numbers: Iterable[int]) -> list[bytes]:
    """Make stories as they stand on the queue."""
    return [encode_item(_item(story(number))) for number in numbers]


def _sentence(chance: random.Random, company: str) -> str:
    some = chance.sample(_WORDS, 14)
    return (
        f"{company} said its <b>{some[0]} {some[1]}</b> and {' '.join(some[2:7])} would rise by "
        f"{chance.randint(2, 40)} percent, while the {' '.join(some[7:])} of <em>last year</em> &ndash; "
        f"&ldquo;a record&rdquo; &ndash; held."
    )


def _element(one: Story, *, escaped: bool) -> str:
    markup = html.escape(one.markup) if escaped else f"<![CDATA[{one.markup}]]>"
    tags = "".join(f"<category>{html.escape(tag)}</category>" for tag in one.tags)
    return (
        f"<item>\n<title>{html.escape(one.title)}</title>\n<link>{one.link}?utm_source=rss&amp;utm_medium=feed</link>\n"
        f'<guid isPermaLink="false">story-{one.number}</guid>\n<dc:creator>{html.escape(one.author)}</dc:creator>\n'
        f"<pubDate>{format_datetime(one.published)}</pubDate>\n{tags}\n<description>{markup}</description>\n</item>\n"
    )


def _item(one: Story) -> Item:
    return Item(
        id=digest("benchmark", f"story-{one.number}", size=16),
        feed=f"feed-{one.number % 97}",
        category="markets",
        title=one.title,
        link=one.link,
        published=one.published,
        summary=" ".join(html.unescape(one.markup.partition("</p>")[0].removeprefix("<p>")).split()),
        authors=(one.author,),
        tags=one.tags,
        fetched=LATEST,
    )
