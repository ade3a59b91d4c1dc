"""Copying from the chat: a leader is chosen here and left here; what is copied goes through the desk by itself."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.clock import Clock
from bot.commands import Command
from bot.execution.copy_book import CopyBook, Fate
from bot.execution.copy_news import percentiles
from bot.execution.leader_permission import CIRCLE, withdrawn
from bot.ports import Store, User, wallet_in
from bot.telegram.chat import Handler, Incoming
from bot.telegram.copy_text import (
    begun_text,
    changed_text,
    copy_line,
    latency_line,
    offer_text,
    rule_lines,
    stopped_text,
)
from bot.telegram.handlers.account import known
from bot.telegram.handlers.copy_terms import terms_of
from bot.telegram.handlers.trade import key_of
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.words import mode_label, short
from bot.trading.copying import RULES_MAX, CopyRule, RuleState, fits, following
from bot.trading.followable import why_not_followed
from bot.trading.intent import Side
from bot.trading.limits import Ceilings, trade_limit
from bot.trading.offer import OFFER_MS, offer_code
from bot.trading.strategy import Strategy
from bot.trading.trader import Trader, may_be_handle
from bot.trading.units import format_sol

OFFERS_MAX = 1_000
SHOWN = 10  # copies and refusals
MEASURED = 200  # copies by which a user's latency is told
SIGNALS = 100  # of a leader


@dataclass(slots=True)
class CopyHandlers:
    """`scanned` tells how old what is known of a wallet gets, `freezes` what freezes a user's wallet.

    What is offered lives as long as this process.
    """

    store: Store
    clock: Clock
    book: CopyBook
    ceilings: Callable[[], Ceilings]
    scanned: Callable[[str], str]
    freezes: Callable[[str, str], tuple[str, ...]]
    _offers: OrderedDict[tuple[str, str], tuple[CopyRule, int]] = field(default_factory=OrderedDict)

    def commands(self) -> dict[str, Handler]:
        return {"copy_trader": self.copy_trader, "stop_copy": self.stop_copy, "copies": self.copies}

    async def copy_trader(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        """Show what copying a leader may spend, and wait for the user's word."""
        if len(arguments) < 2:
            raise wrong_usage(command)
        user = known(incoming)
        leader, label, owner, trader = await self._leader(user, arguments[0])
        terms = terms_of(arguments[1:])
        settings = await self.store.settings(user.id)
        limit = trade_limit(settings, self.ceilings(), Strategy.COPY)
        least = self.ceilings().min_trade_lamports
        if not least <= terms.caps.trade_lamports <= limit.value:
            raise UsageError(
                f"{format_sol(terms.caps.trade_lamports)} SOL is not between the least of {format_sol(least)} SOL and"
                f" {limit.rule} of {format_sol(limit.value)} SOL; give another amount"
            )
        wallet = wallet_in(await self.store.wallets(user.id), user.mode, Strategy.COPY)
        rule_id = hashlib.sha256(f"{user.id} {incoming.key}".encode()).hexdigest()[:32]
        rule = CopyRule(
            id=rule_id,
            code=offer_code(rule_id),
            user_id=user.id,
            wallet_id=wallet.id,
            mode=user.mode,
            leader=leader,
            label=label,
            sizing=terms.sizing,
            amount=terms.amount,
            caps=terms.caps,
            filter=terms.filter,
            since_ms=self.clock.now_ms(),
            leader_user_id=owner,
            by_handle=trader is not None,
        )
        if wrong := fits(rule):
            raise UsageError(wrong)
        mine = await self._mine(user, leader)
        if mine is not None:
            rule = _changed(mine, rule)
        self._offers[user.id, rule.code] = (rule, self.clock.now_ms())
        while len(self._offers) > OFFERS_MAX:
            self._offers.popitem(last=False)
        return offer_text(rule, rule.code, 0 if trader is None else trader.share_bps, changes=mine is not None)

    async def accept(self, user: User, code: str) -> str | None:
        """Begin what was offered under a code; None where nothing was."""
        offered = self._offers.get((user.id, code))
        if offered is None:
            return None
        rule, offered_at_ms = offered
        now_ms = self.clock.now_ms()
        label = mode_label(rule.mode.value)
        if now_ms - offered_at_ms > OFFER_MS:
            return f"{label} That offer has expired. Nobody is copied by it; send the command again."
        if user.mode is not rule.mode:
            return f"{label} That card is of mode {rule.mode.value}, and you are in {user.mode.value} now; nobody is copied."
        if rule.version:
            return await self._change(user, rule)
        if (begun := await self.store.copy_rule(rule.id)) is not None and begun.state is not RuleState.ACTIVE:
            return (
                f"{label} You have left {rule.label} since that card. Nobody is copied by it; send the command again."
            )
        if reason := await self._against(user, rule):
            return f"{label} Nobody is copied by that card: {reason}."
        if not await self.book.begin(replace(rule, since_ms=now_ms)):
            return (
                f"{label} You copy {rule.label} already, or {RULES_MAX} leaders, which is the most; /copies shows them."
            )
        return begun_text(rule, self.scanned(rule.leader))

    async def _change(self, user: User, rule: CopyRule) -> str:
        """The terms of a rule that there is, whose copies stay its own."""
        label = mode_label(rule.mode.value)
        if reason := await self._against(user, rule):
            return f"{label} Nothing is changed by that card: {reason}."
        if not await self.book.change(rule):
            return f"{label} What you copy of {rule.label} has changed since that card; send the command again."
        return changed_text(rule)

    async def take_back(self, user: User, code: str) -> str | None:
        """Forget what was offered under a code and has not begun; None where nothing was."""
        offered = self._offers.get((user.id, code))
        if offered is None:
            return None
        rule, _ = offered
        stored = await self.store.copy_rule(rule.id)
        if stored is not None and stored.code == code:
            return None
        del self._offers[user.id, code]
        done = "you copy him as before" if rule.version else "nobody is copied by it"
        return f"{mode_label(rule.mode.value)} Cancelled; {done}."

    async def stop_copy(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        """Copy a leader no more, and say what becomes of open copies."""
        fates = {fate.value for fate in Fate}
        if len(arguments) not in {1, 2} or (len(arguments) == 2 and arguments[1].lower() not in fates):
            raise wrong_usage(command)
        user = known(incoming)
        named = arguments[0]
        rules = await self.store.copy_rules(user.id)
        handle = named.removeprefix("@").lower()  # as /copy_trader takes it
        rule = next((one for one in rules if one.leader == named or one.label.lower() == handle), None)
        if (
            rule is None and (trader := await self.store.trader_by_handle(handle)) is not None
        ):  # he has another handle now
            rule = next((one for one in rules if one.by_handle and one.leader_user_id == trader.user_id), None)
        if rule is None:
            mine = ", ".join(one.leader for one in rules) or "nobody"
            raise UsageError(f"you do not copy {short(named)}; you copy {mine}")
        fate = Fate(arguments[1].lower()) if len(arguments) == 2 else Fate.KEEP
        still_open = await self.book.stop(rule, fate, "you stopped it")
        return stopped_text(rule, fate.value, still_open, self.freezes(user.id, rule.wallet_id))

    async def copies(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        """Whom the user copies, with what result, and what was copied and what was not."""
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        rules = await self.store.copy_rules(user.id)
        told = await self.store.copies_of(user.id, MEASURED)
        if not rules and not told:
            return f"{mode_label(user.mode.value)} You copy nobody; /copy_trader begins it."
        ids = [rule.id for rule in rules]
        held, results = await self.store.copy_holdings(ids), await self.store.copy_results(ids)
        lines = []
        for rule in rules:
            mine = [one for one in held if one.rule_id == rule.id]
            latest = await self.store.signals(rule.leader, SIGNALS) if mine else []
            lines += rule_lines(rule, mine, latest, results.get(rule.id, ()))
        zone = (await self.store.settings(user.id)).timezone
        lines += [copy_line(one, zone) for one in told[:SHOWN]]
        times_ms = [
            one.copy.ordered_at_ms - one.copy.seen_at_ms
            for one in told
            if one.copy.ordered_at_ms is not None and one.copy.side is Side.BUY
        ]
        return "\n".join(filter(None, [*lines, latency_line(percentiles(times_ms))]))

    async def _mine(self, user: User, leader: str) -> CopyRule | None:
        return next((one for one in await self.store.copy_rules(user.id) if one.leader == leader), None)

    async def _against(self, user: User, rule: CopyRule) -> str:
        """What has come between a user and a leader since the card was made; empty where nothing has."""
        if following(await self.store.copy_rules()).closes_a_cycle(user.id, rule.leader_user_id):
            return CIRCLE
        return (await withdrawn(self.store, [rule])).get(rule.id, "")

    async def _leader(self, user: User, named: str) -> tuple[str, str, str | None, Trader | None]:
        """The wallet of a leader, what he is called, the user of this bot that he is, if he is one, and his page if so named.

        A user is found by his public handle where he lets himself be copied; by the address of his wallet like anybody else.
        """
        trader = await self.store.trader_by_handle(named.removeprefix("@").lower())
        if trader is not None:
            leader, label = await self._wallet_of(trader), trader.handle
        else:
            leader, label = _address(named), short(named)
            if reason := why_not_followed(leader):
                raise UsageError(f"{leader} {reason}")
        owner = next((one.user_id for one in await self.store.wallets() if one.address == leader), None)
        if owner == user.id:
            raise UsageError("that is a wallet of your own; nobody copies himself")
        if following(await self.store.copy_rules()).closes_a_cycle(user.id, owner):
            raise UsageError(CIRCLE)
        return leader, label, owner, trader

    async def _wallet_of(self, trader: Trader) -> str:
        """The live wallet that a trader who may be copied buys by hand from; raises UsageError for one who may not."""
        if not trader.is_listed:
            raise UsageError(f"an admin has delisted {trader.handle}: {trader.delisted_why}")
        if not (await self.store.settings(trader.user_id)).copyable:
            raise UsageError(f"{trader.handle} shows his results and does not let himself be copied")
        live = [one for one in await self.store.wallets(trader.user_id) if one.mode.value == "live"]
        if not live:
            raise UsageError(f"{trader.handle} has no live wallet, and only live trades are copied")
        return wallet_in(live, live[0].mode, Strategy.MANUAL).address


def _changed(mine: CopyRule, wanted: CopyRule) -> CopyRule:
    """The rule that there is on the terms that are wanted; raises UsageError where it copies in another mode."""
    if mine.mode is not wanted.mode:
        raise UsageError(
            f"you copy {mine.label} in mode {mine.mode.value}, and are in {wanted.mode.value} now; /stop_copy {mine.leader} first"
        )
    terms = replace(mine, sizing=wanted.sizing, amount=wanted.amount, caps=wanted.caps, filter=wanted.filter)
    return replace(terms, code=wanted.code, version=mine.version + 1)


def _address(named: str) -> str:
    """A wallet's address; what is too short for one was meant as a handle."""
    if may_be_handle(named):
        raise UsageError(f"there is no trader {named[:21]} who shows his results, and it is no wallet's address either")
    return key_of(named, "wallet")
