"""The one gate before every trade: a request and the facts of this moment in, admission or a refusal out.

It runs inside the wallet's turn and inside the transaction that writes the intent, so that nothing changes between
the check and the act.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.trading import trading_state
from bot.trading.intent import Context, Side, TradeRequest
from bot.trading.landing import fee_bounds, tip_lamports
from bot.trading.limits import (
    BY_STRATEGY,
    Ceilings,
    UserSettings,
    day_loss_limit,
    exposure_limit,
    position_limit,
    positions_limit,
    strategy_positions_limit,
    strategy_spend_limit,
    trade_limit,
)
from bot.trading.strategy import strategy_of
from bot.trading.trading_state import OUTFLOW, in_words
from bot.trading.units import counted, format_sol

# What a first buy of a mint locks in the wallet's own token account; the sale that closes it gives it back.
TOKEN_ACCOUNT_RENT_LAMPORTS = 2_074_080
# What the launchpad keeps for good, where the accounts are not there yet: the wallet's volume account (1,844,400, once in
# a wallet's life) and a creator's vault (890,880).
PROGRAM_RENT_MAX_LAMPORTS = 1_844_400 + 890_880
# Both of these and the network's fees; a later sale pays the network again. Who pays more for landing has more kept.
ENTRY_OVERHEAD_LAMPORTS = 6_000_000
ENTRY_SIGNATURE_LAMPORTS = 5_000
EXIT_RESERVE_LAMPORTS = 1_000_000
# A payer must keep this much or nothing: the least balance of an account that pays no rent.
LEAST_BALANCE_LAMPORTS = 890_880
# What a trade in a pool locks in the wallet's account of wrapped SOL from its first instruction to its last. A coin may
# have moved to its pool when it is sold, so every wallet keeps it, once: transactions of one wallet land one by one.
WRAPPED_SOL_RENT_LAMPORTS = 2_039_280
FROZEN = "frozen"  # the code of what a freeze of the wallet refuses
FROZEN_WHY = (
    "the wallet is frozen: SOL left it by a transaction that was not signed here (outflow), so nothing is bought or sold"
    " until its owner gives /ack_outflow"
)
FROZEN_BY_OWNER = (
    "the wallet is frozen (frozen): nothing is bought, sold or sent from it until its owner gives /unfreeze with a code of his"
    " second factor"
)


@dataclass(frozen=True, slots=True)
class RiskSnapshot:
    """The facts that the gate judges; lamports and counts, all of one moment.

    `pause_causes` are those that cover this user. `reserved_lamports` is what the wallet's other in-flight buys hold.
    `open_positions` counts the wallet's open positions and its in-flight buys of tokens that it does not hold yet: each
    of them will have to pay for an exit.
    `mint_cost_lamports` is the cost of what the user holds of this mint plus what is reserved for it, in all of his wallets
    of the mode, `exposure_lamports` the same of every mint.
    `user_positions` counts as `open_positions` does over all of the user's wallets of the mode, `strategy_positions` those
    of them that the request's strategy opened, and `strategy_spent_lamports` is what that strategy spends in buys of his day,
    on their way or filled. The three are 0 for a sale.
    `mint_in_flight` counts the wallet's unresolved intents of this mint, either side, `mint_sells_in_flight` its sales
    among them. `loss_today_lamports` is the user's net loss of his day, realised and unrealised (0 when in profit).
    """

    pause_causes: tuple[str, ...]
    settings: UserSettings
    ceilings: Ceilings
    wallet_lamports: int
    reserved_lamports: int
    open_positions: int
    mint_cost_lamports: int
    exposure_lamports: int
    mint_in_flight: int
    mint_sells_in_flight: int
    mint_held_raw: int
    loss_today_lamports: int
    snipes_today: int
    user_positions: int
    strategy_positions: int
    strategy_spent_lamports: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """The request may go on; `reserved_lamports` is taken from the wallet's spendable balance until it is resolved."""

    reserved_lamports: int


@dataclass(frozen=True, slots=True)
class Check:
    """One of the gates that an entry passes, with its number: it refuses where `number` and `limit` do not fit.

    Both are lamports where `is_money`, else counts; no `limit` is None. `refused` is what it says, None where it lets the
    entry through.
    """

    gate: str
    number: int
    limit: int | None
    is_money: bool
    refused: Refused | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The request must not go on. `code` is stable and short; `reason` is for the user and says what to do."""

    code: str
    reason: str


def admit(request: TradeRequest, facts: RiskSnapshot) -> Admitted | Refused:
    """Judge one request.

    Exits are never stopped by a pause, a limit or an unproven buy, only by a freeze of the wallet, by another sale on its
    way and by the lack of anything to sell. No buy is admitted while anything of its mint is unresolved.
    """
    if refused := refuse_frozen(facts.pause_causes):
        return refused
    if facts.mint_sells_in_flight if request.side is Side.SELL else facts.mint_in_flight:
        return Refused("in_flight", "another order for this token is still on its way; wait for its result")
    if request.side is Side.SELL:
        if facts.mint_held_raw <= 0:
            return Refused(
                "nothing_to_sell",
                "you hold no position in this token, and what came from elsewhere is not sold here; see /positions",
            )
        return Admitted(0)
    for check in _ENTRY_CHECKS:
        if refused := check(request, facts):
            return refused
    return Admitted(request.spend_lamports + entry_overhead_lamports(request, facts))


def entry_overhead_lamports(request: TradeRequest, facts: RiskSnapshot) -> int:
    """What a buy may cost beside what it spends: rent, signature, the most priority fee, and the tip."""
    fee = fee_bounds(facts.settings, Side.BUY, facts.ceilings, 0).cap_lamports
    tip = tip_lamports(facts.settings, Side.BUY, request.protection, facts.ceilings)
    rent = TOKEN_ACCOUNT_RENT_LAMPORTS + PROGRAM_RENT_MAX_LAMPORTS
    return max(ENTRY_OVERHEAD_LAMPORTS, rent + ENTRY_SIGNATURE_LAMPORTS + fee + tip)


def kept_for_exits(positions: int) -> int:
    """What a wallet keeps aside so that each of so many positions can pay for its exit, all of them at once included.

    An exit in a pool borrows the rent of wrapped SOL from what has to stay there anyway, and some more.
    """
    return positions * EXIT_RESERVE_LAMPORTS + max(LEAST_BALANCE_LAMPORTS, WRAPPED_SOL_RENT_LAMPORTS)


def refuse_paused(request: TradeRequest, pause_causes: Sequence[str]) -> Refused | None:
    """What a pause says of a request; it needs nothing of chain or database, so that a flood of entries costs neither."""
    if refused := refuse_frozen(pause_causes):
        return refused
    if request.side is Side.SELL or not pause_causes:
        return None
    return Refused("paused", f"entries are paused ({in_words(pause_causes)}); exits go on, see /status")


def refuse_frozen(pause_causes: Sequence[str]) -> Refused | None:
    """Nothing is signed for a wallet that SOL has left without us, or that its owner froze, exits neither, until he ends it."""
    if trading_state.FROZEN in pause_causes:
        return Refused(FROZEN, FROZEN_BY_OWNER)
    return Refused(FROZEN, FROZEN_WHY) if OUTFLOW in pause_causes else None


def _paused(request: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    return refuse_paused(request, facts.pause_causes)


def _blacklisted(request: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    if request.mint not in facts.ceilings.blacklist:
        return None
    return Refused("blacklist", "the operator has blacklisted this token: it is not bought here, and can be sold")


def _trade_floor(request: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    least = facts.ceilings.min_trade_lamports
    if request.spend_lamports >= least:
        return None
    return Refused(
        "trade_floor",
        f"{format_sol(request.spend_lamports)} SOL is below the least of {format_sol(least)} SOL: the fees of the way in"
        " and out would eat whatever it wins; give a greater amount",
    )


def _trade_size(request: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    limit = trade_limit(facts.settings, facts.ceilings, strategy_of(request.context))
    if request.spend_lamports <= limit.value:
        return None
    return Refused(
        "trade_size",
        f"{format_sol(request.spend_lamports)} SOL is above {limit.rule} of {format_sol(limit.value)} SOL;"
        " give a smaller amount",
    )


def _position_size(request: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    limit = position_limit(facts.settings, facts.ceilings)
    total = facts.mint_cost_lamports + request.spend_lamports
    if total <= limit.value:
        return None
    return Refused(
        "position_size",
        f"the position would grow to {format_sol(total)} SOL, above {limit.rule} of {format_sol(limit.value)} SOL",
    )


def _exposure(request: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    limit = exposure_limit(facts.settings, facts.ceilings)
    total = facts.exposure_lamports + request.spend_lamports
    if total <= limit.value:
        return None
    return Refused(
        "exposure",
        f"{format_sol(total)} SOL would be in open positions and orders on their way, above {limit.rule} of"
        f" {format_sol(limit.value)} SOL; sell something first, or ask an admin for another role",
    )


def _daily_loss(_: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    return refuse_loss(facts.loss_today_lamports, facts.settings, facts.ceilings)


def refuse_loss(loss_lamports: int, settings: UserSettings, ceilings: Ceilings) -> Refused | None:
    """What the loss of a user's day, realised and unrealised, says of every entry."""
    limit = day_loss_limit(settings, ceilings)
    if loss_lamports < limit.value:
        return None
    return Refused(
        "daily_loss",
        f"today's loss of {format_sol(loss_lamports)} SOL has reached {limit.rule} of"
        f" {format_sol(limit.value)} SOL; entries open again on your next day",
    )


def _snipe_count(request: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    limit = facts.settings.snipe_max_daily
    if request.context is not Context.SNIPER or facts.snipes_today < limit:
        return None
    return Refused("snipes_today", f"{facts.snipes_today} snipes today, your limit is {limit}")


def _open_positions(_: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    limit = positions_limit(facts.settings, facts.ceilings)
    if facts.user_positions < limit.value:
        return None
    return Refused(
        "open_positions",
        f"{counted(facts.user_positions, 'position')} open in all of your wallets, {limit.rule} is {limit.value}; sell"
        " something first",
    )


def _strategy_positions(request: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    strategy = strategy_of(request.context)
    limit = strategy_positions_limit(facts.settings, strategy)
    if limit is None or facts.strategy_positions < limit:
        return None
    return Refused(
        "strategy_positions",
        f"{counted(facts.strategy_positions, 'position')} bought {BY_STRATEGY[strategy]} open, your limit is {limit}"
        f" (/settings {strategy}_positions); sell something first",
    )


def _strategy_spend(request: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    strategy = strategy_of(request.context)
    limit = strategy_spend_limit(facts.settings, strategy)
    total = facts.strategy_spent_lamports + request.spend_lamports
    if limit is None or total <= limit:
        return None
    return Refused(
        "strategy_spend",
        f"{format_sol(total)} SOL would be spent {BY_STRATEGY[strategy]} today, above your limit of {format_sol(limit)} SOL"
        f" (/settings {strategy}_spend); it opens again on your next day",
    )


def _funds(request: TradeRequest, facts: RiskSnapshot) -> Refused | None:
    free = _free_lamports(request, facts)
    if request.spend_lamports <= free:
        return None
    return Refused(
        "funds",
        f"the wallet has {format_sol(facts.wallet_lamports)} SOL, of which {format_sol(max(free, 0))} SOL can be spent"
        " after orders on their way and the reserve for exits; deposit more or give a smaller amount",
    )


def _free_lamports(request: TradeRequest, facts: RiskSnapshot) -> int:
    """What an entry may spend, after orders on their way and the reserve for exits, its own among them."""
    overhead = entry_overhead_lamports(request, facts)
    return facts.wallet_lamports - facts.reserved_lamports - kept_for_exits(facts.open_positions + 1) - overhead


# In the order in which an entry meets them.
_ENTRY_CHECKS = (
    _paused,
    _blacklisted,
    _trade_floor,
    _trade_size,
    _position_size,
    _exposure,
    _daily_loss,
    _snipe_count,
    _open_positions,
    _strategy_positions,
    _strategy_spend,
    _funds,
)


def entry_checks(request: TradeRequest, facts: RiskSnapshot) -> tuple[Check, ...]:
    """Every gate of an entry with its number, in the order in which `admit` asks them, for whoever wonders why it was not."""
    ceilings, settings, spend = facts.ceilings, facts.settings, request.spend_lamports
    strategy = strategy_of(request.context)
    spent = facts.strategy_spent_lamports + spend
    numbers = (
        ("pause causes", len(facts.pause_causes), 0, False),
        ("operator's blacklist", int(request.mint in ceilings.blacklist), 0, False),
        ("least of a trade", spend, ceilings.min_trade_lamports, True),
        ("most of a trade", spend, trade_limit(settings, ceilings, strategy).value, True),
        ("most of a position", facts.mint_cost_lamports + spend, position_limit(settings, ceilings).value, True),
        ("most at risk", facts.exposure_lamports + spend, exposure_limit(settings, ceilings).value, True),
        ("loss today", facts.loss_today_lamports, day_loss_limit(settings, ceilings).value, True),
        ("snipes today", facts.snipes_today, settings.snipe_max_daily, False),
        ("open positions", facts.user_positions, positions_limit(settings, ceilings).value, False),
        ("positions by this way", facts.strategy_positions, strategy_positions_limit(settings, strategy), False),
        ("spent by this way", spent, strategy_spend_limit(settings, strategy), True),
        ("funds that are free", spend, _free_lamports(request, facts), True),
    )
    return tuple(
        Check(*number, refused=check(request, facts)) for check, number in zip(_ENTRY_CHECKS, numbers, strict=True)
    )
