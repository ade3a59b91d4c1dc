"""How much speaks for a scam, 0 to 100, with the reasons: what its makers did, what they could do, and how it is traded.

Only what is known counts: a token of which nothing was read has a low score, and that says nothing for it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.analysis.bags import CreatorBag, Holding
from bot.analysis.curve_signs import CurveSigns
from bot.analysis.facts import CreatorPast, Safety
from bot.analysis.patterns import Patterns
from bot.trading.metadata import TokenMetadata

# Characters that show nothing or turn the text round; no honest name needs them. Joiners make emoji of several.
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200d\ufe0f")
NAME_LONGEST = 64
HAZARD = 0.95  # how likely a scam is where the mint lets somebody take, freeze or tax
PAST_LEAST = 5  # launches of a creator, from which on how they ended says something
USUAL_EXITS = (
    0.73  # of the launches of the recorded market whose creator sold most of his bag, half of them within 21 s
)


@dataclass(frozen=True, slots=True)
class Scam:
    """What speaks for a scam.

    `score` is 0 to 100. `behaviour` is the score of what is done with this token alone, without what its mint allows, which
    is a fact by itself that every user may judge as he likes, and without what its creator's earlier tokens became.
    `reasons` are short sentences with their numbers, the heaviest first, those that are no behaviour last.
    """

    score: float
    behaviour: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One thing that speaks for a scam: how likely it makes one by itself, 0 to 1, and why."""

    weight: float
    reason: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """What is looked at."""

    curve: CurveSigns
    holding: Holding
    creator: CreatorBag
    past: CreatorPast | None
    safety: Safety
    patterns: Patterns
    metadata: TokenMetadata


def scam_of(suspect: Suspect) -> Scam:
    """Suspicions that do not know of each other: two of a half make three quarters."""
    deeds = sorted(_suspicions(suspect), key=lambda one: -one.weight)
    beside = [*_of_past(suspect.past), *_of_mint(suspect.safety)]
    reasons = tuple(one.reason for one in (*deeds, *beside))
    return Scam(_together([*deeds, *beside]), _together(deeds), reasons)


def _together(suspicions: Sequence[Suspicion]) -> float:
    innocent = 1.0
    for one in suspicions:
        innocent *= 1 - one.weight
    return 100 * (1 - innocent)


def _suspicions(suspect: Suspect) -> Iterator[Suspicion]:
    yield from _of_creator(suspect.creator)
    yield from _of_holders(suspect.holding)
    for name, most in (("bundled_launch", 0.6), ("wash_trading", 0.5), ("slow_rug", 0.7)):
        sign = getattr(suspect.patterns, name)
        if sign.strength > 0:
            yield Suspicion(most * sign.strength, sign.evidence)
    curve = suspect.curve
    if curve.drained >= 0.5 and curve.below_peak >= 0.2:
        yield Suspicion(0.4 * curve.drained, f"{curve.drained:.0%} of the most SOL that was in its curve has left")
    if told := _odd_text(suspect.metadata):
        yield Suspicion(0.2, told)


def _of_creator(bag: CreatorBag) -> Iterator[Suspicion]:
    if bag.sold > 0:
        yield Suspicion(0.3 + 0.5 * bag.sold, f"its creator has sold {bag.sold:.0%} of what he bought")
    if bag.held_share > 0.10:
        yield Suspicion(min(bag.held_share, 0.5), f"its creator holds {bag.held_share:.1%} of the supply")


def _of_past(past: CreatorPast | None) -> Iterator[Suspicion]:
    """Only who leaves his tokens at once more often than creators do anyway is suspicious for it."""
    if past is None or past.launches < PAST_LEAST:
        return
    bad = min(max(past.quick_exits, 0), past.launches)
    beyond = (bad / past.launches - USUAL_EXITS) / (1 - USUAL_EXITS)
    if beyond > 0:
        yield Suspicion(0.4 * beyond, f"its creator left {bad} of {past.launches} earlier tokens at once")


def _of_mint(safety: Safety) -> Iterator[Suspicion]:
    if safety.hazards:
        yield Suspicion(HAZARD, safety.hazards[0])


def _of_holders(holding: Holding) -> Iterator[Suspicion]:
    if holding.whale_share > 0.15:
        yield Suspicion(min(holding.whale_share, 0.5), f"one buyer holds {holding.whale_share:.1%} of the supply")
    if holding.chain_top10_share > 0.50:
        yield Suspicion(
            0.5 * holding.chain_top10_share,
            f"the chain shows {holding.chain_top10_share:.0%} with its ten largest holders",
        )


def _odd_text(metadata: TokenMetadata) -> str:
    """What is wrong with what its maker wrote; empty for nothing."""
    name = metadata.name + metadata.symbol
    if not name.strip():
        return "it has no name"
    if any(character not in _JOINERS and unicodedata.category(character) in _INVISIBLE for character in name):
        return "its name has characters that cannot be seen"
    if len(metadata.name) > NAME_LONGEST:
        return f"its name is {len(metadata.name)} characters long"
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in name if letter.isalpha()}
    if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK"}:
        return "its name mixes letters that look alike"
    return ""
