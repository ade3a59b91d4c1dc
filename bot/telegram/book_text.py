"""A user's own books in words: results by day, week and month, by what ended them, and where his SOL is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.clock import SpanUnit
from bot.ports import ClosedSums, PeriodSums, ResultSums
from bot.telegram.foreign import foreign
from bot.telegram.token_text import age
from bot.telegram.words import mode_label, short
from bot.trading.intent import Context
from bot.trading.ledger import Account
from bot.trading.position import Position
from bot.trading.units import BPS, counted, format_percent, format_sol

REASON_MAX = 40
HOLDINGS_SHOWN = 8
REASONS = {
    "take_profit": "take-profit",
    "stop_loss": "stop-loss",
    "trailing_stop": "trailing stop",
    "time": "longest time held",
    "creator_sold": "its creator sold",
    "liquidity_removed": "liquidity taken out",
    "authority_changed": "its authority changed",
    "panic": "/panic",
    "flatten": "flatten",
    "command": "by hand",
    "dca": "repeated buy",
    "limit_buy": "limit order",
    "breakout_buy": "breakout order",
    "limit_sell": "limit order",
}
CONTEXTS = {
    Context.MANUAL_COMMAND: "by hand",
    Context.AI_SIGNAL: "signals",
    Context.SNIPER: "sniper",
    Context.COPY_TRADE: "copied trades",
    Context.AUTOMATED: "by itself",
}
# What is gone for good; the rest of the accounts is where lamports still are, or whose they were.
FEES = {
    Account.PROTOCOL_FEE: "to the launchpad or pool",
    Account.CREATOR_FEE: "to creators",
    Account.LP_FEE: "for liquidity",
    Account.NETWORK_FEE: "to the network",
    Account.PRIORITY_FEE: "for priority",
    Account.TIP: "in tips",
    Account.PROGRAM_RENT: "in rent that the launchpad keeps",
}
PROFIT_MEANS = (
    "That is what sales brought less what the sold tokens had cost, all fees included, and what orders took that traded"
    " nothing. What you still hold is not in it, see /performance."
)


def report_text(facts: Mapping[str, object]) -> str:
    """What a day or a week that is over came to, out of a message's facts."""
    sums = facts["sums"]
    assert isinstance(sums, Mapping)
    week = facts["unit"] == SpanUnit.WEEK.value
    span = f"week from Monday {facts['first_day']}" if week else f"day {facts['first_day']}"
    came_to = period_text(PeriodSums(**sums))
    return (
        f"{mode_label(str(facts['mode']))} Your {span}, in the time of {facts['zone']}, is over: {came_to}."
        f" What you still hold is not in it. /profit {facts['unit']} has the ones before."
    )


def period_text(sums: PeriodSums) -> str:
    """One span of time in a line."""
    if sums.is_empty:
        return "nothing"
    trades = f"{counted(sums.buys, 'buy')}, {counted(sums.sells, 'sale')}"
    failed = f", {counted(sums.failed, 'order')} without a trade" if sums.failed else ""
    result = format_sol(sums.realized_lamports, signed=True)
    return f"{result} SOL; {trades}{failed}; fees {format_sol(sums.fees_lamports)} SOL"


def result_lines(sums: ResultSums) -> list[str]:
    """What ended the trades that made a result, a line for each, and their sum, which is the result itself."""
    lines = [
        f"{reason_text(one.reason)}: {counted(one.sales, 'sale')}, {one.won} with a gain,"
        f" {format_sol(one.realized_lamports, signed=True)} SOL"
        for one in sums.by_reason
    ]
    others = (
        ("other reasons", sums.sold_lamports - sum(one.realized_lamports for one in sums.by_reason)),
        ("what was sent and traded nothing", sums.untraded_lamports),
        ("closing emptied token accounts", sums.closings_lamports),
        ("tokens that left without an order", sums.moved_lamports),
    )
    lines += [f"{name}: {format_sol(lamports, signed=True)} SOL" for name, lamports in others if lamports]
    return lines


def swept_lines(sums: ResultSums) -> list[str]:
    """What left for a safe address, which has neither won nor lost; nothing where nothing did."""
    if not sums.swept_lamports:
        return []
    return [
        f"Beside that tokens that had cost {format_sol(sums.swept_lamports)} SOL were swept to your safe address, which is no"
        " loss."
    ]


def reason_text(reason: str) -> str:
    """Why an order was given, for people; a reason that is not known here is shown as it stands in its row."""
    return REASONS.get(reason) or foreign(reason.replace("_", " "), REASON_MAX) or "no reason noted"


def closed_lines(sums: Sequence[ClosedSums]) -> list[str]:
    """Closed positions: how many with a gain, the best and the worst, how long they were held, and who had wanted them."""
    won, lost = sum(one.won for one in sums), sum(one.lost for one in sums)
    count = won + lost
    if not count:
        return ["No position of yours has closed yet, so there is no rate of gains."]
    gains = format_sol(sum(one.won_lamports for one in sums), signed=True)
    losses = format_sol(sum(one.lost_lamports for one in sums), signed=True)
    best, worst = max(sums, key=lambda one: one.best[1]).best, min(sums, key=lambda one: one.worst[1]).worst
    lines = [
        f"{counted(count, 'closed position')}: {won} with a gain ({format_percent(won * BPS // count)}), {gains} SOL;"
        f" {lost} without, {losses} SOL.",
        f"Best {format_sol(best[1], signed=True)} SOL in {short(best[0])}, worst {format_sol(worst[1], signed=True)} SOL in"
        f" {short(worst[0])}; held for {age(sum(one.held_ms for one in sums) // count)} on average.",
    ]
    lines += [
        f"  {CONTEXTS[one.context]}: {one.won + one.lost} closed, {one.won} with a gain,"
        f" {format_sol(one.won_lamports + one.lost_lamports, signed=True)} SOL"
        for one in sums
    ]
    return lines


def exposure_lines(positions: Sequence[Position], ledger: Mapping[Account, int]) -> list[str]:
    """What is held, at cost, and how much of it in one token; the most first."""
    held_lamports = sum(row.cost_lamports for row in positions)
    if not positions:
        return ["You hold no position, so nothing of yours is at risk in a token."]
    whole_lamports = held_lamports + ledger.get(Account.WALLET, 0) + ledger.get(Account.RENT, 0)
    share = _share(held_lamports, whole_lamports)
    lines = [
        f"At risk: {format_sol(held_lamports)} SOL at cost in {counted(len(positions), 'position')}{share} of the"
        f" {format_sol(whole_lamports)} SOL that are yours here, counted at cost."
    ]
    largest = sorted(positions, key=lambda row: (-row.cost_lamports, row.opened_at_ms))
    lines += [
        f"  {format_sol(row.cost_lamports)} SOL{_share(row.cost_lamports, held_lamports)} of it in {short(row.mint)}"
        for row in largest[:HOLDINGS_SHOWN]
    ]
    if rest := largest[HOLDINGS_SHOWN:]:
        lines.append(f"  {format_sol(sum(row.cost_lamports for row in rest))} SOL in {len(rest)} more")
    return lines


def fee_lines(ledger: Mapping[Account, int], trades: int) -> list[str]:
    """What is gone for good, by whom it went to."""
    paid = {name: ledger.get(account, 0) for account, name in FEES.items()}
    total = sum(paid.values())
    if not total:
        return ["No fee was paid yet."]
    each = f", {format_sol(total // trades)} SOL for each of {counted(trades, 'trade')}" if trades else ""
    parts = ", ".join(f"{format_sol(lamports)} {name}" for name, lamports in paid.items() if lamports)
    return [
        f"Fees paid: {format_sol(total)} SOL{each}: {parts}. They are in the result, or in the cost of what you hold."
    ]


def balance_lines(
    positions: Sequence[Position], ledger: Mapping[Account, int], realized_lamports: int, swept_lamports: int
) -> list[str]:
    """Where the SOL is that came in and was made: both sides come out the same, or what stands between them is named.

    `swept_lamports` is what tokens had cost that are at a safe address of their user now.
    """
    held_lamports = sum(row.cost_lamports for row in positions)
    wallet, rent, put_in = (
        ledger.get(Account.WALLET, 0),
        ledger.get(Account.RENT, 0),
        -ledger.get(Account.OUTSIDE, 0),
    )
    lines = [
        f"Put in less taken out {format_sol(put_in)} SOL, result {format_sol(realized_lamports, signed=True)} SOL.",
        f"Of that the ledger has {format_sol(wallet)} SOL in the wallet, {format_sol(held_lamports)} SOL at cost in what you"
        f" hold and {format_sol(rent)} SOL in rent that comes back.",
    ]
    if wallet < 0:
        lines.append("What the wallet held before its first order is not in the books yet; it is within a minute.")
    if swept_lamports:
        lines.append(f"{format_sol(swept_lamports)} SOL, at cost, are in tokens at your safe address.")
    if between := put_in + realized_lamports - wallet - held_lamports - rent - swept_lamports:
        lines.append(
            f"Between the two stand {format_sol(between)} SOL, which came or went as something else than their order; /history"
            " has each of them."
        )
    return lines


def _share(part: int, whole: int) -> str:
    return f", {format_percent(part * BPS // whole)}" if whole > 0 else ", a share that is not known"
