"""Which companies a text names: cashtags, exchanges, names, and what only looks like one of them."""

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.handlers.companies import companies, tickers, with_symbols


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("$AAPL and $TSLA's rally", "AAPL TSLA"),
        ("Long $BRK.B, $BF-B. Short ($GME)", "BRK.B BF.B GME"),
        ("$NVDA: why it fell", "NVDA"),
        ("$SPY is on no list of ours", "SPY"),
        ("It cost $100, $USD, US$5, $5B, $AAPL5, A$AAPL and $aapl", ""),
        ("Sales (in $M) and debt (in $B), paid in $CAD", ""),
        ("$TOOLONG and $Apple", "AAPL"),
    ],
)
def test_cashtags_count_and_amounts_do_not(text: str, symbols: str) -> None:
    """Capital letters behind a dollar sign, with a class of shares; no currency, no unit, no number."""
    assert tickers(text) == tuple(symbols.split())


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Zyra Corp (NASDAQ: ZYRA) reports", "ZYRA"),
        ("Zyra Corp (Nasdaq:ZYRA) reports", "ZYRA"),
        ("Zyra Corp (NYSE:BRK.B) reports", "BRK.B"),
        ("Zyra Corp (NYSE American: ZYR; OTCQB: ZZYRF)", "ZYR ZZYRF"),
        ("Zyra Corp (NASDAQ: ZYRA, ZYRAW)", "ZYRA ZYRAW"),
        ("Zyra Corp [NYSE: ZYR, NYSE: ZYS]", "ZYR ZYS"),
        ("Royal Gold (NYSE and TSX: RGX)", "RGX"),
        ("Target Hospitality Corp. (NASDAQ: TH)", "TH"),
        ("Nasdaq: US stocks fall", ""),
        ("Zyra (LSE: ZYR)", ""),
    ],
)
def test_an_exchange_gives_a_symbol_on_the_list_or_not(text: str, symbols: str) -> None:
    """In brackets, as press releases do; of exchanges of the United States."""
    assert tickers(text) == tuple(symbols.split())


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Apple sues Google", "AAPL GOOGL"),
        ("Google sues Apple; Apple's answer", "GOOGL AAPL"),
        ("APPLE SUES GOOGLE OVER SEARCH", "AAPL GOOGL"),
        ("an apple a day", ""),
        ("Bank of America raises America's outlook", "BAC"),
        ("General Motors and General Electric's generals", "GM GE"),
        ("Facebook and Instagram go down", "META"),
        ("J.P. Morgan, JP Morgan and JPMorgan Chase", "JPM"),
        ("J&J, Johnson & Johnson, Johnson and Johnson", "JNJ"),
        ("Lowe\u2019s beats, McDonald's misses", "LOW MCD"),
        ("Coca\u2011Cola and Brown\u2013Forman", "KO BF.B"),
        ("eBay buys, AT&T sells, 3M waits", "EBAY T MMM"),
        ("Berkshire Hathaway adds to Exxon", "BRK.B XOM"),
        ("Toyota, Alibaba, TSMC, ASML and Novo Nordisk", "TM BABA TSM ASML NVO"),
        ("Applebee's, Fordham, Metallica and Intelsat", ""),
        ("Nasdaq falls, Dow slips, MSCI index flat", ""),
        ("Dow Inc. and Nasdaq, Inc. report", "DOW NDAQ"),
        ("Harrison Ford in the Big Apple on Fox News", ""),
        ("Apple Hospitality REIT pays", "APLE"),
        ("Apple-backed and non-Apple", "AAPL"),
        ("Goldman Sachs\n upgrades  Goldman", "GS"),
        ("", ""),
    ],
)
def test_names_count_at_the_bounds_of_words_the_longest_first(text: str, symbols: str) -> None:
    """With capitals, in the order in which they appear, each company once."""
    assert tickers(text) == tuple(symbols.split())


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Target Corp opens stores", "TGT"),
        ("Target's shares fall", "TGT"),
        ("Target shares fall", "TGT"),
        ("Target cuts prices", "TGT"),
        ("Visa beats estimates", "V"),
        ("Why Visa Stock Is Down", "V"),
        ("Stocks to watch: Gap, Inc. and Snap Inc", "GAP SNAP"),
        ("Analysts say Block plans layoffs", "XYZ"),
        ("Delta to buy jets", "DAL"),
        ("TARGET CORP REPORTS", "TGT"),
        ("Target date funds", ""),
        ("Inflation Target in Doubt", ""),
        ("Price Target Raised at Bank", ""),
        ("Price Target Cuts Ahead", ""),
        ("TARGET SHARES FALL", ""),
        ("Mind the Gap", ""),
        ("Visa Rules Tighten for Students", ""),
        ("Gender Gap's Cost", ""),
        ("U.S. Moves to Block Sales of Chips", ""),
        ("Shell Company Merger", ""),
    ],
)
def test_a_common_word_counts_only_where_a_company_is_meant(text: str, symbols: str) -> None:
    """Before a legal suffix; as an owner or an actor, unless another capital word leads it; never all in capitals."""
    assert tickers(text) == tuple(symbols.split())


def test_names_can_be_written_as_symbols() -> None:
    """So that two names of a company are one word."""
    assert with_symbols("Google's  and Alphabet's Fox News") == "$GOOGL's and $GOOGL's Fox News"


def test_the_list_is_well_formed() -> None:
    """Each name has one symbol; there are the index, companies outside it, and aliases; the source is said."""
    lines = files("marketswarm.handlers").joinpath("companies.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    names = [name for row in rows for column in row[1:] for name in column.split("|") if name]
    assert all(2 <= len(row) <= 3 or len(row) == 1 for row in rows)
    assert all(re.fullmatch(r"[A-Z]{1,5}(?:\.[A-Z])?|-", row[0]) for row in rows)
    assert len(names) == len(set(names)), "a name with two symbols"
    assert all(name == " ".join(name.split()) for name in names)
    assert len({row[0] for row in rows}) > 600
    assert any("PDDL" in line for line in lines)
    assert len(companies()) > len(names)


def test_every_name_of_the_list_is_found() -> None:
    """Alone, and as an owner; also in capitals."""
    for name, symbol in companies().items():
        expected = () if symbol == "-" else (symbol,)
        assert tickers(name) == tickers(f"so {name}'s plan") == expected, name


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    """Whatever is found is a symbol."""
    assert all(re.fullmatch(r"[A-Z]{1,5}(?:\.[A-Z])?", symbol) for symbol in tickers(text))
    with_symbols(text)


@given(
    st.lists(st.sampled_from(["$", "(NYSE:", "AAPL", ".", "-", "B", ")", ",", " ", "Target", "'s", "Apple", "\ud800"]))
)
def test_no_crumbs_of_symbols_are_too_strange(crumbs: list[str]) -> None:
    """In any order."""
    assert all(re.fullmatch(r"[A-Z]{1,5}(?:\.[A-Z])?", symbol) for symbol in tickers("".join(crumbs)))
