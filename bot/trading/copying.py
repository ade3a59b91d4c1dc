"""What a follower copies of a leader: which swaps count, how much of them, and why not more. Pure, integers only.

A follower's rule names a leader, a way to size and its caps. A buy becomes one order or one refusal for each rule; a sale
becomes the same fraction of what the rule's own buys hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from bot.trading.intent import Mode, Side
from bot.trading.leader_swap import LeaderSwap
from bot.trading.units import BPS, LAMPORTS_PER_SOL, bps_floor, format_sol

RULES_MAX = 20  # leaders that one user may copy at a time
AMOUNT_MAX_LAMPORTS = 10**9 * LAMPORTS_PER_SOL  # of a cap: more SOL than there is, and what the books can keep
LATE_MS = 30_000  # a buy that is known for longer is not copied: its price is another one by now
DUST_LAMPORTS = 5_000_000  # 0.005 SOL; what a leader buys for less is bait, or somebody's joke
DEPTH_SHARE_BPS = 100  # of what stands behind a token's price, the most that one copy spends
DEPTH_ALL_BPS = 1_000  # and all copies of one buy together
CHURN_MS = 600_000
CHURN_ROUNDS = 3  # round trips of one token within that time: trading for show, or with oneself


class Sizing(StrEnum):
    FIXED = "fixed"  # the same lamports each time
    PERCENT = "percent"  # so many percent of what the leader spends
    EXACT = "exact"  # what the leader spends


class RuleState(StrEnum):
    ACTIVE = "active"
    LEAVING = "leaving"  # buys nothing more; the leader's sales are still copied
    STOPPED = "stopped"


class CopyState(StrEnum):
    OWED = "owed"  # decided; what became of its order is not in the books yet
    ORDERED = "ordered"  # its order exists, and tells what became of it
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CopyCaps:
    """What a rule may spend at most, in lamports: at a time, in an hour, in a day of its user, and in copies that are open.

    The last three are for one token, for one leader, and for all leaders of the user. A copy counts until its position closes.
    """

    trade_lamports: int
    hour_lamports: int
    day_lamports: int
    token_lamports: int
    leader_lamports: int
    total_lamports: int


@dataclass(frozen=True, slots=True)
class CopyFilter:
    """Which buys of a leader are copied.

    `least_lamports` and `most_lamports` are what the leader spends. `hours` are the first hour and the one after the last, in the
    user's zone; the second may be below the first, for a night. `drawdown_lamports` is how far the rule's result may fall
    from its best before it buys nothing more. `again` buys a token that is held already. None is no limit.
    """

    least_lamports: int = 10 * DUST_LAMPORTS
    most_lamports: int | None = None
    blocked: tuple[str, ...] = ()
    hours: tuple[int, int] | None = None
    drawdown_lamports: int | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class CopyRule:
    """One user copies one leader. `amount` is lamports for `fixed` and basis points for `percent`, 0 for `exact`.

    `leader_user_id` is the user of this bot whose wallet `leader` is, None for an outside wallet. `by_handle` says that he was
    named by his public handle, and so is copied for as long as he allows it. `version` goes up with each change.
    """

    id: str
    code: str
    user_id: str
    wallet_id: str
    mode: Mode
    leader: str
    label: str
    sizing: Sizing
    amount: int
    caps: CopyCaps
    filter: CopyFilter
    since_ms: int
    leader_user_id: str | None = None
    by_handle: bool = False
    state: RuleState = RuleState.ACTIVE
    why: str = ""
    version: int = 0
    closed_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a rule's user has put into copies, in lamports: in this hour and day, and in what is open.

    `holds` says that his wallet holds the token, or is buying it. `drawdown_lamports` is how far the rule's result is below its
    best.
    """

    hour_lamports: int = 0
    day_lamports: int = 0
    token_lamports: int = 0
    leader_lamports: int = 0
    total_lamports: int = 0
    holds: bool = False
    drawdown_lamports: int = 0


@dataclass(frozen=True, slots=True)
class Market:
    """The token of a buy: what stands behind its price, in lamports, and whose creation it is (base58)."""

    depth_lamports: int
    creator: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A follower as he is when a buy is judged: the hour of his day, his mode, his blacklist, and the least trade."""

    now_ms: int
    hour: int
    mode: Mode
    least_trade_lamports: int
    blacklist: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NotCopied:
    """A buy that a rule does not copy. `code` is stable and short."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class CopyBuy:
    """What a rule spends on a copy, and in a sentence each what made it less than its way to size asks for."""

    lamports: int
    why_less: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """One swap of a leader for one follower: what was decided, before anything was done about it.

    Unique by `user_id`, `signature` and `instruction`. Of a buy `spend_lamports` is what its order spends. Of a sale
    `leader_token_raw` of `held_before_raw` is the fraction, `token_raw` what its latest order sells; `tries` counts those
    that came to nothing. `seen_at_ms` is when the bot heard of the leader's swap, `ordered_at_ms` when the follower's order
    had left.
    """

    id: str
    rule_id: str
    user_id: str
    wallet_id: str
    mode: Mode
    leader: str
    signature: str
    instruction: int
    mint: str
    side: Side
    leader_lamports: int
    leader_token_raw: int
    held_before_raw: int
    seen_at_ms: int
    decided_at_ms: int
    state: CopyState = CopyState.OWED
    code: str = ""
    reason: str = ""
    spend_lamports: int = 0
    token_raw: int = 0
    tries: int = 0
    ordered_at_ms: int | None = None

    @property
    def key(self) -> str:
        """The key of its order; a sale that came to nothing is tried again under the next one."""
        again = f":{self.tries}" if self.tries else ""
        return f"copy:{self.user_id}:{self.signature}:{self.instruction}{again}"


def ignored(swap: LeaderSwap, latest: Iterable[LeaderSwap] = ()) -> str | None:
    """Why a swap counts for nobody, as a code; None for one that does. `latest` are the leader's own before it.

    A sale is never ignored for being small or one of many: whoever holds what its leader leaves must hear of it.
    """
    if swap.failed:
        return "failed"
    if swap.token_raw <= 0:
        return "nothing"
    if swap.side is not Side.BUY:
        return None
    if swap.lamports < DUST_LAMPORTS:
        return "dust"
    if swap.both_sides or _rounds(swap, latest) >= CHURN_ROUNDS:
        return "wash"
    return None


def _rounds(swap: LeaderSwap, latest: Iterable[LeaderSwap]) -> int:
    """How often the leader bought and sold this token within CHURN_MS before a swap."""
    near = [
        one.side
        for one in latest
        if one.mint == swap.mint and 0 <= swap.block_time_s - one.block_time_s <= CHURN_MS // 1000
    ]
    return min(near.count(Side.BUY), near.count(Side.SELL))


def judge_buy(
    rule: CopyRule, swap: LeaderSwap, spent: Spent, moment: Moment, market: Market | None
) -> CopyBuy | NotCopied:
    """What a rule makes of a leader's buy. Without a `market` nothing is bought: nobody knows what stands behind the price."""
    if (refused := _refused(rule, swap, spent, moment, market)) is not None:
        return refused
    assert market is not None
    wanted = _wanted(rule, swap)
    caps = rule.caps
    rooms = (
        ("trade_cap", caps.trade_lamports, f"the cap of a trade is {format_sol(caps.trade_lamports)} SOL"),
        ("hour_cap", caps.hour_lamports - spent.hour_lamports, _left("of this hour", caps.hour_lamports)),
        ("day_cap", caps.day_lamports - spent.day_lamports, _left("of your day", caps.day_lamports)),
        ("token_cap", caps.token_lamports - spent.token_lamports, _left("for one token", caps.token_lamports)),
        ("leader_cap", caps.leader_lamports - spent.leader_lamports, _left("for this leader", caps.leader_lamports)),
        ("total_cap", caps.total_lamports - spent.total_lamports, _left("for all copies", caps.total_lamports)),
        (
            "depth",
            bps_floor(market.depth_lamports, DEPTH_SHARE_BPS),
            "a copy spends at most 1 % of what is behind the price",
        ),
    )
    lamports, code, why = wanted, "size", list[str]()
    for name, room, words in rooms:
        if room < lamports:
            lamports, code = max(room, 0), name
            why = [words]
    if lamports < moment.least_trade_lamports:
        told = why[0] if why else f"that is {format_sol(lamports)} SOL of the leader's {format_sol(swap.lamports)}"
        least = format_sol(moment.least_trade_lamports)
        return NotCopied(code, f"{told}, which leaves less than the least trade of {least} SOL")
    return CopyBuy(lamports, tuple(why))


def _left(whose: str, cap_lamports: int) -> str:
    return f"the cap {whose} is {format_sol(cap_lamports)} SOL"


def _wanted(rule: CopyRule, swap: LeaderSwap) -> int:
    if rule.sizing is Sizing.FIXED:
        return rule.amount
    return swap.lamports if rule.sizing is Sizing.EXACT else bps_floor(swap.lamports, rule.amount)


def _refused(rule: CopyRule, swap: LeaderSwap, spent: Spent, moment: Moment, market: Market | None) -> NotCopied | None:
    """The first reason not to copy a buy at all."""
    chosen = rule.filter
    if rule.state is not RuleState.ACTIVE:
        return NotCopied("leaving", rule.why or "this rule buys nothing more")
    if moment.mode is not rule.mode:
        return NotCopied("other_mode", f"you are not in mode {rule.mode.value} now, in which this leader is copied")
    if moment.now_ms - swap.seen_at_ms > LATE_MS:
        return NotCopied("late", f"the buy was known for {(moment.now_ms - swap.seen_at_ms) // 1000} s already")
    if swap.lamports < chosen.least_lamports:
        return NotCopied("leader_size", f"the leader spent {format_sol(swap.lamports)} SOL, below your minimum")
    if chosen.most_lamports is not None and swap.lamports > chosen.most_lamports:
        return NotCopied("leader_size", f"the leader spent {format_sol(swap.lamports)} SOL, above your maximum")
    if swap.mint in chosen.blocked or swap.mint in moment.blacklist:
        return NotCopied("blocked", "you have blocked this token")
    if not is_within(moment.hour, chosen.hours):
        return NotCopied("hours", f"it is {moment.hour} o'clock, outside of your hours")
    if chosen.drawdown_lamports is not None and spent.drawdown_lamports >= chosen.drawdown_lamports:
        return NotCopied("drawdown", f"the result is {format_sol(spent.drawdown_lamports)} SOL below its best")
    if spent.holds and not chosen.again:
        return NotCopied("held", "you hold this token already, and copy no second buy of it")
    if market is None:
        return NotCopied("no_market", "what stands behind its price could not be read")
    if market.creator == swap.wallet:
        return NotCopied("self_dealing", "the leader made this token himself")
    if market.creator in moment.blacklist:
        return NotCopied("blocked", "you have blocked the creator of this token")
    return None


def is_within(hour: int, hours: tuple[int, int] | None) -> bool:
    """Whether an hour of 0..23 is one of a rule's; from an hour to the same one is the whole day."""
    if hours is None or hours[0] == hours[1]:
        return True
    first, after = hours
    return first <= hour < after if first < after else hour >= first or hour < after


def to_sell(held_raw: int, leader_token_raw: int, held_before_raw: int) -> int:
    """The leader's fraction of what is held, rounded down: never more than a raw unit below it, and all of it when he sold all.

    A leader of whom it is not known what he held, or who sold more than was known, sold everything.
    """
    if held_raw <= 0 or leader_token_raw <= 0:
        return 0
    if leader_token_raw >= held_before_raw:
        return held_raw
    return held_raw * leader_token_raw // held_before_raw


def drawn(signature: str, rules: Iterable[CopyRule]) -> list[CopyRule]:
    """In which order followers are served: drawn anew for each swap, so that nobody is always the first."""
    return sorted(rules, key=lambda rule: sha256(f"{signature} {rule.user_id}".encode()).digest())


def drawdown(results: Iterable[int]) -> int:
    """How far the sum of results, in their order, is below the best that it has been; 0 at its best."""
    total = best = 0
    for result in results:
        total += result
        best = max(best, total)
    return best - total


@dataclass(frozen=True, slots=True)
class Following:
    """Who copies whom among the users of this bot: by a follower's id those whose wallets he copies."""

    leaders: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def closes_a_cycle(self, follower: str, leader_user_id: str | None) -> bool:
        """Whether that leader is the follower, or copies him, himself or through others."""
        if leader_user_id is None:
            return False
        seen, ahead = set[str](), [leader_user_id]
        while ahead:
            one = ahead.pop()
            if one == follower:
                return True
            if one not in seen:
                seen.add(one)
                ahead += self.leaders.get(one, frozenset())
        return False


def following(rules: Iterable[CopyRule]) -> Following:
    """Who copies whom by these rules; stopped ones and outside leaders are left out."""
    leaders = dict[str, set[str]]()
    for rule in rules:
        if rule.leader_user_id is not None and rule.state is not RuleState.STOPPED:
            leaders.setdefault(rule.user_id, set()).add(rule.leader_user_id)
    return Following({user: frozenset(whom) for user, whom in leaders.items()})


def fits(rule: CopyRule) -> str:
    """What is wrong with a rule's numbers, as a sentence; empty for one that makes sense."""
    caps = rule.caps
    amounts = (
        caps.trade_lamports,
        caps.hour_lamports,
        caps.day_lamports,
        caps.token_lamports,
        caps.leader_lamports,
        caps.total_lamports,
    )
    if min(amounts) <= 0:
        return "every cap is more than nothing"
    chosen = (rule.filter.least_lamports, rule.filter.most_lamports or 0, rule.filter.drawdown_lamports or 0)
    if max(*amounts, *chosen) > AMOUNT_MAX_LAMPORTS:
        return f"every amount is at most {format_sol(AMOUNT_MAX_LAMPORTS)} SOL"
    if rule.sizing is Sizing.FIXED and not 0 < rule.amount <= caps.trade_lamports:
        return "the fixed amount is more than nothing and at most the cap of a trade"
    if rule.sizing is Sizing.PERCENT and not 0 < rule.amount <= 100 * BPS:
        return "the percentage is more than nothing and at most 10,000"
    if caps.hour_lamports > caps.day_lamports:
        return "the cap of an hour is at most that of a day"
    if caps.token_lamports > caps.leader_lamports or caps.leader_lamports > caps.total_lamports:
        return "the cap for one token is at most that for a leader, and that at most the one for all copies"
    most = rule.filter.most_lamports
    if rule.filter.least_lamports < 0 or (most is not None and most < rule.filter.least_lamports):
        return "the leader's minimum is at most his maximum"
    return ""
