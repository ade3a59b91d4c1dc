"""The chat's handlers bound to a bot: the same for Telegram and for the console."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version

from bot.execution.borne_out import BorneOut
from bot.status import StatusBoard
from bot.telegram.chat import Chat
from bot.telegram.handlers import (
    About,
    AboutHandlers,
    AccountHandlers,
    AlertHandlers,
    BookHandlers,
    LeavingHandlers,
    ModeHandlers,
    PeopleHandlers,
    PreferenceHandlers,
    Pulse,
    StandingHandlers,
    TokenHandlers,
    TradeHandlers,
    WalletHandlers,
    WatchingHandlers,
    make_chat,
)
from bot.telegram.handlers.about import LOCAL
from bot.telegram.roles import role_of
from bot.trace import Tracer
from bot.trading.intent import Mode
from bot.tree import TradingBot
from bot.users import ModeSwitch, Registrar

DISTRIBUTION = "trading-bot"


def chat_of(bot: TradingBot, board: StatusBoard, registrar: Registrar, modes: Sequence[Mode]) -> Chat:
    """Every command of the table; `modes` are those that a user may choose between."""
    store, chain, clock = bot.adapters.store, bot.adapters.chain, bot.adapters.clock
    changed, closed = bot.hunt.sniper_changed, bot.desk.pipeline.closed_by_loss
    roles = role_of(store)
    switch = ModeSwitch(store, bot.adapters.vault, clock, tuple(modes), bot.hunt.mode_changed)
    standing = StandingHandlers(store, chain, clock, bot.policy.ceilings, bot.hunt.standing_changed)
    about = AboutHandlers(
        store,
        clock,
        About(version(DISTRIBUTION), board.cluster),
        partial(_pulse, bot, board),
        board.words.line,
        Tracer(bot).diag,
    )
    return make_chat(
        AccountHandlers(
            store,
            chain,
            clock,
            registrar.register,
            registrar.admission.admits,
            changed,
            board.words.line,
            closed,
            roles,
        ),
        TradeHandlers(store, chain, bot.desk, clock, bot.panic, changed, board.words, standing.take_back),
        PreferenceHandlers(store, clock, bot.guard, changed, bot.policy.ceilings),
        WatchingHandlers(store, chain, clock, bot.hunt.tracking_changed, bot.hunt.scanned),
        TokenHandlers(
            store, chain, clock, bot.market.historian, bot.market.dollars.micro_usd, BorneOut(chain, bot.prices, clock)
        ),
        about=about,
        alerts=AlertHandlers(store, clock),
        books=BookHandlers(store, clock),
        leaving=LeavingHandlers(
            store,
            chain,
            clock,
            bot.panic,
            changed,
            bot.hunt.tracking_changed,
            bot.guard.resume_user,
            is_play_money=board.cluster == LOCAL,
        ),
        modes=ModeHandlers(switch, store, chain),
        people=PeopleHandlers(store, clock, roles, registrar.admission.operators),
        standing=standing,
        wallets=WalletHandlers(store, clock, about.wallets, registrar.add_wallet, bot.hunt.mode_changed),
        words=board.words,
    )


def _pulse(bot: TradingBot, board: StatusBoard) -> Pulse:
    """A service that nothing has been asked of yet, or that is not in use, is left out."""
    services = {name: health.healthy for name, health in bot.health.items() if health.since_ms}
    return Pulse(bot.guard.state, bot.guard.level, board.uptime_s, services)
