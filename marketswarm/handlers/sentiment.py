"""How good or bad the news of a text is for markets.

VADER (C. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text",
ICWSM 2014), with the words of markets added and those left out that mean something else there. VADER learned from
social media: "shares" are kind to it and "crude" is rude, and it does not know "surges" or "downgrade".
"""

import re
from itertools import product
from typing import Final

from vader import SentimentIntensityAnalyzer

from marketswarm.handlers.companies import companies

_DIGITS: Final = 3
_LONGEST: Final = 1000
"""Characters that are looked at: the sum over a longer text says 1 or -1 and nothing more."""
_MOVE: Final = re.compile(r"\b(up|down)(?= (?:by )?[$€£]?\d)", re.IGNORECASE)
_MOVES: Final = {"up": "rises", "down": "falls"}

_WORDS: Final = {
    3.0: "skyrocket skyrockets soar soared soaring soars",
    2.5: "beat beats boom booming bullish outperform outperforms rallied rallies rally surge surged surges surging"
    " upgrade upgraded upgrades",
    2.0: "beating blockbuster breakthrough exceed exceeded exceeds jump jumped jumping jumps outpace outpaces"
    " overweight rebound rebounded rebounds rockets topped topping tops upbeat windfall wins",
    1.5: "accelerate accelerates advance advanced advances approve buyback buybacks climb climbed climbing climbs"
    " dovish expands gain gained gains grew grow grows higher lifts milestone outgrows raise raised raises record"
    " recover recovered recovers recovery repurchase resilient rise rises rising rose tailwind tailwinds upside",
    1.0: "dividend expansion high highs launches partnership stabilise stabilises stabilize stabilizes steady",
    -1.0: "cautious concern concerns delays flat halt halted halts hawkish headwind headwinds low lower lows outage"
    " resigns restructuring shrink shrinks stagnant tariff tariffs uncertain volatile volatility",
    -1.5: "antitrust breach breached cut cuts cutting decline declined declines declining dip dipped dips downside"
    " drag drags drop dropped dropping drops fall fallen falling falls fell fined fines hack hacked lawsuit lawsuits"
    " lose loses loss losses lowered lowers oust ousted ousts probe probed probes recall recalled recalls retreat"
    " retreats sank shortfall sink sinking sinks slid slide slides sliding slip slipped slips slow slowdown slowing"
    " slows subpoena sue sued sues suspends underweight weigh weighs worsens",
    -2.0: "arrested bearish contraction delisted delisting downgrade downgraded downgrades downturn impairment"
    " indicted investigation investigations layoff layoffs liquidate liquidation misconduct miss missed misses"
    " outflows sanctions sell-off selloff shutdown slash slashed slashes slump slumped slumping slumps tank tanked"
    " tanks tumble tumbled tumbles tumbling underperform underperforms warn warned warning warns write-down"
    " writedown",
    -2.5: "collapse collapsed collapses crash crashed crashes default defaulted defaults insolvency insolvent"
    " meltdown plummet plummeted plummets plunge plunged plunges plunging rout",
    -3.0: "bankrupt bankruptcies bankruptcy fraud fraudulent ponzi",
}
"""Words of markets, by their strength on VADER's scale of -4 to 4."""

_NEUTRAL: Final = (
    "active admit alert asset assets award awarded block cancer care certain challenge challenges chance commit"
    " commitment committed credit crude debt defence defense demand energy engage engages entertainment fire free"
    " fresh grand greet gross growth hail hard help helps important inc interest justice legal liabilities liability"
    " like limited lowest matter matters natural novel number party pay play please popular pretty profit profits"
    " reach reaches ready save saved securities security sentence share shared shares special straight super top"
    " treasuries treasury true trust trusts united value valued values vision want well"
)
"""VADER's words that in the news of markets are names, goods, papers or figures, and neither good nor bad."""

_RISING: Final = "accelerates climbs heats hits jumped jumps rise rises rose soars spikes surges widened widens"
_FALLING: Final = "cooled cools declines dropped drops eased eases fall falls fell narrowed narrows shrinks slows"
_UNWANTED: Final = "claims deficit inflation loss losses unemployment"
_PLANS: Final = "dividend estimates forecast forecasts guidance outlook target"
_PAIRS: Final = (
    (_UNWANTED, _RISING, -2.5),
    (_UNWANTED, _FALLING, 1.5),
    ("boosts hikes lifts raised raises", _PLANS, 2.5),
    ("cut cuts lowers slashes suspends trims withdraws", _PLANS, -2.5),
    ("dividend guidance outlook", "boost hike raise raised", 2.5),
    ("dividend guidance outlook", "cut cuts", -2.5),
    ("interest-rate rate tax", "cut cuts", 1.5),
    ("interest-rate rate tax", "hike hikes", -1.5),
    ("cut cuts lowers reduces slashes", "costs debt rates risk risks taxes", 1.5),
    ("hikes lifts raise raises", "rates taxes", -1.5),
    ("narrower narrows smaller trims", "loss losses", 1.5),
    ("record wider widens", "deficit loss losses", -2.5),
    ("52-week all-time multi-year record", "high highs", 2.5),
    ("52-week all-time multi-year record", "low lows", -2.5),
    ("fall falls fell", "short", -2.5),
    ("earnings profit sales", "warning", -3.0),
    ("laid lay lays", "off", -2.0),
    ("raise raised raises", "concerns doubts fears questions", -1.5),
    ("to", "profit", 2.0),
    ("to", "loss", -2.0),
    ("short", "seller", -2.0),
)
"""Two words in a row, one of these and one of those, that say another thing than each of them: together so much.

Of two only: VADER looks for every length of phrase anew.
"""


def sentiment(text: str) -> float:
    """Say how good (up to 1) or bad (down to -1) the news of a text is, to three digits; 0 where it is neither."""
    moved = _MOVE.sub(lambda found: _MOVES[found[1].lower()], text[:_LONGEST])
    return round(_analyzer.polarity_scores(moved)["compound"], _DIGITS)


def _build() -> SentimentIntensityAnalyzer:
    """Make VADER's analyzer with the words of markets, without emoji and the idioms of talk."""
    valences = dict(SentimentIntensityAnalyzer().lexicon)
    valences |= {word: valence for valence, words in _WORDS.items() for word in words.split()}
    for word in _NEUTRAL.split():
        valences.pop(word, None)
    # "Best Buy" is no praise.
    named = [name.lower() for name in companies() if name.count(" ") == 1]
    phrases = {name: 0.0 for name in named if not valences.keys().isdisjoint(name.split())}
    for first, second, valence in _PAIRS:
        phrases |= {f"{one} {other}": valence for one, other in product(first.split(), second.split())}
    return SentimentIntensityAnalyzer(valences, multiword=phrases, special_cases={}, idioms={}, emoji={})


_analyzer: Final = _build()
