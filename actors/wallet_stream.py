"""Follows the source that tells what all followed wallets do, where there is one; the scanners take it from there."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from actors.runtime import Context, Ignore, IgnoreType
from bot.ports import WalletListener, WalletNews


@dataclass(slots=True)
class WalletStreamLink:
    """`news` is None where no such source is configured; there is nothing to run then.

    A source that is away pauses nobody: the wallets' histories are read instead.
    """

    news: WalletNews | None
    listener: WalletListener

    async def run(self, ctx: Context) -> IgnoreType:
        if self.news is not None:
            ctx.ready()
            await self.news.follow(self.listener)
        await trio.lowlevel.checkpoint()
        return Ignore
