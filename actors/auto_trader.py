"""One automated trader per user: it buys what several wallets that he follows buy at the same time, through the desk.

Each opportunity is a row before its order is handed in, under a key that follows from user, token and start: whatever ends
the bot in between, there is one order or none, and the next life writes which.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import structlog

from actors.runtime import Actor, Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.leader_swaps import leader_swap
from bot.ports import AutoDecision, Desk, Store, Submitted, User, Verdict, Wallet
from bot.trading.intent import Context as TradeContext
from bot.trading.intent import Side, TradeRequest
from bot.trading.landing import protection_of
from bot.trading.leader_swap import LeaderSwap
from bot.trading.opportunity import AutoPlan, Opportunity, Vote, opportunity, why_passed
from bot.trading.units import counted

log = structlog.get_logger()

TOKENS_MAX = 1_000  # of which the trader remembers who bought them
READ_BACK = 50  # swaps of each wallet that a new life reads
DAY_MS = 86_400_000
REASON_LETTERS_MAX = 200
NOT_KNOWN = frozenset({"unknown", "not_leading"})  # refusals after which the order may exist all the same
HELD_MS = (
    240_000  # an executor that has held an order for longer was ended before (`hung_after_ms` of supervision.toml)
)
BROKEN_OFF = "the bot ended before the order was handed in"


@dataclass(slots=True)
class Votes:
    """Who bought or sold which token last. Of a wallet and a token the latest word counts."""

    _by_mint: OrderedDict[str, dict[str, Vote]] = field(default_factory=OrderedDict)

    def note(self, mint: str, vote: Vote) -> None:
        """Take a vote; an older one than is known changes nothing."""
        votes = self._by_mint.setdefault(mint, {})
        known = votes.get(vote.wallet)
        if known is None or (known.slot, known.is_sale) <= (vote.slot, vote.is_sale):
            votes[vote.wallet] = vote
        self._by_mint.move_to_end(mint)
        if len(self._by_mint) > TOKENS_MAX:
            self._by_mint.popitem(last=False)

    def on(self, mint: str) -> Sequence[Vote]:
        """All votes on a token."""
        return list(self._by_mint.get(mint, {}).values())


@dataclass(frozen=True, slots=True)
class AutoPorts:
    """What traders ask. `labels` are by address what a user calls the wallets that he follows, `points` how one scores now.

    `began_ms` is when this process began: an order that an earlier one handed in is written by now, or never will be.
    """

    store: Store
    desk: Desk
    clock: Clock
    labels: Callable[[str], dict[str, str]]
    points: Callable[[str], int]
    began_ms: int


class AutoTrader(Actor[None, LeaderSwap]):
    """Every swap of a followed wallet is a vote; a buy that makes enough of them is decided upon, and the decision stored."""

    def __init__(self, user: User, wallet: Wallet, plan: AutoPlan, ports: AutoPorts) -> None:
        self._user, self._wallet, self._plan = user, wallet, plan
        self._store, self._desk, self._clock, self._ports = ports.store, ports.desk, ports.clock, ports
        self._votes = Votes()
        self._resumed = False
        self._owes = True

    async def init(self, ctx: Context) -> None:
        """Begin again where the life before ended, as far as the store answers."""
        await self._resume()

    async def handle(self, ctx: Context, state: None, message: LeaderSwap) -> None:
        try:
            if not self._resumed:
                await self._resume()
            await self._settle_planned()
            await self._look(message)
        except Unavailable as error:
            self._owes = True
            log.warning("opportunity_dropped", user=self._user.id, mint=message.mint, reason=str(error))

    async def _resume(self) -> None:
        try:
            await self._settle_planned()
            for address, label in self._ports.labels(self._user.id).items():
                for told in await self._store.signals(address, READ_BACK):
                    swap = leader_swap(told)
                    self._votes.note(swap.mint, self._vote(swap, label))
        except Unavailable as error:
            log.warning("auto_trader_waits", user=self._user.id, reason=str(error))
            return
        self._resumed = True

    async def _settle_planned(self) -> None:
        """Write what became of decisions of which nobody knew: an order under their key, or none that can still come."""
        if not self._owes:
            return
        self._owes = False
        for decision in await self._store.planned_decisions(self._user.id):
            if await self._store.intent_of(decision.key) is not None:
                await self._store.end_decision(decision.id, Verdict.ENTERED, decision.reason)
            elif decision.at_ms < self._ports.began_ms or self._clock.now_ms() - decision.at_ms > HELD_MS:
                await self._store.end_decision(decision.id, Verdict.REFUSED, BROKEN_OFF)
            else:
                self._owes = True

    async def _look(self, swap: LeaderSwap) -> None:
        labels = self._ports.labels(self._user.id)
        label = labels.get(swap.wallet)
        if label is None or swap.failed:
            return
        vote = self._vote(swap, label)
        self._votes.note(swap.mint, vote)
        now_s = self._clock.now_ms() // 1000
        votes = [self._scored(one) for one in self._votes.on(swap.mint) if one.wallet in labels]
        seen = opportunity(votes, self._plan, now_s)
        is_late = now_s - vote.at_s > self._plan.window_s
        if vote.is_sale or is_late or seen.wallets < self._plan.min_wallets:
            return
        await self._decide(swap, seen)

    def _vote(self, swap: LeaderSwap, label: str) -> Vote:
        """A swap as a vote without its score. A block's clock may stand ahead of ours, and nothing is heard before it is."""
        heard_s = (swap.seen_at_ms or self._clock.now_ms()) // 1000
        at_s = min(swap.block_time_s, heard_s)
        return Vote(swap.wallet, label, 0, at_s, swap.slot, swap.lamports, swap.side is Side.SELL)

    def _scored(self, vote: Vote) -> Vote:
        """The vote by its wallet's score of this moment."""
        points = self._ports.points(vote.wallet)
        return Vote(vote.wallet, vote.name, points, vote.at_s, vote.slot, vote.lamports, vote.is_sale)

    async def _decide(self, swap: LeaderSwap, seen: Opportunity) -> None:
        plan, now_ms = self._plan, self._clock.now_ms()
        key = f"auto:{plan.user_id}:{swap.mint}:{plan.epoch}"
        why = why_passed(seen, plan, await self._store.entries_since(plan.user_id, now_ms - DAY_MS))
        if not why:
            why = await self._why_not_again(swap.mint, key)
        confidence = f"confidence {seen.confidence_bps // 100} % from {counted(seen.wallets, 'followed wallet')}"
        decision = AutoDecision(
            id=sha256(f"{key} {swap.wallet} {swap.signature} {swap.instruction}".encode()).hexdigest()[:32],
            user_id=plan.user_id,
            mint=swap.mint,
            mode=self._user.mode,
            epoch=plan.epoch,
            verdict=Verdict.PASSED if why else Verdict.PLANNED,
            reason=why or confidence,
            confidence_bps=seen.confidence_bps,
            wallets=seen.wallets,
            spend_lamports=0 if why else plan.entry_lamports,
            key=key,
            at_ms=now_ms,
            evidence=seen.reasons,
        )
        if not await self._store.record_decision(decision):
            return
        log.info(
            "opportunity_found",
            user=plan.user_id,
            mint=swap.mint,
            confidence_bps=seen.confidence_bps,
            wallets=seen.wallets,
            passed=why,
        )
        if not why:
            await self._enter(decision)

    async def _why_not_again(self, mint: str, key: str) -> str:
        if await self._store.intent_of(key) is not None:
            return "it was bought by this trader before"
        held = await self._store.open_positions(self._user.id)
        if any((one.mint, one.mode) == (mint, self._user.mode) for one in held):
            return "you hold it already"
        return ""

    async def _enter(self, decision: AutoDecision) -> None:
        """Hand the order in, and write what became of it; the row that was written before is what a crash leaves."""
        settings = await self._store.settings(self._user.id)
        reason = f"{decision.reason}: {'; '.join(decision.evidence)}"
        request = TradeRequest(
            key=decision.key,
            user_id=self._user.id,
            wallet_id=self._wallet.id,
            mode=self._user.mode,
            side=Side.BUY,
            mint=decision.mint,
            context=TradeContext.AUTOMATED,
            slippage_bps=settings.slippage_buy_bps,
            protection=protection_of(settings, Side.BUY),
            causation_id=decision.id,
            reason=reason[:REASON_LETTERS_MAX],
            spend_lamports=decision.spend_lamports,
        )
        self._owes = True
        outcome = await self._desk.submit(request)
        if isinstance(outcome, Submitted):
            await self._store.end_decision(decision.id, Verdict.ENTERED, decision.reason)
        elif outcome.code not in NOT_KNOWN:
            log.info("opportunity_refused", user=self._user.id, mint=decision.mint, code=outcome.code)
            await self._store.end_decision(decision.id, Verdict.REFUSED, outcome.reason)
