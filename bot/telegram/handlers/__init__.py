"""One file per noun of the chat: what each command does through the ports."""

from __future__ import annotations

from collections.abc import Mapping

from bot.commands import COMMANDS
from bot.telegram.chat import Chat, Handler, Words
from bot.telegram.handlers.about import About, AboutHandlers, Pulse
from bot.telegram.handlers.account import AccountHandlers
from bot.telegram.handlers.alerts import AlertHandlers
from bot.telegram.handlers.auto_trading import AutoTradingHandlers
from bot.telegram.handlers.books import BookHandlers
from bot.telegram.handlers.cards import CardHandlers
from bot.telegram.handlers.community import CommunityHandlers
from bot.telegram.handlers.config import ConfigHandlers
from bot.telegram.handlers.copying import CopyHandlers
from bot.telegram.handlers.exports import ExportHandlers
from bot.telegram.handlers.following import FollowingHandlers
from bot.telegram.handlers.freezes import FreezeHandlers
from bot.telegram.handlers.guarded import GuardedHandlers
from bot.telegram.handlers.leaving import LeavingHandlers
from bot.telegram.handlers.modes import ModeHandlers
from bot.telegram.handlers.operations import OperationsHandlers
from bot.telegram.handlers.opinions import OpinionHandlers
from bot.telegram.handlers.paper import PaperHandlers
from bot.telegram.handlers.people import PeopleHandlers
from bot.telegram.handlers.preferences import PreferenceHandlers
from bot.telegram.handlers.security import SecurityHandlers
from bot.telegram.handlers.standing import StandingHandlers
from bot.telegram.handlers.sweeps import SweepHandlers
from bot.telegram.handlers.tokens import TokenHandlers
from bot.telegram.handlers.trade import TradeHandlers
from bot.telegram.handlers.traders import TraderHandlers
from bot.telegram.handlers.wallets import WalletHandlers
from bot.telegram.handlers.watching import WatchingHandlers
from bot.telegram.handlers.withdraw import WithdrawHandlers
from bot.telegram.read_quota import ReadQuota


def make_chat(
    account: AccountHandlers,
    trade: TradeHandlers,
    preferences: PreferenceHandlers,
    watching: WatchingHandlers,
    tokens: TokenHandlers,
    *,
    about: AboutHandlers,
    alerts: AlertHandlers,
    books: BookHandlers,
    cards: CardHandlers,
    config: ConfigHandlers,
    following: FollowingHandlers,
    copying: CopyHandlers,
    guarded: GuardedHandlers,
    leaving: LeavingHandlers,
    modes: ModeHandlers,
    operations: OperationsHandlers,
    opinions: OpinionHandlers,
    paper: PaperHandlers,
    people: PeopleHandlers,
    standing: StandingHandlers,
    community: CommunityHandlers,
    wallets: WalletHandlers,
    words: Words,
    quota: ReadQuota,
) -> Chat:
    """Bind the whole command table; a command without a handler is a programming error found at start."""
    handlers: dict[str, Handler] = {
        "start": account.start,
        "help": account.help,
        "wallet": account.wallet,
        "wallets": wallets.wallets,
        **about.commands(),
        "status": account.status,
        "balance": account.balance,
        **books.commands(),
        "mode": modes.mode,
        "settings": preferences.settings,
        "alerts": alerts.alerts,
        "snipe": preferences.snipe,
        "pause": preferences.pause,
        "resume": preferences.resume,
        "ack_outflow": preferences.ack_outflow,
        "price": tokens.price,
        "info": tokens.info,
        **opinions.commands(),
        **following.commands(),
        "snipe_enable": account.snipe_enable,
        "snipe_disable": account.snipe_disable,
        "buy": trade.buy,
        "sell": trade.sell,
        **paper.commands(),
        "confirm": trade.confirm,
        "cancel": trade.cancel,
        **standing.commands(),
        "positions": trade.positions,
        "card": cards.card,
        "why": watching.why,
        "panic": trade.panic,
        "close_account": leaving.close_account,
        **copying.commands(),
        **guarded.commands(),
        **people.commands(),
        **community.commands(),
        **operations.commands(),
        **config.commands(),
    }
    _compare_with_the_table(handlers)
    return Chat(handlers, words, people.role_of, quota)


def _compare_with_the_table(handlers: Mapping[str, Handler]) -> None:
    if missing := {command.name for command in COMMANDS} ^ set(handlers):
        raise ValueError(f"commands and handlers differ: {', '.join(sorted(missing))}")


__all__ = [
    "About",
    "AboutHandlers",
    "AccountHandlers",
    "AlertHandlers",
    "AutoTradingHandlers",
    "BookHandlers",
    "CardHandlers",
    "CommunityHandlers",
    "ConfigHandlers",
    "CopyHandlers",
    "ExportHandlers",
    "FollowingHandlers",
    "FreezeHandlers",
    "GuardedHandlers",
    "LeavingHandlers",
    "ModeHandlers",
    "OperationsHandlers",
    "OpinionHandlers",
    "PaperHandlers",
    "PeopleHandlers",
    "PreferenceHandlers",
    "Pulse",
    "SecurityHandlers",
    "StandingHandlers",
    "SweepHandlers",
    "TokenHandlers",
    "TradeHandlers",
    "TraderHandlers",
    "WalletHandlers",
    "WatchingHandlers",
    "WithdrawHandlers",
    "make_chat",
]
