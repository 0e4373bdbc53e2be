"""Which tellings of one story share a mark, and which stories do not, however alike they sound."""

from datetime import UTC, datetime
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.feeds.item import Item
from marketswarm.handlers.stories import marks

FETCHED = datetime(2026, 5, 12, tzinfo=UTC)
ONE_STORY = """
Apple beats estimates as iPhone sales jump - Reuters
Apple beats estimates as iPhone sales jump | CNBC
UPDATE 1-Fed holds rates steady, signals cuts this year
Federal Reserve keeps rates unchanged, signals cuts this year
Bank of Canada holds rates steady and signals cuts this year
Bank of Canada keeps rates unchanged, signals cuts this year - WSJ
Google unveils Gemini AI model to rival OpenAI
Alphabet launches Gemini AI model to rival OpenAI
Boeing CEO Dave Calhoun to step down at end of year
Boeing chief executive Dave Calhoun to step down at the end of the year
Tesla recalls 2 million vehicles over Autopilot safety
Tesla to recall two million vehicles over Autopilot safety
China's exports fall for a third month as global demand weakens
China exports drop for third month as global demand weakens - Bloomberg
OPEC+ agrees to extend output cuts into next year
OPEC+ extends output cuts into next year, delegates say
US judge blocks JetBlue's takeover of Spirit Airlines
Judge blocks JetBlue takeover of Spirit Airlines
Silicon Valley Bank collapses in biggest failure since 2008
Silicon Valley Bank collapses, biggest bank failure since 2008
Intel to cut 15,000 jobs in turnaround effort
Intel to lay off 15,000 workers in turnaround effort
Gold hits record high as dollar weakens
Gold prices hit record high as the dollar weakens
Exclusive: Shein files confidentially for US IPO, sources say
Shein confidentially files for US IPO - sources
Amazon raises hourly pay for warehouse workers
Amazon raises hourly pay for its U.S. warehouse workers
Starbucks names Brian Niccol of Chipotle as new CEO
Starbucks taps Chipotle's Brian Niccol as CEO
Bitcoin ETF approved by SEC in landmark decision
SEC approves bitcoin ETF in landmark decision
Disney+ loses 4 million subscribers as price hikes bite
Disney+ loses 4M subscribers as price hikes bite
Euro zone inflation falls to 2.2% in August
Euro zone inflation drops to 2.2% in August (AP)
Trump Media shares plunge as lockup expires
Trump Media stock tumbles as lockup expires
Bayer loses Roundup verdict in Pennsylvania trial
Bayer loses Roundup trial verdict in Pennsylvania
Evergrande ordered to liquidate by Hong Kong court
Hong Kong court orders Evergrande to liquidate
Panama Canal to cut ship crossings because of drought
Panama Canal cuts ship crossings as drought persists
Ubisoft delays Assassin's Creed Shadows to February
Ubisoft delays Assassin\u2019s Creed Shadows until February
Oil tankers avoid Red Sea after Houthi attacks
Oil tankers avoid the Red Sea following Houthi attacks
BREAKING: CrowdStrike update causes global IT outage
CrowdStrike update causes global IT outage - BBC News
Argentina central bank slashes benchmark rate to 40%
Argentina's central bank cuts benchmark rate to 40%
Spotify to raise premium prices again in US
Spotify raises premium prices in the US again
UAW members ratify contract with Ford
UAW workers ratify Ford contract
Swiss regulators fine Credit Suisse over Archegos losses
Credit Suisse fined by Swiss regulators over Archegos losses
Norway wealth fund votes against Musk pay deal at Tesla
Norway's wealth fund to vote against Tesla CEO Musk's pay package
China launches anti-dumping probe into EU brandy
China opens anti-dumping investigation into EU brandy
Adidas raises 2024 guidance after strong first quarter
Adidas lifts 2024 guidance after strong first-quarter sales
TikTok sues US government over potential ban
TikTok sues U.S. over potential ban
Reddit shares soar 48% in market debut
Reddit shares surge 48% in stock market debut
Walmart to buy TV maker Vizio for $2.3 billion
Walmart agrees to buy TV maker Vizio for $2.3 bln
Macy's to close 150 stores as sales slip
Macy's to close 150 stores amid sales slump
UBS completes merger with Credit Suisse
UBS, Credit Suisse complete merger
Novo Nordisk market value tops Tesla
Novo Nordisk surpasses Tesla in market value
BlackRock to buy Global Infrastructure Partners for $12.5bn - FT
BlackRock buys Global Infrastructure Partners for $12.5 billion
Peloton CEO Barry McCarthy steps down, 15% of staff to be cut
Peloton to cut 15% of workforce as CEO Barry McCarthy steps down
Johnson & Johnson to pay $6.5 bln to settle talc lawsuits
J&J to pay $6.5 billion to settle talc lawsuits
"""
TOO_FREELY_TOLD = """
Microsoft to buy Activision for $69 billion
Microsoft to acquire Activision Blizzard in $69bn deal
Nvidia becomes world's most valuable company
Nvidia overtakes Apple... becomes the world's most valuable company
Hurricane Milton strengthens to Category 5 as Florida evacuates
Hurricane Milton strengthens into Category 5 storm as Florida evacuates
Japan's Nikkei closes above 40,000 for first time
Nikkei closes above 40,000 for the first time
Zyra Pharma wins FDA approval for asthma drug
FDA approves Zyra Pharma's asthma drug
Musk says X will move headquarters to Texas
Elon Musk says X to move headquarters to Texas
Lufthansa to take 41% stake in ITA Airways
Lufthansa to buy 41% stake in ITA Airways
Ryanair cuts traffic forecast due to Boeing delays
Ryanair lowers traffic forecast on Boeing delivery delays
Red Lobster files for bankruptcy
Red Lobster files for Chapter 11 bankruptcy protection
Bank of Japan ends negative interest rates
Bank of Japan ends era of negative interest rates
Turkey central bank raises rates to 50%
Turkish central bank hikes rates to 50%
Spain's Puig jumps in Barcelona debut
Puig shares rise in Barcelona market debut
Cocoa prices top $10,000 for first time
Cocoa tops $10,000 a ton for first time
Grayscale cuts fees on spot bitcoin fund
Grayscale to cut fees on its spot bitcoin ETF
US economy adds more jobs than expected
Hiring picks up in America
Elon Musk's pay package rejected by Delaware judge
Judge tosses Tesla chief's record compensation
Oil slides on demand worries
Crude prices drop as China data disappoints
"""
TWO_STORIES = """
Apple shares rise 3%
Tesla shares rise 3%
Fed press release 12 May
Fed press release 13 May
Zyra Corp to host conference call on third quarter results
Bexil Corp to host conference call on third quarter results
Zyra Corp to host conference call on third quarter results
Zyra Corp to host conference call on fourth quarter results
Zyra Corp declares quarterly dividend
Bexil Inc declares quarterly dividend
Zyra Corp declares quarterly dividend
Zyra Corp names new chief financial officer
Goldman Sachs raises Apple price target to $200
Goldman Sachs raises Tesla price target to $200
Goldman Sachs raises Apple price target to $200
Goldman Sachs raises Apple price target to $220
Euro zone inflation falls to 2.2% in August
Euro zone inflation falls to 2.1% in September
US inflation rises to 3.1% in June
UK inflation rises to 3.1% in June
Gold rises on weaker dollar
Silver rises on weaker dollar
Gold rises on weaker dollar
Gold falls on stronger dollar
Stocks close higher on Monday
Stocks close higher on Tuesday
Microsoft to buy Activision for $69 billion
Broadcom to buy VMware for $69 billion
Intel to cut 15,000 jobs in restructuring
Cisco to cut 15,000 jobs in restructuring
Japan central bank holds rates steady
Australia central bank holds rates steady
ECB holds rates steady as inflation cools
Fed holds rates steady as inflation cools
Morning briefing: what to know today
Evening briefing: what to know today
Nikkei closes above 40,000 for first time
Dow closes above 40,000 for first time
Ford recalls 100,000 vehicles over brake issue
Honda recalls 100,000 vehicles over brake issue
Ford recalls 100,000 vehicles over brake issue
Ford recalls 250,000 vehicles over airbag issue
FDA approves Zyra's asthma drug
FDA approves Bexil's diabetes drug
FDA approves Pfizer drug for breast cancer
FDA approves Pfizer drug for lung cancer
Zyra Corp Q3 profit beats estimates
Bexil Corp Q3 profit beats estimates
Acme Gold announces private placement of $5 million
Borealis Gold announces private placement of $5 million
Class action lawsuit filed against Zyra on behalf of investors
Class action lawsuit filed against Bexil on behalf of investors
Zyra to present at Jefferies healthcare conference
Bexil to present at Jefferies healthcare conference
Hurricane Milton nears Florida
Hurricane Helene nears Florida
Boeing wins order from Emirates
Boeing wins order from Ryanair
Amazon workers strike in Germany
Amazon workers strike in Spain
Why Nvidia stock is falling today
Why Tesla stock is falling today
3 dividend stocks to buy now
3 growth stocks to buy now
Oil rises as OPEC weighs output cut
Oil falls as OPEC weighs output increase
Netflix adds 5 million subscribers
Disney adds 5 million subscribers
Zyra appoints Jane Doe as chief executive
Bexil appoints John Roe as chief executive
SEC charges Florida man with fraud
SEC charges Texas man with fraud
Treasury yields rise after jobs data
Treasury yields rise after inflation data
Musk says X will move headquarters to Texas
Chevron will move headquarters to Texas
Lufthansa pilots to strike on Friday
Lufthansa cabin crew to strike on Friday
Ukraine says Russian drones hit Odesa overnight
Ukraine says Russian drones hit Kharkiv overnight
Brazil annual inflation slows to 3.9%
Mexico annual inflation slows to 3.9%
JPMorgan upgrades Snap to overweight
JPMorgan upgrades Pinterest to overweight
BP starts production at Azule field
Shell starts production at Azule field
Moody's cuts China outlook to negative
Fitch cuts China outlook to negative
Biden signs bill to fund government
Biden signs bill to aid Ukraine
Form 8.3 - Zyra plc
Form 8.3 - Bexil plc
Net Asset Value(s) of Zyra ETF
Net Asset Value(s) of Bexil ETF
Asian shares slip as China data disappoints
European shares slip as China data disappoints
Dollar steady ahead of US inflation report
Dollar steady ahead of US jobs report
Tesla opens factory in Berlin
Tesla opens factory in Austin
Natural gas futures fall on mild weather
Natural gas futures fall on storage build
Zyra Biotech to Present at the Jefferies Global Healthcare Conference
Bexil Biotech to Present at the Jefferies Global Healthcare Conference
ROSEN, LEADING INVESTOR COUNSEL, Encourages Zyra Inc. Investors to Secure Counsel Before Deadline
ROSEN, LEADING INVESTOR COUNSEL, Encourages Bexil Inc. Investors to Secure Counsel Before Deadline
Toyota to invest $1.3 billion in Kentucky plant
Toyota to invest $1.4 billion in Indiana plant
Uber expands in Japan with taxi partner
Uber expands in Korea with taxi partner
Fed's Powell says no rush to cut rates
Fed's Waller says no rush to cut rates
French retail sales rise in May
German retail sales rise in May
"""
TOO_ALIKE = """
Australia's ASX 200 closes lower on mining stocks
Australia's ASX 200 closes lower on bank stocks
"""


def pairs(table: str) -> list[tuple[str, str]]:
    """Read a table: two lines are a pair."""
    lines = table.strip().splitlines()
    return list(zip(lines[::2], lines[1::2], strict=True))


def item(title: str, summary: str = "") -> Item:
    """Make an item."""
    return Item(id="x", feed="f", title=title, summary=summary, fetched=FETCHED)


def shared(first: str, second: str) -> set[str]:
    """Give the marks that two titles share."""
    return set(marks(item(first))) & set(marks(item(second)))


@pytest.mark.parametrize(("first", "second"), pairs(ONE_STORY))
def test_one_story_told_twice_shares_a_mark(first: str, second: str) -> None:
    """In other words, other spellings, with the name of a paper, or of another company's brand."""
    assert shared(first, second)


@pytest.mark.parametrize(("first", "second"), pairs(TWO_STORIES))
def test_two_stories_share_none_however_alike_they_sound(first: str, second: str) -> None:
    """Another company, figure, day, direction, place or thing makes another story."""
    assert not shared(first, second)


def test_most_of_what_is_told_twice_is_found_and_hardly_anything_else() -> None:
    """Recall and precision over all the tables, those included that have what cannot be told."""
    found = [bool(shared(*pair)) for pair in pairs(ONE_STORY) + pairs(TOO_FREELY_TOLD)]
    false = [bool(shared(*pair)) for pair in pairs(TWO_STORIES) + pairs(TOO_ALIKE)]
    assert sum(found) / len(found) >= 0.65
    assert sum(false) <= 1


def test_of_all_titles_none_shares_a_mark_with_one_of_another_pair() -> None:
    """Thousands of pairs, none of which is one story."""
    lines = [set(marks(item(a))) | set(marks(item(b))) for a, b in pairs(ONE_STORY) + pairs(TOO_FREELY_TOLD)]
    assert not [pair for pair in combinations(range(len(lines)), 2) if lines[pair[0]] & lines[pair[1]]]


@pytest.mark.parametrize("title", ["", "Fed", "Market wrap", "- Reuters", "The of and", "BREAKING:", "\ud83d\ude80"])
def test_a_title_that_tells_nothing_makes_no_marks(title: str) -> None:
    """Nor does one that is mostly a label."""
    assert marks(item(title)) == ()


def test_a_short_title_is_read_together_with_its_summary() -> None:
    """A column that has the same title each day tells other stories."""
    monday = item("Market wrap", "Stocks fall as oil spikes after strikes on refineries in the Gulf.")
    tuesday = item("Market wrap", "Bonds rally as the jobless rate climbs to a two-year high in Canada.")
    assert marks(monday)
    assert not set(marks(monday)) & set(marks(tuesday))
    assert marks(monday) == marks(item("Market wrap - Reuters", monday.summary))


def test_a_title_that_says_enough_does_without_its_summary() -> None:
    """Feeds cut it elsewhere."""
    title = "Lufthansa pilots vote for strike over pensions"
    assert marks(item(title, "One summary of it.")) == marks(item(title, "Quite another text."))


def test_marks_are_the_same_in_every_process_and_version() -> None:
    """Workers of two versions remember together: whoever changes these makes them forget for three days."""
    assert marks(item("Intel to cut 15,000 jobs in turnaround effort, sources say")) == ("e860fe5067d6c50b",)


def test_there_are_few_of_them() -> None:
    """Each is a key on the bus for three days."""
    assert max(len(marks(item(title))) for pair in pairs(ONE_STORY) for title in pair) == 5


CRUMBS = st.lists(
    st.sampled_from(["$", "5", "bn", "Q1", "first quarter", "May", "'s", " - Reuters", "Up", "X", "\ud800"])
)


@given(st.text() | CRUMBS.map(" ".join), st.text())
def test_no_text_is_too_strange(title: str, summary: str) -> None:
    """The same marks come each time."""
    assert marks(item(title, summary)) == marks(item(title, summary))
