"""By what two tellings of one story are known to be one, in feeds that do not know of each other.

An item gets marks, and who shares a mark shares a story. Headlines have forms: "Apple shares rise 3%" and "Tesla shares
rise 3%" have more words in common than two tellings of one story often have. So what tells two stories of a form apart
is in every mark: companies, figures, days, and whether things rise or fall. The first mark is of all words that belong
to no form. Where capitals show which of them are names, there are more marks: of these names, and of a choice of the
other words by MinHash, in bands (A. Broder, "On the resemblance and containment of documents", SEQUENCES 1997; P. Indyk
and R. Motwani, "Approximate nearest neighbors", STOC 1998), so that some of the others may differ.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import Final

from marketswarm.feeds.item import Item, digest
from marketswarm.handlers.companies import with_symbols

_BANDS: Final = 4
_ROWS: Final = 3
_LANES: Final = Struct("<16I")
"""A word's places in as many random orders as there are rows, and some to spare."""
_FEWEST: Final = 3
"""Fewer words than these tell no story; so many names and figures need few other words to tell one."""
_OTHERS: Final = 5
"""So many other words let some of them differ; beside many names, ``_FEW_OTHERS`` do."""
_FEW_OTHERS: Final = 2
_BEGINNING: Final = 12
"""So many words of a summary stand in for what a short title does not say."""
_LONGEST: Final = 400
"""Characters of a title that are read."""
_CAPITALS: Final = 0.6
"""Where more of the long words have capitals, these show no names."""
_LONG: Final = 4

_LABEL: Final = re.compile(
    r"(?:(?:update|wrapup) ?\d+|refile|corrected|breaking|exclusive|live|watch|analysis|factbox)\s?[-:|]\s?",
    re.IGNORECASE,
)
_SOURCE: Final = re.compile(
    r" [-|(\u00b7] ?(?:the )?(?:ap|afp|axios|barron's|bbc(?: news)?|benzinga|bloomberg|business insider|cnbc"
    r"|cnn(?: business)?|financial times|forbes|fortune|fox business|ft|guardian|investing\.com"
    r"|investor's business daily|marketwatch|new york times|nikkei asia|nyt|politico|reuters|seeking alpha|techcrunch"
    r"|verge|wall street journal|washington post|wsj|yahoo finance|sources?(?: say)?|report|document|filing)\)?$",
    re.IGNORECASE,
)
"""Who published it or said so, at the end of a title: " - Reuters", " | CNBC", " (AP)"."""
_TOKEN: Final = re.compile(r"\$[A-Z]+(?:\.[A-Z])?|\d+(?:[.,]\d+)*[a-z]*|[^\W\d_]\w*")
_FIGURE: Final = re.compile(r"(\d+(?:[.,]\d+)*)([a-z]*)")
_SPELLINGS: Final = (
    ("'s", ""),
    ("U.S.", "US"),
    ("U.K.", "UK"),
    ("Federal Reserve", "Fed"),
    ("European Central Bank", "ECB"),
    ("first-quarter", "Q1"),
    ("first quarter", "Q1"),
    ("second-quarter", "Q2"),
    ("second quarter", "Q2"),
    ("third-quarter", "Q3"),
    ("third quarter", "Q3"),
    ("fourth-quarter", "Q4"),
    ("fourth quarter", "Q4"),
)


def _synonyms(text: str) -> dict[str, str]:
    """Read "word: others for it; ...": each of them, and the word itself, and the word."""
    groups = [group.partition(":") for group in text.split(";")]
    return {other: word.strip() for word, _, others in groups for other in [word.strip(), *others.split()]}


_UNITS: Final = _synonyms("bn: billion bln bn b; mn: million mln mn m; tn: trillion trln tn t; : st nd rd th")
_NUMBERS: Final = _synonyms("2: two; 3: three; 4: four; 5: five; 6: six; 7: seven; 8: eight; 9: nine; 10: ten")
_TIMES: Final = _synonyms(
    "jan: jan january; feb: feb february; mar: mar march; apr: apr april; jun: jun june; jul: jul july; aug: aug"
    " august; sep: sep sept september; oct: oct october; nov: nov november; dec: dec december; mon: monday; tue:"
    " tuesday; wed: wednesday; thu: thursday; fri: friday; sat: saturday; sun: sunday; q1: q1; q2: q2; q3: q3; q4:"
    " q4; h1: h1; h2: h2"
)
_WAYS: Final = _synonyms(
    "up: up rise rises rose rising climb climbs climbed jump jumps jumped gain gains gained surge surges surged soar"
    " soars soared rally rallies rallied advance advances higher increase increases grow grows grew spike spikes"
    " rebound rebounds; down: down fall falls fell falling fallen drop drops dropped slump slumps slumped tumble"
    " tumbles tumbled plunge plunges plunged decline declines declined slide slides slid sink sinks sank slip slips"
    " slipped lower dip dips retreat retreats"
)
_SAME: Final = _synonyms(
    "buy: buys buying bought acquire acquires acquired purchase purchases takeover acquisition; cut: cuts cutting"
    " slash slashes slashed trim trims reduce reduces lay lays; raise: raises raised hike hikes hiked lift lifts"
    " boost boosts; job: jobs layoff layoffs workforce worker workers staff employees; profit: profits earnings"
    " income result results; beat: beats top tops exceed exceeds surpass surpasses; open: opens unveil unveils launch"
    " launches launched introduce introduces reveal reveals debut debuts announce announces; share: shares stock"
    " stocks equity; head: ceo chief boss executive; probe: probes investigation investigates inquiry; sue: sues sued"
    " lawsuit lawsuits; hold: holds keep keeps kept unchanged steady leaves; approve: approves approved approval"
    " clears; agree: agrees agreed deal agreement merger; quit: quits resign resigns departs step steps; name: names"
    " named tap taps appoint appoints pick picks; fine: fines fined"
)
"""What headlines say in several ways."""
_STOPS: Final = frozenset(
    _synonyms(
        ": a about after ahead all also amid an and any are as at back be because been before being but by can could"
        " delegates due end following for from further get go had has have he her his how if in into is it its just"
        " like may make members more most new next now of off on one only or other our out over own per"
        " percent persist plc quarter s said say says see set she so some source sources still such t than that the"
        " their them then there these they this those through to under until us very via vs was we were what when"
        " where which while who why will with would you your"
    )
)


def _stem(word: str) -> str:
    """Take from a word the endings that it has elsewhere; what is left need be no word. Words of ``_SAME`` are one."""
    if word in _SAME:
        return _SAME[word]
    if len(word) > len("ties") and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > len("its") and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > len("during") and word.endswith("ing"):
        word = word[:-3]
    elif len(word) > len("speed") and word.endswith("ed"):
        word = word[:-2]
    return word[:-1] if len(word) > _LONG and word.endswith("e") else word


_FORMS: Final = frozenset(_SAME.values()) | frozenset(
    map(
        _stem,
        _synonyms(
            ": action alert analyst annual announcement bank behalf best big biggest board briefing call change chat"
            " class close company complete conference corp corporation counsel coverage daily data date day deadline"
            " declares demand director dividend early encourage energy estimate evening expand expect fast federal"
            " file financial fireside firm fiscal force forecast form full fund futures global government group"
            " growth guidance half here high holdings host inc index initiates interest international investor join"
            " know large late law lead leading little loss low maintains market meeting mining minutes mixed monthly"
            " morning move national neutral news note notes offering officer open opportunity outlook overweight"
            " participate partner partnership pharma pharmaceuticals plan point posts present press preview price"
            " pricing product rate rating record reiterates release remind report resources revenue review rosen"
            " sales secure securities sell senior service session shareholder statement state strong substantial"
            " target technologies therapeutics thing today trade trader trading trust update upgrade downgrade watch"
            " weak webcast week weekly world worse wrap year"
        ),
    )
)
"""What headlines are made of, whatever they tell."""


@dataclass(frozen=True, slots=True)
class _Telling:
    """The words of a text, by what they are; ``certain`` are companies, figures, times, and ways things go."""

    shows_names: bool
    """Whether its capitals say which words are names; where they do not, all are ``others``."""
    certain: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    @property
    def words(self) -> set[str]:
        """All but the certain ones."""
        return self.names | self.others

    @property
    def telling(self) -> set[str]:
        """Those of no form."""
        return self.words - _FORMS


def marks(item: Item) -> tuple[str, ...]:
    """Give the marks of an item, the same in every process; none where its title is too short to tell anything."""
    title = _bare(item.title[:_LONGEST])
    told = _read(title)
    if len(told.certain | told.telling) < _FEWEST:
        beginning = item.summary[:_LONGEST].split()[:_BEGINNING]
        told = _read(f"{title} . {with_symbols(' '.join(beginning))}")
    if len(told.certain | told.words) < _FEWEST:
        return ()
    whole = told.telling if len(told.telling) >= _FEWEST else told.words
    return (digest("whole", *sorted(told.certain), "", *sorted(whole)), *_bands(told))


def _bands(told: _Telling) -> Iterator[str]:
    """Give the marks of a choice of words, where there are enough of them beside names that agree."""
    names = told.names - _FORMS
    sure = told.certain | names
    enough = _FEW_OTHERS if len(sure) >= _FEWEST else _OTHERS
    about_somebody = names or any(sign.startswith("$") for sign in told.certain)
    if not (told.shows_names and about_somebody and len(told.others) >= enough):
        return
    least = [min(places) for places in zip(*map(_lanes, told.others), strict=True)]
    for band in range(_BANDS):
        yield digest(str(band), *sorted(sure), "", *map(str, least[band * _ROWS : (band + 1) * _ROWS]))


def _bare(title: str) -> str:
    """Take from a title who published it, and of what kind it is; write symbols for companies."""
    text = with_symbols(title)
    while found := _LABEL.match(text):
        text = text[found.end() :]
    while found := _SOURCE.search(text):
        text = text[: found.start()]
    return text


def _read(text: str) -> _Telling:
    """Sort the words of a text."""
    for written, meant in _SPELLINGS:
        text = text.replace(written, meant)
    tokens = _TOKEN.findall(text)
    long = [word for word in tokens[1:] if len(word) >= _LONG and word.isalpha()]
    told = _Telling(shows_names=sum(word[0].isupper() for word in long) < _CAPITALS * len(long))
    figured = False
    for place, written in enumerate(tokens):
        word, after = written.lower(), tokens[place + 1].lower() if place + 1 < len(tokens) else ""
        unit, figure = figured and word in _UNITS, _figure(word, after)
        figured = bool(figure)
        capital = told.shows_names and written[0].isupper()
        if certain := figure or _sign(written, month=capital and place > 0):
            told.certain.add(certain)
        elif not unit and word not in _STOPS and (stem := _stem(word)) not in _STOPS:
            # The first word has its capital in any case.
            (told.names if capital and (place or stem not in _FORMS) else told.others).add(stem)
    return told


def _sign(written: str, *, month: bool) -> str:
    """Give the company, the time or the way that a word is; empty where it is none. ``month``: "May" is one here."""
    if written.startswith("$") or (month and written == "May"):
        return written
    word = written.lower()
    return _TIMES.get(word) or _WAYS.get(word, "")


def _figure(word: str, after: str) -> str:
    """Write a figure with its unit, which may be the word after it; empty where it is none."""
    found = _FIGURE.fullmatch(_NUMBERS.get(word, word))
    if not found:
        return ""
    number = found[1].replace(",", "")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return number + (_UNITS.get(found[2], found[2]) or _UNITS.get(after, ""))


@lru_cache(maxsize=8192)
def _lanes(word: str) -> tuple[int, ...]:
    """Give a word's places in the random orders (BLAKE2b, RFC 7693)."""
    return _LANES.unpack(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), person=b"stories").digest())
