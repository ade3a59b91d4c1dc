"""The automated traders below the hunt: who has one, which swaps it hears of, and its start and end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from actors.auto_trader import AutoPorts, AutoTrader
from actors.runtime import ActorDead, AlreadyPresent, AlreadyStarted, MailboxFull, NotFound, Supervision, Supervisor
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.wallet_standings import WalletStandings
from bot.ports import Desk, Store, TrackedWallet, wallet_in
from bot.trading.leader_swap import LeaderSwap
from bot.trading.strategy import Strategy

log = structlog.get_logger()


@dataclass(slots=True, repr=False)
class AutoTraders:
    """One child per user whose plan is on. `supervisor` finds a running supervisor by its path, or raises Unavailable."""

    store: Store
    desk: Desk
    clock: Clock
    standings: WalletStandings
    supervisor: Callable[..., Supervisor]
    _ports: AutoPorts = field(init=False)
    _labels: dict[str, dict[str, str]] = field(
        default_factory=dict
    )  # by user, what he calls each wallet that he follows
    _followers: dict[str, list[str]] = field(default_factory=dict)  # by wallet, users

    def __post_init__(self) -> None:
        self._ports = AutoPorts(
            self.store,
            self.desk,
            self.clock,
            lambda user_id: self._labels.get(user_id, {}),
            self.standings.points,
            self.clock.now_ms(),
        )

    def follow(self, tracked: Sequence[TrackedWallet]) -> None:
        """Who follows whom from now on."""
        self._labels, self._followers = {}, {}
        for one in tracked:
            self._labels.setdefault(one.user_id, {})[one.address] = one.label
            self._followers.setdefault(one.address, []).append(one.user_id)

    async def populate(self, supervision: Supervision) -> None:
        """A trader for each plan that is on."""
        for plan in await self.store.auto_plans():
            await self.changed(plan.user_id, supervision)

    async def changed(self, user_id: str, supervision: Supervision) -> None:
        """Start, stop or replace a user's trader after his plan and his mode."""
        traders = self.supervisor("hunt", "auto_traders")
        plan = await self.store.auto_plan(user_id)
        if traders.state_of(user_id) is not None:
            with suppress(NotFound):  # another change of his was quicker
                await traders.terminate_child(user_id)
        if not plan.is_on:
            return
        user = next(user for user in await self.store.users() if user.id == user_id)
        wallet = wallet_in(await self.store.wallets(user_id), user.mode, Strategy.AUTO)
        trader = AutoTrader(user, wallet, plan, self._ports)
        with suppress(AlreadyStarted, AlreadyPresent):
            await traders.start_child(supervision.child("auto_trader", id=user_id, start=trader))

    def swapped(self, swap: LeaderSwap) -> None:
        """Hand a swap to the traders of all who follow its wallet; one that is behind loses it, and says so."""
        followers = self._followers.get(swap.wallet)
        if not followers:
            return
        try:
            traders = self.supervisor("hunt", "auto_traders")
        except Unavailable as error:
            log.info("swap_without_traders", wallet=swap.wallet, reason=str(error))
            return
        for user_id in followers:
            if traders.state_of(user_id) is None:
                continue
            try:
                traders.ref(user_id).tell(swap)
            except (ActorDead, MailboxFull, NotFound) as error:
                log.info("swap_dropped", user=user_id, mint=swap.mint, reason=str(error))
