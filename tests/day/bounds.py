"""What a bot keeps up to a number of its own: it may grow all day where the market is small, and never beyond that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from actors.desk import EXECUTORS_KEPT
from bot.analysis.bags import GROWTH_KEPT
from bot.analysis.bags import TRADERS_MAX as BAGS_MAX
from bot.analysis.candles import KEPT as CANDLES_KEPT
from bot.analysis.features import RECENT_TRADES_MAX, SEEN_TRADES_MAX, TRADERS_MAX
from bot.chain.evidence import SAID_KEPT
from bot.chain.holdings import REMEMBERED_LANDINGS
from bot.chain.told import REMEMBERED
from bot.execution.analysis_book import TOKENS_MAX as ANALYSED_MAX
from bot.execution.chat_intake import REMEMBERED as UPDATES_KEPT
from bot.execution.early_buyers import BUYERS_MAX, TOKENS_MAX, WALLETS_MAX
from bot.execution.in_flight import ENDED_KEPT
from bot.execution.ledger_audit import MAX_PAGES, PAGE
from bot.execution.opinion_book import TOKENS_MAX as JUDGED_MAX
from bot.storage.stand_in import ENDED_KEPT as REMEMBERED_INTENTS
from bot.vault.guard import INTENTS_KEPT

PARTS = 40  # of an opinion, its reasons or components
PERIODS = 3  # of candles
WALLETS = 500  # of all people of a day
LIVING = 5_000  # actors that have something to do

BOUNDS: Mapping[str, int] = {
    "AnalysisBook._tokens": ANALYSED_MAX,
    "Bags._counts": ANALYSED_MAX * GROWTH_KEPT,
    "Bags._bags": ANALYSED_MAX * BAGS_MAX,
    "CandleRing._candles": ANALYSED_MAX * PERIODS * CANDLES_KEPT,
    "Engine.children": EXECUTORS_KEPT + LIVING,
    "EarlyBuyers._early": WALLETS_MAX,
    "EarlyBuyers._tokens": TOKENS_MAX,
    "InFlight._ended": ENDED_KEPT,
    "Opinion.components": JUDGED_MAX * PARTS,
    "Opinion.reasons": JUDGED_MAX * PARTS,
    "OpinionBook._judged": JUDGED_MAX,
    "Recent._keys": 3 * UPDATES_KEPT,
    "SaidStatuses._said": SAID_KEPT,
    "SigningGuard._intents": INTENTS_KEPT,
    "StandIn._intent_of_key": 2 * REMEMBERED_INTENTS,
    "StandIn._intents": 2 * REMEMBERED_INTENTS,
    "TokenWindow._paid_lamports": ANALYSED_MAX * TRADERS_MAX,
    "TokenWindow._recent": ANALYSED_MAX * RECENT_TRADES_MAX,
    "TokenWindow._seen": ANALYSED_MAX * SEEN_TRADES_MAX,
    "TokenWindow._seen_keys": ANALYSED_MAX * SEEN_TRADES_MAX,
    "ToldByAnyone._by_signature": REMEMBERED,
    "ToldEvents._by_signature": REMEMBERED,
    "_Known.landed": WALLETS * REMEMBERED_LANDINGS,
    "_Seen.done": WALLETS * MAX_PAGES * PAGE,
    "_Intent.messages": 8 * INTENTS_KEPT,
    "_Token.buyers": TOKENS_MAX * BUYERS_MAX,
}


def over(held: Counter[str]) -> list[str]:
    """What has more than it may have, in words."""
    return [f"{name}: {held[name]:,}, and its bound is {most:,}" for name, most in BOUNDS.items() if held[name] > most]
