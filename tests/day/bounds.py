"""What a bot keeps up to a number of its own: it may grow all day where the market is small, and never beyond that.

A day of this market does not fill what is made for a busy one. With all of these numbers small it does within some hours; what
grows after that has no bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import ModuleType

import pytest

from actors import desk, launch_watcher
from actors.hour_watch import COMPARED_MS
from bot import hunt
from bot.analysis import creators
from bot.analysis.bags import GROWTH_KEPT
from bot.analysis.bags import TRADERS_MAX as BAGS_MAX
from bot.analysis.candles import KEPT as CANDLES_KEPT
from bot.analysis.features import RECENT_TRADES_MAX, SEEN_TRADES_MAX, TRADERS_MAX
from bot.chain import evidence, holdings, jupiter, paper, pump_chain, told, unit_prices
from bot.execution import (
    analysis_book,
    chat_intake,
    early_buyers,
    in_flight,
    ledger_audit,
    message_book,
    opinion_book,
    program_errors,
    rehearsals,
    sale_trials,
)
from bot.execution.chat_intake import Recent
from bot.execution.hours import HOUR_MS, WATCHED
from bot.storage import stand_in
from bot.vault import guard

PARTS = 40  # of an opinion, its reasons or components
PERIODS = 3  # of candles
WALLETS = 500  # of all people of a day
LIVING = 5_000  # actors that have something to do

# What is remembered so many entries long.
REMEMBERED: tuple[tuple[ModuleType, str], ...] = (
    (analysis_book, "TOKENS_MAX"),
    (chat_intake, "REMEMBERED"),
    (creators, "CREATORS_MAX"),
    (desk, "EXECUTORS_KEPT"),
    (early_buyers, "TOKENS_MAX"),
    (early_buyers, "WALLETS_MAX"),
    (evidence, "SAID_KEPT"),
    (guard, "INTENTS_KEPT"),
    (holdings, "REMEMBERED_LANDINGS"),
    (hunt, "YOUNG_MAX"),
    (in_flight, "ENDED_KEPT"),
    (jupiter, "MAX_KEPT"),
    (launch_watcher, "REMEMBERED"),
    (message_book, "REMEMBERED"),
    (opinion_book, "TOKENS_MAX"),
    (paper, "MAX_LANDINGS"),
    (program_errors, "MINTS_MAX"),
    (pump_chain, "MAX_COINS"),
    (rehearsals, "TOKENS_MAX"),
    (sale_trials, "TOKENS_MAX"),
    (stand_in, "ENDED_KEPT"),
    (told, "REMEMBERED"),
    (unit_prices, "MAX_KEPT"),
)


def shorten(patch: pytest.MonkeyPatch, most: int) -> None:
    """Have a bot that is made from now on remember `most` of everything at most."""
    for module, name in REMEMBERED:
        patch.setattr(module, name, min(getattr(module, name), most))
    patch.setattr(ledger_audit, "MAX_PAGES", max(min(ledger_audit.MAX_PAGES, most // ledger_audit.PAGE), 1))


def bounds() -> Mapping[str, int]:
    """By owner and name how much a container may hold, as the numbers are now."""
    analysed, judged = analysis_book.TOKENS_MAX, opinion_book.TOKENS_MAX
    return {
        "AnalysisBook._tokens": analysed,
        "Bags._counts": analysed * GROWTH_KEPT,
        "Bags._bags": analysed * BAGS_MAX,
        "CandleRing._candles": analysed * PERIODS * CANDLES_KEPT,
        "CreatorBook._records": creators.CREATORS_MAX,
        "Engine.children": desk.EXECUTORS_KEPT + LIVING,
        "EarlyBuyers._early": early_buyers.WALLETS_MAX,
        "EarlyBuyers._tokens": early_buyers.TOKENS_MAX,
        "Hunt._young": hunt.YOUNG_MAX,
        "Hunted.symbols": launch_watcher.REMEMBERED,
        "HourWatch._hours": len(WATCHED) * (COMPARED_MS // HOUR_MS + 1),
        "InFlight._ended": in_flight.ENDED_KEPT,
        "Jupiter._no_way": jupiter.MAX_KEPT,
        "MessageBook._known": message_book.REMEMBERED,
        "Opinion.components": judged * PARTS,
        "Opinion.reasons": judged * PARTS,
        "OpinionBook._judged": judged,
        "PaperChain._landings": paper.MAX_LANDINGS,
        "ProgramErrors._programs": program_errors.MINTS_MAX,
        "Recent._keys": 3 * Recent().limit,
        "RoutedChain._coins": pump_chain.MAX_COINS,
        "RoutedChain._plain_mints": pump_chain.MAX_COINS,
        "SaidStatuses._said": evidence.SAID_KEPT,
        "SaleTrials._trials": sale_trials.TOKENS_MAX,
        "SigningGuard._intents": guard.INTENTS_KEPT,
        "StandIn._intent_of_key": 2 * stand_in.ENDED_KEPT,
        "StandIn._intents": 2 * stand_in.ENDED_KEPT,
        "TokenWindow._paid_lamports": analysed * TRADERS_MAX,
        "TokenWindow._recent": analysed * RECENT_TRADES_MAX,
        "TokenWindow._seen": analysed * SEEN_TRADES_MAX,
        "TokenWindow._seen_keys": analysed * SEEN_TRADES_MAX,
        "ToldByAnyone._by_signature": told.REMEMBERED,
        "ToldEvents._by_signature": told.REMEMBERED,
        "UnitPrices._prices": unit_prices.MAX_KEPT,
        "_Known.landed": WALLETS * holdings.REMEMBERED_LANDINGS,
        "_Seen.done": WALLETS * ledger_audit.MAX_PAGES * ledger_audit.PAGE,
        "_Intent.messages": 8 * guard.INTENTS_KEPT,
        "_Token.buyers": early_buyers.TOKENS_MAX * early_buyers.BUYERS_MAX,
    }


def over(held: Counter[str], most: Mapping[str, int]) -> list[str]:
    """What has more than it may have, in words."""
    return [f"{name}: {held[name]:,}, and its bound is {count:,}" for name, count in most.items() if held[name] > count]
