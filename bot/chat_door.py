"""The chat's handlers bound to a bot: the same for Telegram and for the console."""

from __future__ import annotations

from collections.abc import Sequence

from bot.status import StatusBoard
from bot.telegram.chat import Chat
from bot.telegram.handlers import (
    AccountHandlers,
    BookHandlers,
    ModeHandlers,
    PreferenceHandlers,
    TokenHandlers,
    TradeHandlers,
    WatchingHandlers,
    make_chat,
)
from bot.trading.intent import Mode
from bot.tree import TradingBot
from bot.users import ModeSwitch, Registrar


def chat_of(bot: TradingBot, board: StatusBoard, registrar: Registrar, modes: Sequence[Mode]) -> Chat:
    """Every command of the table; `modes` are those that a user may choose between."""
    store, chain, clock = bot.adapters.store, bot.adapters.chain, bot.adapters.clock
    changed, closed = bot.hunt.sniper_changed, bot.desk.pipeline.closed_by_loss
    switch = ModeSwitch(store, bot.adapters.vault, clock, tuple(modes), bot.hunt.mode_changed)
    return make_chat(
        AccountHandlers(store, chain, clock, registrar.register, changed, board.words.line, closed),
        TradeHandlers(store, chain, bot.desk, clock, bot.panic, changed, board.words),
        PreferenceHandlers(store, clock, bot.guard, changed, bot.policy.ceilings),
        WatchingHandlers(store, chain, clock, bot.hunt.tracking_changed, bot.hunt.scanned),
        TokenHandlers(store, chain, clock, bot.market.historian, bot.market.dollars.micro_usd),
        books=BookHandlers(store, clock),
        modes=ModeHandlers(switch, store, chain),
        words=board.words,
    )
