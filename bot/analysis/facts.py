"""What is learnt of a token beside its trades, slowly and from elsewhere; each part is missing until somebody tells it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bot.analysis.regime import UNKNOWN_REGIME, Regime
from bot.analysis.sentiment import Sentiment
from bot.trading.community import Crowd
from bot.trading.holders import Holders
from bot.trading.metadata import TokenMetadata
from bot.trading.token_check import MintFacts, cautions, hazards
from bot.trading.units import BPS


@dataclass(frozen=True, slots=True)
class CreatorPast:
    """The tokens that the same creator launched before this one, as far as this bot saw them.

    `launches` is how many; of them `quick_exits` saw him sell at least four fifths of his bag within ten minutes,
    `graduated` completed their curves. `best_peak` is the highest price that any reached against its launch, as a
    fraction.
    """

    launches: int
    quick_exits: int
    graduated: int
    best_peak: float


@dataclass(frozen=True, slots=True)
class Safety:
    """What the mint lets somebody do to holders: reasons against a buy, and warnings. Not `known` before it was read."""

    known: bool
    hazards: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Parts that are None are not told by this; what was learnt before stays."""

    mint: MintFacts | None = None
    holders: Holders | None = None
    funders: Mapping[str, str] | None = None
    creator: CreatorPast | None = None
    metadata: TokenMetadata | None = None
    regime: Regime | None = None
    sentiment: Sentiment | None = None
    crowd: Crowd | None = None


class Learnt:
    """The newest of each part."""

    def __init__(self) -> None:
        self.safety = Safety(known=False)
        self.chain_top10_share = math.nan
        self.creator: CreatorPast | None = None
        self.metadata: TokenMetadata | None = None
        self.regime = UNKNOWN_REGIME
        self.sentiment = Sentiment(0)
        self.crowd = Crowd()

    def learn(self, facts: Facts) -> None:
        """Take what is told; the rest stays."""
        if facts.mint is not None:
            self.safety = Safety(known=True, hazards=hazards(facts.mint), cautions=cautions(facts.mint))
        if facts.holders is not None:
            self.chain_top10_share = min(max(facts.holders.top_bps, 0), BPS) / BPS
        self.creator = facts.creator or self.creator
        self.metadata = facts.metadata or self.metadata
        self.regime = facts.regime or self.regime
        self.sentiment = facts.sentiment or self.sentiment
        self.crowd = facts.crowd or self.crowd
