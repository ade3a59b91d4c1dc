"""What is said of copying: the card before it begins, the list in /copies, and what ends by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.clock import second_of
from bot.ports import CopyHolding, CopyTold, WalletSignal
from bot.telegram.words import mode_label, short
from bot.trading.copying import CopyRule, CopyState, RuleState, Sizing
from bot.trading.intent import Side
from bot.trading.trading_state import FROZEN, OUTFLOW
from bot.trading.units import counted, format_percent, format_sol, format_tokens

_ENDS = {
    "filled": "filled",
    "failed": "came to nothing",
    "expired": "never landed",
    "cancelled": "came to nothing",
}

_THAWS = {
    OUTFLOW: "/ack_outflow, where it was you who moved what left it,",
    FROZEN: "/unfreeze with a code of your second factor",
}


def offer_text(rule: CopyRule, code: str, share_bps: int, *, changes: bool = False) -> str:
    """The card of a rule that begins once it is confirmed: everything that it may spend, and what its leader counts as his.

    One that `changes` what there is already keeps its copies.
    """
    what = "Copy in another way" if changes else "Copy"
    return "\n".join(
        [
            f"{mode_label(rule.mode.value)} {what} {rule.label} ({rule.leader})?",
            *(["What is open stays his and is sold as he sells; all of this holds from then on."] if changes else []),
            *_terms(rule),
            *([_share(share_bps)] if share_bps else []),
            "Your own limits, pauses and budgets count too, and every copy has your exits. A copy comes after its leader: it pays"
            " another price, and may lose where he wins. Nobody promises a result.",
            "Within a minute:",
            f"  /confirm {code}",
            f"  /cancel {code}",
        ]
    )


def _share(share_bps: int) -> str:
    return (
        f"He counts {format_percent(share_bps)} of what you gain above your best so far as his; it is a figure, and no money"
        " moves by it."
    )


def _terms(rule: CopyRule) -> list[str]:
    caps, chosen = rule.caps, rule.filter
    size = {
        Sizing.FIXED: f"{format_sol(rule.amount)} SOL for each buy of his",
        Sizing.PERCENT: f"{format_percent(rule.amount)} of what he spends, at most {format_sol(caps.trade_lamports)} SOL a trade",
        Sizing.EXACT: f"what he spends, at most {format_sol(caps.trade_lamports)} SOL a trade",
    }[rule.sizing]
    least = f"from {format_sol(chosen.least_lamports)} SOL"
    most = "" if chosen.most_lamports is None else f" to {format_sol(chosen.most_lamports)} SOL"
    lines = [
        f"It spends {size}, and sells the fraction that he sells.",
        f"At most {format_sol(caps.hour_lamports)} SOL an hour and {format_sol(caps.day_lamports)} SOL a day; open at once"
        f" {format_sol(caps.token_lamports)} SOL in one token, {format_sol(caps.leader_lamports)} SOL with him,"
        f" {format_sol(caps.total_lamports)} SOL in all copies.",
        f"His buys {least}{most} count; a token that you hold is {'bought again' if chosen.again else 'not bought again'}.",
    ]
    if chosen.hours is not None:
        lines.append(f"Only from {chosen.hours[0]} to {chosen.hours[1]} o'clock in your time zone.")
    if chosen.drawdown_lamports is not None:
        lines.append(
            f"It buys nothing more once its result is {format_sol(chosen.drawdown_lamports)} SOL below its best."
        )
    if chosen.blocked:
        lines.append(f"Never {', '.join(short(mint) for mint in chosen.blocked)}.")
    return lines


def begun_text(rule: CopyRule, scanned: str) -> str:
    return (
        f"{mode_label(rule.mode.value)} You copy {rule.label} from now on; his wallet is {scanned}. /copies shows what comes of"
        f" it, /stop_copy {rule.leader} ends it."
    )


def changed_text(rule: CopyRule) -> str:
    return (
        f"{mode_label(rule.mode.value)} You copy {rule.label} in this way from now on, and what is open with him goes on."
        " /copies shows it."
    )


def stopped_text(rule: CopyRule, fate: str, still_open: int, freezes: Sequence[str] = ()) -> str:
    """What becomes of open copies; nothing is sold from a wallet while something `freezes` it."""
    told = f"{mode_label(rule.mode.value)} You copy {rule.label} no more."
    followed = f"You still follow his wallet; /untrack {rule.leader} ends that."
    if not still_open:
        return f"{told} No copy of his is open. {followed}"
    tokens = counted(still_open, "token")
    if fate == "follow":
        waits = " once your wallet is not frozen any more" if freezes else ""
        return f"{told} No buy of his is copied, and your copies in {tokens} are sold as he sells{waits}."
    if fate == "sell" and freezes:
        ends = " and ".join(_THAWS[one] for one in freezes)
        return (
            f"{told} Your copies in {tokens} are sold as soon as your wallet is not frozen any more, and not before: {ends} ends"
            f" that. You are told of each. {followed}"
        )
    return {
        "keep": f"{told} {tokens} of his you keep, with your exits; /positions shows them. {followed}",
        "sell": f"{told} Your copies in {tokens} are being sold now; you are told of each. {followed}",
    }[fate]


def rule_lines(
    rule: CopyRule, held: Sequence[CopyHolding], latest: Sequence[WalletSignal], results: Sequence[int]
) -> list[str]:
    """A rule with its result, what its copies hold, and what its leader did last in those tokens."""
    state = "" if rule.state is RuleState.ACTIVE else f"; buys nothing more: {rule.why or 'you stopped it'}"
    won, lost = sum(one for one in results if one > 0), sum(one for one in results if one < 0)
    lines = [
        f"{mode_label(rule.mode.value)} {rule.label} ({rule.leader}){state}",
        f"  {_terms(rule)[0]}",
        f"  result of {counted(len(results), 'position')} that sold: {format_sol(won + lost, signed=True)} SOL"
        f" (won {format_sol(won)}, lost {format_sol(-lost)})",
    ]
    lines += [
        f"  holds {format_tokens(one.held_raw)} tokens of {short(one.mint)}{_leader_holds(one.mint, latest)}"
        for one in held
    ]
    lines.append(f"  /stop_copy {rule.leader} keep|sell|follow")
    return lines


def _leader_holds(mint: str, latest: Sequence[WalletSignal]) -> str:
    """What the leader holds of a token, by his newest trade of it; followers see whether he has left."""
    newest = next((one for one in latest if one.mint == mint), None)
    if newest is None or newest.held_before_raw is None:
        return ""
    moved = newest.token_raw if newest.side is Side.BUY else -newest.token_raw
    left = max(newest.held_before_raw + moved, 0)
    did = "bought" if newest.side is Side.BUY else "sold"
    return f"; he {did} {format_tokens(newest.token_raw)} last and holds {format_tokens(left)}"


def copy_line(told: CopyTold, zone: str) -> str:
    """One copy or refusal."""
    copy = told.copy
    what = f"{second_of(copy.seen_at_ms, zone)} {copy.side.value} {short(copy.mint)}"
    if copy.side is Side.BUY and copy.spend_lamports:
        what += f" for {format_sol(copy.spend_lamports)} SOL"
    if copy.state is CopyState.REFUSED:
        return f"{what}: not copied, {copy.reason}"
    if told.order is None:
        return f"{what}: being made"
    end = _ENDS.get(told.order.value, "on its way")
    after = (
        ""
        if copy.ordered_at_ms is None
        else f", {(copy.ordered_at_ms - copy.seen_at_ms) / 1000:.1f} s after it was heard"
    )
    return f"{what}: {end}{after}"


def latency_line(latencies_ms: tuple[int, int] | None) -> str:
    """From when a leader's buy was heard of until the copy's order had left."""
    if latencies_ms is None:
        return ""
    median, worst = (f"{latency_ms / 1000:.2f} s" for latency_ms in latencies_ms)
    return f"From a leader's buy to your order: {median} in half of them, {worst} at p99."


def left(facts: Mapping[str, object]) -> str:
    """A rule that buys nothing more by itself."""
    return (
        f"{mode_label(str(facts['mode']))} Nothing more is bought with {facts['label']}: {facts['why']}. What you hold by copying"
        f" him, which /copies shows, is still sold as he sells; /stop_copy {facts['leader']} sell sells all of it now."
    )


def share_set(facts: Mapping[str, object]) -> str:
    """A trader counts another part of what his followers gain as his."""
    now, before = (format_percent(int(str(facts[name]))) for name in ("share_bps", "was_bps"))
    return (
        f"{mode_label(str(facts['mode']))} {facts['label']} counts {now} of what you gain above your best so far as his from now"
        f" on, and {before} until now. It is a figure, and no money moves by it; /stop_copy {facts['leader']} ends your copying."
    )
