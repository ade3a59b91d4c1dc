"""Several wallets of one user: made, named, bound to what buys from them, and set back where they are virtual."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.clock import Clock
from bot.commands import Command
from bot.ports import Store, User, Wallet
from bot.telegram.chat import Handler, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.resets import WalletResets
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.wallet_words import BUYS
from bot.telegram.words import mode_label
from bot.trading.intent import Mode
from bot.trading.strategy import Strategy

WALLETS_MAX = 5  # of one user and mode
_NAME = re.compile(r"[a-z0-9_-]{1,16}")


@dataclass(frozen=True, slots=True)
class WalletHandlers:
    """`listed` answers /wallets without more. `add` makes a wallet of the user's mode, None where one is called so already.

    `rebound` lets a user's sniper buy from the wallet that is its own now.
    """

    store: Store
    clock: Clock
    listed: Handler
    add: Callable[[User, str], Awaitable[Wallet | None]]
    rebound: Callable[[str], Awaitable[None]]
    resets: WalletResets

    async def wallets(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        verb, *rest = [word.lower() for word in arguments] or [""]
        words = tuple(rest)
        if not verb:
            told = await self.listed(incoming, (), command)
            assert isinstance(told, str)
            return told
        user = known(incoming)
        mine = [one for one in await self.store.wallets(user.id) if one.mode is user.mode]
        if (verb, len(words)) == ("add", 1):
            return await self._add(user, mine, _name(words[0]))
        if (verb, len(words)) == ("rename", 2):
            return await self._rename(user, _named(mine, words[0]), _name(words[1]))
        if (verb, len(words)) == ("use", 2):
            return await self._use(user, _named(mine, words[0]), words[1])
        if (verb, words[1:]) in {("reset", ()), ("reset", ("yes",))} and words:
            virtual = [one for one in await self.store.wallets(user.id) if one.mode is not Mode.LIVE]
            virtual.sort(key=lambda one: one.mode is not user.mode)  # of two that are called so that of his mode
            return await self.resets.reset(_named(virtual or mine, words[0]), agreed=len(words) == 2)
        raise wrong_usage(command)

    async def _add(self, user: User, mine: list[Wallet], name: str) -> str:
        if len(mine) >= WALLETS_MAX:
            raise UsageError(f"you have {WALLETS_MAX} wallets of mode {user.mode.value}, which is the most")
        wallet = await self.add(user, name)
        if wallet is None:
            raise UsageError(f"a wallet of yours is called {name} already")
        return (
            f"{mode_label(user.mode.value)} Your wallet {name} is {wallet.address}. Nothing buys from it yet: /wallets use {name}"
            f" sniper lets your sniper do so, and nothing but what lies in it can be lost by that."
        )

    async def _rename(self, user: User, wallet: Wallet, name: str) -> str:
        if not await self.store.rename_wallet(user.id, wallet.id, name):
            raise UsageError(f"a wallet of yours is called {name} already")
        return f"{mode_label(user.mode.value)} {wallet.name} is called {name} from now on."

    async def _use(self, user: User, wallet: Wallet, word: str) -> str:
        if word not in set(Strategy):
            raise UsageError(f"there is no such strategy; it is one of: {', '.join(Strategy)}")
        strategy = Strategy(word)
        await self.store.bind_wallet(user.id, wallet.id, strategy, self.clock.now_ms())
        if strategy is Strategy.SNIPER:
            await self.rebound(user.id)
        return (
            f"{mode_label(user.mode.value)} From now on {BUYS[strategy]} is paid by {wallet.name} ({wallet.address})."
            " What other wallets hold stays there, and its exits go on. Orders that wait already keep their wallet."
        )


def _name(word: str) -> str:
    if not _NAME.fullmatch(word):
        raise UsageError("a wallet's name has 1 to 16 small letters, digits, hyphens or underscores")
    return word


def _named(mine: list[Wallet], word: str) -> Wallet:
    for wallet in mine:
        if wallet.name == word:
            return wallet
    raise UsageError(f"you have no wallet {word[:16]!r} in this mode; yours are: {', '.join(one.name for one in mine)}")
