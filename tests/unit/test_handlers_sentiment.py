"""How good or bad a headline is for markets: the sign that a reader of market news would give it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.handlers.sentiment import sentiment

GOOD = """
Nvidia shares surge as AI demand lifts sales
Apple beats estimates, raises guidance
Tesla tops estimates on record deliveries
Fed signals rate cut in September
Microsoft upgraded to buy at Goldman Sachs
Ford announces $2 billion buyback and lifts dividend
Stocks rally as inflation cools
Bitcoin soars past $100,000 to record high
US jobless claims fall to lowest in a year
Boeing loss narrows as deliveries recover
FDA approves Pfizer's cancer drug
Eli Lilly wins approval for weight-loss pill
Airline swings to profit as travel rebounds
Oil up 3% after OPEC meeting
Shares of Walmart climb after strong quarter
S&P 500 closes at all-time high
Bank profits jump on higher interest income
Gold rises for a third day
ECB cuts rates by 25 basis points
Wells Fargo raises its dividend
Costco sales growth accelerates
Chipmaker sees upside from data centers
Analysts bullish on United Airlines
Merck drug cuts risk in trial
"""
BAD = """
Target misses estimates and cuts outlook
Stocks plunge as tariffs stoke recession fears
Intel to cut 15,000 jobs in restructuring
Boeing shares tumble after new 737 probe
Nike issues profit warning
SEC charges executive with fraud
Retailer files for bankruptcy protection
Toyota recalls 1 million cars
Goldman downgrades Disney to sell
Inflation jumps more than forecast
Fed raises rates by half a point
Profit falls 20% at Starbucks
Meta fined $1.3 billion over data privacy
Crude oil slumps on weak demand
Dow down 800 points in broad selloff
Shares hit record low
Best Buy sales drop
Startup's loss widens
Moody's cuts US credit rating
Antitrust lawsuit against Google widens
Bank collapses after run on deposits
Layoffs hit Amazon's cloud unit
Revenue fell short of expectations
Company suspends dividend
Short seller accuses company of misconduct
Growth slows at Netflix
Unemployment rises to 4.5%
Yen sinks to a 38-year low
Earnings were not good, and shares slid
Trade deficit widens
Disney to lay off 7,000 workers
Deal raises concerns
"""
NEITHER = """
Apple to hold shareholder meeting on May 12
Gross margin stood at 45% of sales
Company issues 10 million shares
Treasury to sell 10-year notes
Best Buy names new finance chief
Crude oil inventories report due Wednesday
Trust Company of the West files Form 13F
United Airlines to report third-quarter results
Interest income and liabilities by segment
Fed to publish minutes
Chevron appoints board member
Natural gas storage report
Chapter 5 sets up a new team
"""
CLEAR = 0.1


@pytest.mark.parametrize("headline", GOOD.strip().splitlines())
def test_good_news_is_good(headline: str) -> None:
    """Clearly so."""
    assert sentiment(headline) >= CLEAR


@pytest.mark.parametrize("headline", BAD.strip().splitlines())
def test_bad_news_is_bad(headline: str) -> None:
    """Clearly so."""
    assert sentiment(headline) <= -CLEAR


@pytest.mark.parametrize("headline", NEITHER.strip().splitlines())
def test_words_that_mislead_elsewhere_say_nothing_here(headline: str) -> None:
    """Shares, gross, interest, crude, names of companies."""
    assert abs(sentiment(headline)) < CLEAR


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("Shares soar", "Shares rise"),
        ("Shares slip", "Shares plunge"),
        ("Loss narrows", "Loss widens"),
        ("Oil up $2", "Oil down $2"),
        ("Fed cuts rates", "Fed raises rates"),
        ("Not a fraud", "A fraud"),
        ("Shares RISE today", "Shares rise today"),
    ],
)
def test_of_two_one_is_better(better: str, worse: str) -> None:
    """By strength, by direction, by what a phrase means, by negation, by capitals."""
    assert sentiment(better) > sentiment(worse)


def test_a_figure_has_three_digits() -> None:
    """Within its bounds."""
    found = sentiment("Stocks soar")
    assert found == round(found, 3)
    assert sentiment("") == 0.0


CRUMBS = st.lists(st.sampled_from(["soar", "fraud", "not", "no", "but", "up 3%", "!", ":)", "\ud800"])).map(" ".join)


@given(st.text() | CRUMBS)
def test_no_text_is_too_strange(text: str) -> None:
    """Nor too long."""
    assert -1 <= sentiment(text) <= 1
    assert -1 <= sentiment(text * 1000) <= 1
