"""Beginning and ending of copying: the rule, the wallet that is followed for it, and what becomes of open copies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.leader_permission import leave, withdrawn
from bot.ports import Store, TrackedWallet
from bot.trading.copying import RULES_MAX, Copy, CopyRule, CopyState, RuleState
from bot.trading.intent import IN_FLIGHT, Side

log = structlog.get_logger()

LATEST = 200  # copies of a user among which buys on their way are looked for


class Fate(StrEnum):
    """What becomes of open copies when their user copies a leader no more."""

    KEEP = "keep"  # they stay, with their own exits
    SELL = "sell"  # they are sold now
    FOLLOW = "follow"  # they are sold as the leader sells his


async def leave_all(store: Store, user_id: str, why: str) -> int:
    """Have a user's rules buy nothing more, while what is open is still sold as their leaders sell; how many did buy."""
    buying = [rule for rule in await store.copy_rules(user_id) if rule.state is RuleState.ACTIVE]
    for rule in buying:
        await store.move_copy_rule(replace(rule, state=RuleState.LEAVING, why=why, version=rule.version + 1))
    return len(buying)


@dataclass(frozen=True, slots=True)
class CopyBook:
    """`tracking_changed` starts or stops the scanner of a wallet, `look_again` has what is owed taken up."""

    store: Store
    clock: Clock
    tracking_changed: Callable[[], Awaitable[None]]
    look_again: Callable[[], None]

    async def begin(self, rule: CopyRule) -> bool:
        """Copy a leader from now on; False where the user copies him, or too many, already. The same rule again is True."""
        await self.store.track(TrackedWallet(rule.user_id, rule.leader, rule.label, rule.since_ms))
        if not await self.store.place_copy_rule(rule, most=RULES_MAX):
            return False
        log.info("copying_begins", rule=rule.id, user=rule.user_id, leader=rule.leader, sizing=rule.sizing)
        with suppress(Unavailable):  # the rows are there, and whoever starts the hunt again follows the wallet
            await self.tracking_changed()
        return True

    async def change(self, rule: CopyRule) -> bool:
        """Copy a leader on other terms from now on, with all that is open; False where the rule has moved since.

        The same change again is True.
        """
        if await self.store.change_copy_rule(rule):
            log.info("copying_changes", rule=rule.id, user=rule.user_id, leader=rule.leader, sizing=rule.sizing)
            return True
        stored = await self.store.copy_rule(rule.id)
        return stored is not None and stored.code == rule.code and stored.state is RuleState.ACTIVE

    async def stop(self, rule: CopyRule, fate: Fate, why: str) -> int:
        """Copy no buy any more; how many tokens the rule's copies hold, or are buying, at this moment."""
        mints = await self._open_mints(rule)
        goes_on = fate is Fate.FOLLOW and bool(mints)
        if fate is Fate.SELL and mints:  # before the end of the rule, by which a command that is done again finds it
            await self.store.add_copies([self._sale(rule, mint, place) for place, mint in enumerate(mints)])
            self.look_again()
        now_ms = self.clock.now_ms()
        while True:
            after = replace(
                rule,
                state=RuleState.LEAVING if goes_on else RuleState.STOPPED,
                why=why,
                version=rule.version + 1,
                closed_at_ms=None if goes_on else now_ms,
            )
            if await self.store.move_copy_rule(after):
                break
            rule = await self.store.copy_rule(rule.id) or rule
            if rule.state is RuleState.STOPPED:
                break
        log.info("copying_ends", rule=rule.id, user=rule.user_id, leader=rule.leader, fate=fate, open=len(mints))
        return len(mints)

    async def end_left(self) -> None:
        """Leave the leaders who allow it no more, and stop the rules that only followed theirs out and have nothing left."""
        active = [rule for rule in await self.store.copy_rules() if rule.state is RuleState.ACTIVE]
        gone = await withdrawn(self.store, active)
        for rule in active:
            if rule.id in gone:
                await leave(self.store, self.clock, rule, gone[rule.id])
        for rule in await self.store.copy_rules():
            if rule.state is RuleState.LEAVING and not await self._open_mints(rule):
                now_ms = self.clock.now_ms()
                after = replace(rule, state=RuleState.STOPPED, version=rule.version + 1, closed_at_ms=now_ms)
                await self.store.move_copy_rule(after)

    async def _open_mints(self, rule: CopyRule) -> list[str]:
        """The tokens that a rule's copies hold, are buying, or are still to sell."""
        held = [one.mint for one in await self.store.copy_holdings([rule.id])]
        coming = [
            told.copy.mint
            for told in await self.store.copies_of(rule.user_id, LATEST)
            if told.copy.rule_id == rule.id
            and (told.copy.state is CopyState.OWED or (told.copy.side is Side.BUY and told.order in IN_FLIGHT))
        ]
        return list(dict.fromkeys(held + coming))

    def _sale(self, rule: CopyRule, mint: str, place: int) -> Copy:
        """All of it; its key is the rule's end, so that a command that is done again sells nothing twice."""
        now_ms = self.clock.now_ms()
        return Copy(
            id=self.clock.new_id(),
            rule_id=rule.id,
            user_id=rule.user_id,
            wallet_id=rule.wallet_id,
            mode=rule.mode,
            leader=rule.leader,
            signature=f"stop:{rule.id}",
            instruction=place,
            mint=mint,
            side=Side.SELL,
            leader_lamports=0,
            leader_token_raw=1,
            held_before_raw=1,
            seen_at_ms=now_ms,
            decided_at_ms=now_ms,
            reason=f"copies {rule.label} no more",
        )
