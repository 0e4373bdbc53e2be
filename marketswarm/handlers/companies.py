"""Which companies a text names, as symbols under which their shares trade in the United States.

The list is ``companies.tsv`` beside this file. Pure, but for reading it once.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

_NO_COMPANY: Final = "-"
_COLUMNS: Final = 3
_ALIKE: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "\u2011": "-", "\u2013": "-", "\u2014": " - "})
"""Typographic signs, and how names are spelled in the list."""
_WORD: Final = re.compile(r"\w+")
_SYMBOL: Final = r"[A-Z]{1,5}(?:[.-][A-Z])?(?!\w)"
_CASHTAG: Final = re.compile(rf"(?<![\w$])\$({_SYMBOL})")
_EXCHANGE: Final = re.compile(
    r"[(\[;,/]\s?(?:NYSE|NASDAQ|Nasdaq|AMEX|OTC)[A-Z]{0,8}(?: (?:American|Arca|MKT|Global Select|GS|GM|CM))?"
    # Listed elsewhere as well: "(NYSE and TSX: RY)".
    rf"(?:\s?(?:,|/|and|&)\s?[A-Z]{{2,6}})?\s?:\s?({_SYMBOL}(?:,\s?{_SYMBOL}(?!\s?:))*)"
)
_CURRENCIES: Final = "AUD BRL CA CAD CHF CNY DKK EUR GBP HKD INR JPY KRW MXN NOK NZD RMB SEK SGD TRY US USD ZAR"
_UNITS: Final = "B BN K M MIL MM MN"
_NO_SYMBOLS: Final = frozenset(f"{_CURRENCIES} {_UNITS}".split())
"""What stands behind a dollar sign as a currency ("$CAD") or a unit ("in $M")."""

_LEGAL: Final = re.compile(
    r",? (?:Inc|Incorporated|Corp|Corporation|Co|Ltd|Limited|plc|Plc|PLC|Holdings|AG|SE|NV|SA)\b"
)
_CONTEXT: Final = re.compile(
    r"'s\b| (?:shares?|stock|shareholders?|investors?|earnings|ceo|cfo|beats|misses|reports|posts|says|plans|raises"
    r"|cuts|names|appoints|rises|falls|jumps|soars|slumps|surges|drops|climbs|tumbles|plunges|gains|slides|unveils"
    r"|launches|announces|agrees|expects|hires|sues|acquires|warns|to (?:acquire|buy|cut|sell|pay|report|raise))\b",
    re.IGNORECASE,
)
"""What follows the name of a company, and hardly a common word that begins a phrase."""
_LED: Final = re.compile(r"[A-Z][\w'-]* $")
"""A capital word that leads another one: "Price Target", "Gender Gap"."""
_LEADS: Final = frozenset({"Why", "How", "As", "After", "And", "If", "When", "While", "With", "But", "Is"})
_LOOK_BACK: Final = 24
"""So many characters before a name are looked at: more than any word of ``_LEADS`` has."""


class _Name(NamedTuple):
    text: str
    symbol: str
    common: bool


def tickers(text: str) -> tuple[str, ...]:
    """Give the symbols of the companies that a text names, in the order in which they appear, each once.

    Cashtags ("$BRK.B") and what stands behind an exchange ("(NYSE: BRK.B)") count on the list or not, currencies and
    amounts do not; of names, the longest that fits.
    """
    flat = _flat(text)
    found = [*_written(flat), *((start, symbol) for start, _, symbol in _named(flat))]
    return tuple(dict.fromkeys(symbol for _, symbol in sorted(found)))


def with_symbols(text: str) -> str:
    """Write cashtags for the names of companies, so that "Google's" and "Alphabet's" are one word, "$GOOGL's"."""
    flat, parts, done = _flat(text), list[str](), 0
    for start, stop, symbol in _named(flat):
        parts += flat[done:start], "$", symbol
        done = stop
    return "".join([*parts, flat[done:]])


@cache
def companies() -> dict[str, str]:
    """Give the list: the symbol of every name that needs no context."""
    return {name.text: name.symbol for names in _index().values() for name in names if not name.common}


def _flat(text: str) -> str:
    """Write a text with plain signs and single blanks."""
    return " ".join(text.translate(_ALIKE).split())


def _written(flat: str) -> Iterator[tuple[int, str]]:
    """Find symbols that are written as such, and where."""
    if "$" in flat:
        for found in _CASHTAG.finditer(flat):
            if found[1] not in _NO_SYMBOLS:
                yield found.start(), found[1].replace("-", ".")
    if ":" in flat:
        for found in _EXCHANGE.finditer(flat):
            yield from ((found.start(), symbol.strip().replace("-", ".")) for symbol in found[1].split(","))


def _named(flat: str) -> Iterator[tuple[int, int, str]]:
    """Find names, and from where to where."""
    index, done = _index(), 0
    for word in _WORD.finditer(flat):
        names = index.get(word[0])
        if names is None or (start := word.start()) < done:
            continue
        for name in names:
            stop = start + len(name.text)
            if not flat.startswith(name.text, start) or _WORD.match(flat, stop):
                continue
            if name.common and not _is_company(flat, start, stop):
                continue
            done = stop
            if name.symbol != _NO_COMPANY:
                yield start, stop, name.symbol
            break


def _is_company(flat: str, start: int, stop: int) -> bool:
    """Say whether the words around a common word show that a company is meant: "Target's shares", no "price Target"."""
    if _LEGAL.match(flat, stop):
        return True
    led = _LED.search(flat, max(0, start - _LOOK_BACK), start)
    return _CONTEXT.match(flat, stop) is not None and (led is None or led[0].rstrip() in _LEADS)


@cache
def _index() -> dict[str, tuple[_Name, ...]]:
    """Give the names of the list by their first words, the longest first."""
    found: dict[str, set[_Name]] = {}
    for line in files("marketswarm.handlers").joinpath("companies.tsv").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        symbol, plain, common = (line.split("\t") + [""] * _COLUMNS)[:_COLUMNS]
        names = [_Name(form, symbol, common=False) for name in plain.split("|") for form in _forms(name)]
        for name in [*names, *(_Name(text, symbol, common=True) for text in common.split("|"))]:
            if first := _WORD.match(name.text):
                found.setdefault(first[0], set()).add(name)
    return {first: tuple(sorted(names, key=lambda name: (-len(name.text), name))) for first, names in found.items()}


def _forms(name: str) -> Iterator[str]:
    """Give the ways in which a name is written: "and" for "&", and in capitals, as headlines of press releases are."""
    for form in {name, name.replace(" & ", " and ")}:
        yield form
        yield form.upper()
