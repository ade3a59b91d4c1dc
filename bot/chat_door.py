"""The chat's handlers bound to a bot: the same for Telegram and for the console."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

import trio
from pydantic import SecretStr

from actors.position_cards import PositionCards
from bot import logs
from bot.adapters import Chats
from bot.api_keys import TELEGRAM, ApiKeys
from bot.commands import CONSENT_TEXT, PAPER_CONSENT_TEXT
from bot.compose import telegram_token
from bot.config_verbs import config_verbs
from bot.execution.borne_out import BorneOut
from bot.execution.message_book import MessageBook
from bot.execution.trader_book import TraderBook
from bot.ports import ChatApi, Messenger, SpareEdits, Store
from bot.runtime_config import RuntimeConfig
from bot.settings import Telegram
from bot.status import StatusBoard
from bot.telegram.card_text import PositionFace
from bot.telegram.chat import Chat
from bot.telegram.gateway_door import TelegramDoor, TelegramMessenger
from bot.telegram.gateway_pacing import PacedChat
from bot.telegram.handlers import (
    About,
    AboutHandlers,
    AccountHandlers,
    AlertHandlers,
    AutoTradingHandlers,
    BookHandlers,
    CardHandlers,
    CommunityHandlers,
    ConfigHandlers,
    CopyHandlers,
    ExportHandlers,
    FollowingHandlers,
    FreezeHandlers,
    GuardedHandlers,
    LeavingHandlers,
    ModeHandlers,
    OperationsHandlers,
    OpinionHandlers,
    PaperHandlers,
    PeopleHandlers,
    PreferenceHandlers,
    Pulse,
    SecurityHandlers,
    StandingHandlers,
    SweepHandlers,
    TokenHandlers,
    TradeHandlers,
    TraderHandlers,
    WalletHandlers,
    WatchingHandlers,
    WithdrawHandlers,
    make_chat,
)
from bot.telegram.handlers.about import LOCAL
from bot.telegram.handlers.resets import WalletResets
from bot.telegram.own_pictures import OwnPictures
from bot.telegram.read_quota import ReadQuota
from bot.telegram.roles import role_of
from bot.trace import Tracer
from bot.trading.intent import Mode
from bot.trading.limits import Ceilings
from bot.tree import TradingBot
from bot.users import ModeSwitch, Registrar

DISTRIBUTION = "trading-bot"


def chat_of(
    bot: TradingBot, board: StatusBoard, registrar: Registrar, modes: Sequence[Mode], config: RuntimeConfig
) -> Chat:
    """Every command of the table; `modes` are those that a user may choose between."""
    store, chain, clock = bot.adapters.store, bot.adapters.chain, bot.adapters.clock
    changed = bot.hunt.sniper_changed
    roles = role_of(store)

    def ceilings() -> Ceilings:
        return bot.policy.ceilings

    switch = ModeSwitch(store, bot.adapters.vault, clock, tuple(modes), bot.hunt.mode_changed, registrar.admission)
    standing = StandingHandlers(store, chain, clock, ceilings, bot.hunt.standing_changed)
    copying = CopyHandlers(store, clock, bot.hunt.copies.book, ceilings, bot.hunt.scanned, bot.guard.freezes)
    trade = TradeHandlers(
        store,
        chain,
        bot.desk,
        clock,
        bot.panic,
        bot.hunt.hunters_changed,
        board.words,
        (copying.take_back, standing.take_back),
        copying.accept,
    )
    tokens = _tokens(bot)
    about = AboutHandlers(
        store,
        clock,
        About(version(DISTRIBUTION), board.cluster),
        partial(_pulse, bot, board),
        board.words.line,
        Tracer(bot).diag,
    )
    return make_chat(
        _account(bot, board, registrar, modes),
        trade,
        PreferenceHandlers(store, clock, bot.guard, changed, ceilings),
        WatchingHandlers(store, clock),
        tokens,
        about=about,
        alerts=AlertHandlers(store, clock),
        books=BookHandlers(store, clock),
        cards=CardHandlers(store, chain, clock, PositionFace()),
        config=ConfigHandlers(store, config_verbs(config)),
        following=_following(bot),
        copying=copying,
        guarded=_guarded(bot),
        leaving=_leaving(bot, is_play_money=board.cluster == LOCAL),
        modes=ModeHandlers(switch, store, chain, moves_money=registrar.admission.moves_money),
        operations=OperationsHandlers(store, clock, logs.TROUBLES.latest, board.status),
        opinions=OpinionHandlers(
            tokens, bot.hunt.opinions, bot.market.analyses, bot.market.social, ceilings, trade.buy_by
        ),
        paper=PaperHandlers(trade, switch, store),
        people=PeopleHandlers(store, clock, roles, registrar.admission.operators),
        standing=standing,
        community=CommunityHandlers(
            store, clock, TraderHandlers(store, clock, TraderBook(store, clock)), bot.market.analyses
        ),
        wallets=_wallets(bot, about, registrar),
        words=board.words,
        quota=ReadQuota(bot.policy.user_credits_per_minute, trio.current_time),
    )


def _leaving(bot: TradingBot, *, is_play_money: bool) -> LeavingHandlers:
    store, chain, clock, hunt = bot.adapters.store, bot.adapters.chain, bot.adapters.clock, bot.hunt
    return LeavingHandlers(
        store,
        chain,
        clock,
        bot.panic,
        hunt.hunters_changed,
        hunt.tracking_changed,
        bot.guard.resume_user,
        is_play_money=is_play_money,
    )


def _following(bot: TradingBot) -> FollowingHandlers:
    store, clock, hunt = bot.adapters.store, bot.adapters.clock, bot.hunt
    auto = AutoTradingHandlers(store, clock, lambda: bot.policy.ceilings, hunt.standings, hunt.auto_changed)
    return FollowingHandlers(store, clock, hunt.tracking_changed, hunt.scanned, hunt.standings, hunt.early, auto)


def _wallets(bot: TradingBot, about: AboutHandlers, registrar: Registrar) -> WalletHandlers:
    store, clock = bot.adapters.store, bot.adapters.clock
    resets = WalletResets(store, bot.policy.paper_start_lamports)
    return WalletHandlers(store, clock, about.wallets, registrar.add_wallet, bot.hunt.mode_changed, resets)


def _guarded(bot: TradingBot) -> GuardedHandlers:
    store, chain, vault, clock = bot.adapters.store, bot.adapters.chain, bot.adapters.vault, bot.adapters.clock
    withdrawals = WithdrawHandlers(store, chain, vault, clock, bot.desk.withdraw)
    return GuardedHandlers(
        SecurityHandlers(store, vault, clock),
        withdrawals,
        ExportHandlers(store, vault, clock),
        FreezeHandlers(store, clock, bot.guard, bot.freezes),
        SweepHandlers(withdrawals),
    )


def _tokens(bot: TradingBot) -> TokenHandlers:
    market, chain, clock = bot.market, bot.adapters.chain, bot.adapters.clock
    borne_out = BorneOut(chain, bot.prices, clock)
    return TokenHandlers(
        bot.adapters.store, chain, clock, market.historian, market.dollars.micro_usd, borne_out, market.hearsay
    )


def _account(bot: TradingBot, board: StatusBoard, registrar: Registrar, modes: Sequence[Mode]) -> AccountHandlers:
    """Where all wallets are virtual, a newcomer agrees to other words."""
    return AccountHandlers(
        bot.adapters.store,
        bot.adapters.chain,
        bot.adapters.clock,
        registrar.register,
        registrar.admission.admits,
        bot.hunt.sniper_changed,
        board.words.line,
        bot.desk.pipeline.closed_by_loss,
        role_of(bot.adapters.store),
        PAPER_CONSENT_TEXT if set(modes) == {Mode.PAPER} else CONSENT_TEXT,
    )


def chats_of(bot: TradingBot, api: PacedChat | None, chat: Chat, book: MessageBook) -> Chats | None:
    """Both sides of Telegram; None without it."""
    if api is None:
        return None
    return Chats(api, TelegramDoor(bot.adapters.store, chat, book), cards_of(bot, api, book).run)


def telegram_messenger(api: ChatApi, console: Messenger, book: MessageBook, store: Store) -> TelegramMessenger:
    """Who tells users by themselves, in Telegram and on consoles."""
    return TelegramMessenger(api, console, book, OwnPictures(store).of_message)


@asynccontextmanager
async def open_chat_service(chosen: Telegram, api_keys: ApiKeys) -> AsyncIterator[PacedChat | None]:
    """The chat service, None without a token. Only with one is the library behind it loaded; a new one is used at once."""
    token = telegram_token(chosen)
    if token is None:
        yield None
        return
    from bot.telegram.client import open_telegram
    from bot.telegram.webhook import WebhookTerms

    webhook = None if chosen.webhook_url is None else WebhookTerms(chosen.webhook_url, chosen.webhook_port)
    async with open_telegram(token, base_url=chosen.base_url, webhook=webhook) as client:
        if (current := api_keys.of_service(TELEGRAM)) is not None:
            api_keys.tell_service(TELEGRAM, lambda: client.use(SecretStr(current())))
        yield PacedChat(client)


def cards_of(bot: TradingBot, api: SpareEdits, book: MessageBook) -> PositionCards:
    """Who keeps cards of positions current in the chats behind `api`."""
    adapters = bot.adapters
    return PositionCards(
        adapters.store,
        adapters.chain,
        bot.prices,
        adapters.clock,
        api,
        PositionFace(),
        book,
        lambda position_id: bot.in_flight.exit_of(position_id) is not None,
    )


def _pulse(bot: TradingBot, board: StatusBoard) -> Pulse:
    """A service that nothing has been asked of yet, or that is not in use, is left out."""
    services = {name: health.healthy for name, health in bot.health.items() if health.since_ms}
    return Pulse(bot.guard.state, bot.guard.level, board.uptime_s, services)
