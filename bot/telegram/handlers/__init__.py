"""One file per noun of the chat: what each command does through the ports."""

from __future__ import annotations

from bot.commands import COMMANDS
from bot.telegram.chat import Chat, Handler, Words
from bot.telegram.handlers.about import About, AboutHandlers, Pulse
from bot.telegram.handlers.account import AccountHandlers
from bot.telegram.handlers.alerts import AlertHandlers
from bot.telegram.handlers.books import BookHandlers
from bot.telegram.handlers.leaving import LeavingHandlers
from bot.telegram.handlers.modes import ModeHandlers
from bot.telegram.handlers.people import PeopleHandlers
from bot.telegram.handlers.preferences import PreferenceHandlers
from bot.telegram.handlers.standing import StandingHandlers
from bot.telegram.handlers.tokens import TokenHandlers
from bot.telegram.handlers.trade import TradeHandlers
from bot.telegram.handlers.wallets import WalletHandlers
from bot.telegram.handlers.watching import WatchingHandlers


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
    leaving: LeavingHandlers,
    modes: ModeHandlers,
    people: PeopleHandlers,
    standing: StandingHandlers,
    wallets: WalletHandlers,
    words: Words,
) -> Chat:
    """Bind the whole command table; a command without a handler is a programming error found at start."""
    handlers: dict[str, Handler] = {
        "start": account.start,
        "help": account.help,
        "wallet": account.wallet,
        "wallets": wallets.wallets,
        "deposit": about.deposit,
        "orders": about.orders,
        "health": about.health,
        "version": about.version,
        "diag": about.diag,
        "status": account.status,
        "balance": account.balance,
        "history": books.history,
        "profit": books.profit,
        "stats": books.stats,
        "my_stats": books.my_stats,
        "performance": books.performance,
        "mode": modes.mode,
        "settings": preferences.settings,
        "alerts": alerts.alerts,
        "snipe": preferences.snipe,
        "pause": preferences.pause,
        "resume": preferences.resume,
        "ack_outflow": preferences.ack_outflow,
        "price": tokens.price,
        "info": tokens.info,
        "track": watching.track,
        "untrack": watching.untrack,
        "snipe_enable": account.snipe_enable,
        "snipe_disable": account.snipe_disable,
        "buy": trade.buy,
        "sell": trade.sell,
        "confirm": trade.confirm,
        "cancel": trade.cancel,
        "limit": standing.limit,
        "dca": standing.dca,
        "positions": trade.positions,
        "why": watching.why,
        "panic": trade.panic,
        "close_account": leaving.close_account,
        "users": people.users,
        "role": people.role,
        "broadcast": people.broadcast,
    }
    if missing := {command.name for command in COMMANDS} ^ set(handlers):
        raise ValueError(f"commands and handlers differ: {', '.join(sorted(missing))}")
    return Chat(handlers, words, people.role_of)


__all__ = [
    "About",
    "AboutHandlers",
    "AccountHandlers",
    "AlertHandlers",
    "BookHandlers",
    "LeavingHandlers",
    "ModeHandlers",
    "PeopleHandlers",
    "PreferenceHandlers",
    "Pulse",
    "StandingHandlers",
    "TokenHandlers",
    "TradeHandlers",
    "WalletHandlers",
    "WatchingHandlers",
    "make_chat",
]
