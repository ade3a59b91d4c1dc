"""Leaving: what stands in the way of closing an account, in the order in which it has to go, and what is erased."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bot.clock import Clock
from bot.commands import Command
from bot.errors import Conflict
from bot.ports import Chain, Store, User
from bot.telegram.chat import Incoming
from bot.telegram.handlers.account import known
from bot.telegram.parsing import wrong_usage
from bot.trading.intent import Mode
from bot.trading.units import counted, format_sol

SURE = "yes"
MEANS = (
    "Closing your account sells what you hold, at any price, and then erases who you are: your Telegram id, the wallets that"
    " you follow with their labels, and what you are told of. Your orders, trades and ledger stay under a number that names"
    " nobody, because books are never changed. It cannot be undone; whoever comes back begins anew, with another wallet."
)
GOODBYE = (
    "Your account is closed, and what said who you are is erased. The sealed keys of your wallets, which are empty, are kept"
    " under a number, so that what somebody sends there by mistake is not lost; do not send anything there. For three"
    " days your number stands beside your latest messages, so that none is done twice. What is in this chat is yours to delete."
    " Goodbye."
)
DELISTED_KEPT = (
    " That an admin has delisted you, and why, is kept beside a hash of your Telegram id, and holds when you come back."
)
ON_ITS_WAY = (
    "An order of yours is still on its way, so nothing was closed yet. Send this again when /orders shows none."
)


@dataclass(frozen=True, slots=True)
class LeavingHandlers:
    """`sell_everything` orders the sale of all positions and says how many there are.

    `resume` ends what a user has paused himself, which would stand for somebody whom nobody knows.
    `is_play_money` says that live wallets hold none but play money, as on the bot's own local chain.
    """

    store: Store
    chain: Chain
    clock: Clock
    sell_everything: Callable[[str], Awaitable[int]]
    snipers_changed: Callable[[str], Awaitable[None]]
    tracking_changed: Callable[[], Awaitable[None]]
    resume: Callable[[str], Awaitable[bool]]
    is_play_money: bool

    async def close_account(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        user = known(incoming)
        if arguments not in {(), (SURE,)}:
            raise wrong_usage(command)
        if not arguments:
            return f"{MEANS}\n{await self._in_the_way(user)}To close it: /{command.name} {SURE}"
        await self.store.change_settings(user.id, lambda stored: replace(stored, snipe_enabled=False), by=user.id)
        await self.store.stop_auto(user.id)
        await self.snipers_changed(user.id)
        if copied := await self.store.copy_rules(user.id):
            return (
                f"You copy {counted(len(copied), 'trader')}. Leave each first, with /stop_copy, and /copies shows whom; then send"
                " this again."
            )
        if await self.store.open_positions(user.id):
            selling = await self.sell_everything(user.id)
            return (
                f"Your sniper is off, your entries are paused, and {counted(selling, 'position')} of yours is being sold at any"
                f" price. Send /{command.name} {SURE} again when /positions shows none."
            )
        if standing := await self.store.standing_orders(user.id):
            return (
                f"You have {counted(len(standing), 'order')} that wait for a price. Take each back first, /orders shows how;"
                " then send this again."
            )
        if money := await self._money(user):
            return f"{money} Your account stays open until it is empty, and nothing is bought for you by itself."
        delisted = await self.store.delisted_why(user.id)
        try:
            await self.store.close_account(user.id, self.clock.now_ms())
        except Conflict:
            return ON_ITS_WAY
        await self.resume(user.id)
        await self.tracking_changed()
        return GOODBYE + (DELISTED_KEPT if delisted else "")

    async def _in_the_way(self, user: User) -> str:
        """What closing meets first, as a line of its own; nothing where it could be done at once."""
        positions = len(await self.store.open_positions(user.id))
        sold = f"{counted(positions, 'position')} of yours would be sold first." if positions else ""
        line = " ".join(filter(None, [sold, await self._money(user)]))
        return f"{line}\n" if line else ""

    async def _money(self, user: User) -> str:
        """What lies in the wallets that hold more than play money, and so stands in the way; empty where nothing does."""
        if self.is_play_money:
            return ""
        for wallet in await self.store.wallets(user.id):
            if wallet.mode is not Mode.LIVE:
                continue
            balances = await self.chain.balances(wallet.address)
            tokens = sum(raw > 0 for raw in balances.token_raw.values())
            if balances.lamports or tokens:
                return (
                    f"Your wallet {wallet.address} holds {format_sol(balances.lamports)} SOL and tokens of"
                    f" {counted(tokens, 'mint')}, and to erase who you are would take them from you. /withdraw all sends the SOL"
                    " to an address of your own; tokens that no position of yours holds this version cannot send."
                )
        return ""
