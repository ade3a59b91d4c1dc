"""Who shows his results to others: the leaderboard and one's own page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog

from bot.clock import Clock
from bot.commands import Command
from bot.execution.copy_news import share_set_message
from bot.execution.trader_book import TraderBook
from bot.pictures.plain import BoardPicture
from bot.ports import Store
from bot.telegram.chat import Answer, Handler, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.trader_pictures import TraderPictures, board_picture
from bot.telegram.trader_text import counts_text, leaderboard_text, shares_text, trader_text
from bot.trading.copying import RuleState
from bot.trading.intent import Mode
from bot.trading.trader import HANDLES_MAX, SHARE_MAX_BPS, Trader, handle_of
from bot.trading.units import AmountError, format_percent, parse_percent

log = structlog.get_logger()

RETENTION_DAYS = 7
NOBODY = "there is no trader of that handle who shows his results; /leaderboard lists them"
SHOWN_NOW = (
    "From now on others see your closed positions as sums, your result by week, your reputation and how many copy"
    " you, with money and on paper apart, under the handle {handle}; they see no address, no Telegram name, and no single"
    " trade. Nobody copies you by it unless you allow it with /settings copyable on. /trader off ends it."
)
DELISTED = " The leaderboard does not list you, and nobody copies you by it: an admin has delisted you: {why}"
HIDDEN_NOW = "You are shown no more. The handle stays yours, and nobody else gets it."
STILL_COPIED = " Those who copy you go on, and nobody begins to; /settings copyable off ends that too."


@dataclass(frozen=True, slots=True)
class TraderHandlers:
    """`/leaderboard` and `/trader`."""

    store: Store
    clock: Clock
    book: TraderBook

    def commands(self) -> dict[str, Handler]:
        """Its handlers by the names of their commands."""
        return {"leaderboard": self.leaderboard, "trader": self.trader}

    async def leaderboard(self, _: Incoming, arguments: tuple[str, ...], command: Command) -> Answer:
        mode, words = _mode(arguments)
        if words:
            raise wrong_usage(command)
        standings = await self.book.ranking(mode)
        return Answer(leaderboard_text(standings, mode), picture=partial(self._drawn, mode) if standings else None)

    async def _drawn(self, mode: Mode) -> BoardPicture:
        return board_picture(await self.book.ranking(mode), mode)

    async def trader(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        user = known(incoming)
        match tuple(word.lower() for word in arguments):
            case ("on", _):
                return await self._open(user.id, arguments[1])
            case ("off",):
                return await self._hide(user.id)
            case ("share", share):
                return await self._share(user.id, share, incoming.key)
        mode, words = _mode(arguments)
        if len(words) > 1:
            raise wrong_usage(command)
        trader = await (self._named(words[0]) if words else self.store.trader(user.id))
        if trader is None:
            return "You are not shown to anybody. /trader on HANDLE shows your results under a name that you choose."
        standing = await self.book.standing(trader, mode)
        shares = await self._shares(trader, user.id)
        picture = partial(TraderPictures(self.store, self.clock).of_trader, trader.user_id, trader.handle, mode)
        text = trader_text(standing, mode, is_mine=trader.user_id == user.id)
        return Answer("\n".join([text, *shares]), picture=picture)

    async def _shares(self, trader: Trader, reader_id: str) -> list[str]:
        """What copies of a trader came to, for himself or a follower of his, with every sale up to now."""
        await self.store.book_shares(trader.user_id, self.clock.now_ms())
        return shares_text(await self.store.share_sums(trader.user_id), reader_id, trader.user_id)

    async def counts(self) -> str:
        """How many show themselves, and how their followers stay."""
        traders = await self.store.traders()
        counts = await self.store.follower_counts(self.clock.now_ms(), RETENTION_DAYS)
        return counts_text(counts, len(traders), sum(not one.is_listed for one in traders))

    async def _open(self, user_id: str, typed: str) -> str:
        try:
            handle = handle_of(typed)
        except AmountError as error:
            raise UsageError(str(error)) from None
        now_ms = self.clock.now_ms()
        if not await self.store.open_profile(Trader(user_id, handle, now_ms), now_ms):
            mine = await self.store.handles(user_id)
            if len(mine) >= HANDLES_MAX:
                raise UsageError(
                    f"{handle} is not yours: you have had {HANDLES_MAX} handles, which is the most; take one of"
                    f" {', '.join(mine)}"
                )
            raise UsageError(f"{handle} is taken, or looks like one that is; choose another handle")
        self.book.changed()
        log.info("trader_shown", user=user_id)
        delisted = await self.store.delisted_why(user_id)
        return SHOWN_NOW.format(handle=handle) + (DELISTED.format(why=delisted) if delisted else "")

    async def _hide(self, user_id: str) -> str:
        gone = await self.store.close_profile(user_id, self.clock.now_ms())
        self.book.changed()
        if not gone:
            return "You are not shown to anybody."
        is_copied = any([await self.store.followers([user_id], mode) for mode in Mode])
        return HIDDEN_NOW + (STILL_COPIED if is_copied else "")

    async def _share(self, user_id: str, typed: str, cause: str) -> str:
        try:
            share_bps = 0 if typed in {"0", "0%"} else parse_percent(typed)
        except AmountError as error:
            raise UsageError(str(error)) from None
        if share_bps > SHARE_MAX_BPS:
            raise UsageError(f"a share is at most {format_percent(SHARE_MAX_BPS)}")
        before = await self.store.trader(user_id)
        if before is None or not await self.store.set_share(user_id, share_bps, self.clock.now_ms()):
            raise UsageError("you are not shown to anybody; /trader on HANDLE first")
        self.book.changed()
        if before.share_bps != share_bps:
            copied_by = [
                rule
                for rule in await self.store.copy_rules()
                if rule.by_handle and rule.leader_user_id == user_id and rule.state is RuleState.ACTIVE
            ]
            told = [share_set_message(self.clock, rule, share_bps, before.share_bps, cause) for rule in copied_by]
            await self.store.post_all(told)
        return (
            f"From now on {format_percent(share_bps)} of what a follower gains above his best so far is written down as"
            " yours, and who copies you is told. It is a figure for the two of you: no money moves by it."
        )

    async def delist(self, by: str, handle: str, why: str) -> str:
        """Take a trader off the leaderboard, or with an empty reason let him back."""
        trader = await self._named(handle)
        if trader.delisted_why == why:
            return f"{trader.handle} is {'delisted' if why else 'listed'} already."
        await self.store.set_delisted(trader.user_id, why, by, self.clock.now_ms())
        self.book.changed()
        log.warning("trader_delisted" if why else "trader_listed", user=trader.user_id, by=by)
        if why:
            return f"{trader.handle} is on the leaderboard no more; his page says why. It is in the audit."
        return f"{trader.handle} may be on the leaderboard again. It is in the audit."

    async def _named(self, word: str) -> Trader:
        trader = await self.store.trader_by_handle(word.removeprefix("@").lower())
        if trader is None:
            raise UsageError(NOBODY)
        return trader


def _mode(arguments: tuple[str, ...]) -> tuple[Mode, list[str]]:
    """The mode whose results are meant, live unless paper is named, and the other words."""
    words = [word.lower() for word in arguments]
    named = [mode for mode in (Mode.LIVE, Mode.PAPER) if mode.value in words]
    return named[0] if named else Mode.LIVE, [word for word in words if word not in {one.value for one in named}]
